"""The view's script: small modules under `js/`, joined into the one module that notebooks and pages load.

What this module does not do: minify or compile; the modules are plain JavaScript with unique top-level names, so
joining them is leaving out the imports among them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
STYLE = (_FOLDER / "view.css").read_text(encoding="utf-8")
"""The stylesheet of every view."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def view_script() -> str:
    """One ES module with one export, `default {render}`, and no imports.

    Raises:
        ValueError: a module holds what cannot stand inside a script element.
    """
    seen: dict[str, str] = {}
    _collect("index", seen)
    script = "\n".join(seen.values())
    if "</" in script or "<!--" in script:
        raise ValueError("training/page/js: '</' or '<!--' would end the script element of a page")
    return script


def _collect(name: str, seen: dict[str, str]) -> None:
    """Add a module after those it imports."""
    if name in seen:
        return
    source = (_FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8")
    for imported in _IMPORT.finditer(source):
        _collect(imported.group(2), seen)
    seen[name] = _EXPORT.sub("", _IMPORT.sub("", source))
