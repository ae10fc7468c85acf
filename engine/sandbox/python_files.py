"""Where Python's own files lie: what a program may read, and which directories a name space shows.

Every other installed package stays out of reach, because a data set with the answers may be among them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_PACKAGES = ("site-packages", "dist-packages")
_SYSTEM = ("/usr/share/zoneinfo", "/usr/lib/locale/C.utf8", "/etc/alternatives")
"""Time zones, the locale, and the links through which Debian chooses numpy's BLAS."""


@dataclass(frozen=True, slots=True)
class PythonFiles:
    """Paths as the interpreter spells them and, where a link leads elsewhere, as the kernel does."""

    readable: tuple[str, ...]
    """Files and directories (with all that is in them) to grant."""
    visible: tuple[str, ...]
    """Directories to show in a name space."""
    hidden: tuple[str, ...]
    """Directories within those to show empty, but for what is `visible` in these."""


def python_files(packages: Mapping[str, Sequence[str]]) -> PythonFiles:
    """Find the standard library, the shared libraries and the directories of `packages`.

    Args:
        packages: name -> its directories, from `engine.sandbox.packages.installed`.
    """
    linked = os.path.dirname(os.path.realpath(os.__file__))  # the library may be a tree of links into a store
    libraries = _spellings([*filter(os.path.isdir, sys.path), linked])
    offered = [folder for folders in packages.values() for folder in folders]
    readable, visible, hidden = list(offered), [*libraries, *offered], []
    for library in libraries:
        readable += [entry.path for entry in os.scandir(library) if entry.name not in _PACKAGES]
        hidden += [os.path.join(library, name) for name in _PACKAGES]
    for folder in _shared_library_folders():
        if any(contains(library, folder) for library in libraries):
            continue
        visible.append(folder)
        if any(contains(folder, library) for library in libraries):  # <prefix>/lib, with all packages in it
            readable += [entry.path for entry in os.scandir(folder) if ".so" in entry.name and entry.is_file()]
            hidden += _strangers(folder, libraries)
        else:
            readable.append(folder)
    return PythonFiles(tuple(readable), tuple(visible), tuple(hidden))


def contains(folder: str, path: str) -> bool:
    """Tell whether `path` is `folder` or lies in it."""
    return (path + "/").startswith(folder.rstrip("/") + "/")


def _spellings(paths: Iterable[str]) -> list[str]:
    """Give each path as it is written and with its links followed, once."""
    return list(dict.fromkeys(spelling for path in paths for spelling in (path, os.path.realpath(path))))


def _shared_library_folders() -> list[str]:
    """Find the directories of the shared libraries that this process has loaded, or may load."""
    with open("/proc/self/maps", "rb") as maps:
        mapped = {os.fsdecode(line.split(None, 5)[5].rstrip(b"\n")) for line in maps if line.count(b"/")}
    folders = {os.path.dirname(path) for path in mapped if ".so" in os.path.basename(path)}
    beside = os.path.join(sys.base_exec_prefix, sys.platlibdir)
    zones = os.path.join(sys.base_prefix, "share", "zoneinfo")
    return [path for path in [*sorted(folders), *_spellings((beside, zones)), *_SYSTEM] if os.path.isdir(path)]


def _strangers(folder: str, libraries: Sequence[str]) -> Iterator[str]:
    """Find directories beneath `folder` that hold none of the `libraries`."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False) and entry.path not in libraries:
            if any(contains(entry.path, library) for library in libraries):
                yield from _strangers(entry.path, libraries)
            else:
                yield entry.path
