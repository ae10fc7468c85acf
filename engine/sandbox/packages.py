"""The installed packages that programs and tests may import: numpy, where it lies beside this package.

Published programs and tests (HumanEval+) use it. Every other installed package stays out of reach: a data set with the
answers may be among them.

What this module does not do: import anything before a program does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

OFFERED = ("numpy",)


def installed() -> dict[str, list[str]]:
    """Directories of each offered package that this interpreter could import: its own first, then its libraries."""
    found = {}
    for name in OFFERED:
        spec = PathFinder.find_spec(name)
        if spec is not None and spec.origin is not None and spec.submodule_search_locations:
            own = os.path.dirname(os.path.realpath(spec.origin))  # installers may link each file into a store of theirs
            found[name] = [folder for folder in (own, own + ".libs") if os.path.isdir(folder)]
    return found


class Finder:
    """Finds the offered packages where the directories around them cannot be read."""

    def __init__(self, packages: Mapping[str, Sequence[str]]) -> None:
        self._packages = packages

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder`."""
        if name not in self._packages:
            return None
        folder = self._packages[name][0]
        origin = os.path.join(folder, "__init__.py")
        spec = ModuleSpec(name, SourceFileLoader(name, origin), origin=origin, is_package=True)
        spec.submodule_search_locations = [folder]
        spec.has_location = True
        return spec


def offer(packages: Mapping[str, Sequence[str]]) -> None:
    """Lets this process and its children import `packages`."""
    if packages:
        sys.meta_path.append(Finder(packages))
