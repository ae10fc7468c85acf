"""Measured tables in the documentation, between `<!-- name -->` and `<!-- /name -->`.

What this does not do: measure.
"""

from __future__ import annotations

from pathlib import Path


def write_between_markers(page: Path, name: str, text: str) -> None:
    """Replace what is between the markers; a page or markers that are missing are added at its end."""
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = page.read_text(encoding="utf-8") if page.exists() else "# Performance, measured\n"
    if opening not in content:
        content += f"\n{opening}\n{closing}\n"
    before, rest = content.split(opening, 1)
    after = rest.split(closing, 1)[1]
    page.write_text(f"{before}{opening}\n\n{text}\n\n{closing}{after}", encoding="utf-8")
