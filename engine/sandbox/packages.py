"""Offer installed packages to programs and tests: numpy, where it is installed.

Published programs and tests (HumanEval+) use it. Every other installed package stays out of reach, because a data set
with the answers may be among them. Nothing is imported before a program does it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

OFFERED = ("numpy",)


def installed() -> dict[str, list[str]]:
    """List the directories of each offered package that this interpreter can import, then those of its libraries."""
    found = {}
    for name in OFFERED:
        spec = PathFinder.find_spec(name)
        if spec is not None and spec.origin is not None and spec.submodule_search_locations:
            own = os.path.dirname(os.path.realpath(spec.origin))  # installers may link each file into a store of theirs
            found[name] = [folder for folder in (own, own + ".libs") if os.path.isdir(folder)]
    return found


class Finder:
    """A finder of the offered packages, for when the directories around them cannot be read."""

    def __init__(self, packages: Mapping[str, Sequence[str]]) -> None:
        self._packages = packages

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find a module, as `importlib.abc.MetaPathFinder` does."""
        if name not in self._packages:
            return None
        folder = self._packages[name][0]
        origin = os.path.join(folder, "__init__.py")
        spec = ModuleSpec(name, SourceFileLoader(name, origin), origin=origin, is_package=True)
        spec.submodule_search_locations = [folder]
        spec.has_location = True
        return spec


def offer(packages: Mapping[str, Sequence[str]]) -> None:
    """Let this process and its children import `packages`."""
    if packages:
        sys.meta_path.append(Finder(packages))
