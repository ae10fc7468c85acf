"""Makes the screenshots of README and docs from a real run: `python docs/screenshots.py RUN` (needs Chromium).

What this script does not do: train. Any finished run will do; the pictures in the repository show one of `make train`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from training.page import build_page
from training.run import Run

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = {"width": 1400, "height": 900}


def main(folder: str) -> None:
    """Write `docs/images/*.png`."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("docs/screenshots.py: no Chromium on this machine (`make browser` installs it where apt works)")
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as temporary, sync_playwright() as playwright:
        page = Path(temporary) / "report.html"
        page.write_text(build_page(Run.open(folder), budget=10**8), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for theme, name in (("light", "report"), ("dark", "report-dark")):
            shown = _open(browser, page, theme)
            shown.locator(".mark-L").first.click()
            shown.mouse.move(0, 0)
            shown.screenshot(path=IMAGES / f"{name}.png")
        _compare(_open(browser, page, "light"))
        browser.close()


def _open(browser: Browser, page: Path, theme: str) -> Page:
    context = browser.new_context(color_scheme=theme, viewport=SIZE)  # type: ignore[arg-type]
    shown = context.new_page()
    shown.goto(page.as_uri())
    shown.locator(".segment").first.wait_for()
    return shown


def _compare(shown: Page) -> None:
    """A failing sample beside a passing one of the same problem."""
    shown.locator(".pin").click()
    problem = shown.locator(".heading h2").text_content() or ""
    shown.get_by_label("search samples").fill(problem)
    passing = shown.locator(".row:has(.outcome-passed)")
    (passing if passing.count() else shown.locator(".row")).first.click()
    shown.locator("table.compare").wait_for()
    shown.screenshot(path=IMAGES / "compare.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])
