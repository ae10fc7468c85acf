"""Makes the screenshots of README and docs from a real run: `python -m docs.screenshots RUN`.

The live pictures are of the view in a real JupyterLab, with rltf's extension, while a stand-in for the trainer writes
the run's own rows again, step by step; the others are of the report's page. Needs Chromium and JupyterLab. What this
script does not do: train. Any finished run will do; the pictures in the repository show one of `make train`.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.notebook_ext.browser.lab import CHROMIUM, ROOT, Lab
from training.page import build_page
from training.run import Run

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = {"width": 1400, "height": 900}
LIVE = {"width": 1500, "height": 1130}
THEMES = {"live": "JupyterLab Light", "live-dark": "JupyterLab Dark"}
TABLES = ("metrics", "samples", "events")


def main(folder: str) -> None:
    """Write `docs/images/*.png`."""
    if CHROMIUM is None:
        sys.exit("docs/screenshots.py: no Chromium on this machine (`make browser` installs it where apt works)")
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as temporary, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        _report(browser, Path(temporary), folder)
        _live(browser, Path(temporary), folder)
        browser.close()


def _report(browser: Browser, temporary: Path, folder: str) -> None:
    page = temporary / "report.html"
    page.write_text(build_page(Run.open(folder), budget=10**8), encoding="utf-8")
    for theme, name in (("light", "report"), ("dark", "report-dark")):
        shown = _open(browser, page, theme)
        shown.locator(".mark-L").first.click()
        shown.mouse.move(0, 0)
        shown.screenshot(path=IMAGES / f"{name}.png")
    _compare(_open(browser, page, "light"))
    _group(_open(browser, page, "light"))
    _history(_open(browser, page, "light"))


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


def _group(shown: Page) -> None:
    """The samples of one prompt: a failing one beside the nearest that passed."""
    shown.get_by_label("search samples").fill('reward < 0 and code == "E0602"')
    shown.locator(".row").first.click()
    shown.locator("[data-page=group]").click()
    shown.locator("table.group .credited").first.wait_for()
    shown.get_by_label("size of the charts").select_option("small")
    shown.screenshot(path=IMAGES / "group.png")


def _history(shown: Page) -> None:
    """Error classes through time."""
    shown.locator("[data-page=history]").click()
    shown.locator("svg.flow").last.scroll_into_view_if_needed()
    shown.screenshot(path=IMAGES / "history.png")


def _live(browser: Browser, temporary: Path, folder: str) -> None:
    """The live view in JupyterLab, light and dark, with the side panel and the status bar."""
    lab = Lab(temporary / "lab")
    target = temporary / "lab" / "runs" / Path(folder).resolve().name
    writer = subprocess.Popen([sys.executable, "-m", "docs.screenshots", "--replay", folder, str(target)], cwd=ROOT)
    try:
        lab.wait()
        lab.write("watch", f'from notebook_ext import TrainingView\n\nTrainingView("runs/{target.name}")')
        context = browser.new_context(viewport=LIVE)  # type: ignore[arg-type]
        shown = context.new_page()
        lab.open(shown, "watch")
        lab.run_all(shown)
        shown.evaluate("jupyterapp.commands.execute('rltf:show-runs')")
        shown.wait_for_timeout(4000)  # the view catches up with the steps that were there before it
        for name, theme in THEMES.items():
            shown.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
            shown.wait_for_selector(f".rltf[data-dark={str(name == 'live-dark').lower()}] .row.selected")
            shown.get_by_label("size of the charts").select_option("small")
            shown.get_by_label("search samples").fill('reward < 0 and code == "E0602"')
            shown.wait_for_selector(".rltf .count button:visible")  # the list is filtered
            shown.locator(".rltf .row").first.click()
            shown.wait_for_timeout(1500)  # its record comes from the kernel
            shown.locator(".rltf .center[aria-busy=false] .mark-L").first.click()
            shown.locator(".rltf table.parts").wait_for()
            shown.locator(".rltf-status button").wait_for()
            shown.wait_for_timeout(1500)  # the panel looks at the runs every two seconds
            shown.screenshot(path=IMAGES / f"{name}.png")
        context.close()
    finally:
        writer.kill()
        writer.wait()
        lab.close()


def replay(folder: str, target: str) -> None:
    """Write a run's rows into a new run directory: two thirds of its steps at once, then one each three seconds."""
    source = sqlite3.connect(Path(folder) / "run.db")
    Path(target).mkdir(parents=True)
    for name in ("config.toml", "about.json"):
        (Path(target) / name).write_text((Path(folder) / name).read_text())
    written = sqlite3.connect(Path(target) / "run.db", isolation_level=None)
    written.execute("PRAGMA journal_mode = WAL")
    for table in TABLES:
        written.execute(source.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0])
    last = source.execute("SELECT max(step) FROM metrics").fetchone()[0]
    for step in range(last):  # not the last one: then the run would have ended
        written.execute("BEGIN")
        for table in TABLES:
            rows = source.execute(f"SELECT * FROM {table} WHERE step = ?", (step,))  # noqa: S608
            marks = ",".join("?" * len(rows.description))
            written.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
        written.execute("COMMIT")
        if step > last * 2 / 3:
            time.sleep(3)
    time.sleep(600)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--replay"]:
        replay(*sys.argv[2:4])
    elif len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        sys.exit(__doc__)
