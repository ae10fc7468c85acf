"""A real JupyterLab and a real browser, once per session; the browser tests skip, visibly, where there is none."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.notebook_ext.browser.lab import CHROMIUM, ROOT, Lab


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (`make browser` installs it where apt works)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1500, "height": 1000})
    context.set_default_timeout(600_000)  # a hang; every wait is for a condition
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(f"{error} {error.stack}"))
    yield page
    context.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory, browser):
    started = Lab(tmp_path_factory.mktemp("lab"))
    try:
        started.wait()
        yield started
    finally:
        started.close()


@pytest.fixture
def paced_run(tmp_path):
    """Starts the stand-in trainer; ends it with the test."""
    processes = []

    def start(name: str, steps: int, seconds: float = 0.1, folder: Path = tmp_path) -> Path:
        command = [sys.executable, "-m", "tests.notebook_ext.paced_run", folder / name, str(steps), str(seconds)]
        processes.append(subprocess.Popen(command, cwd=ROOT))
        while not (folder / name / "run.db").exists():
            time.sleep(0.05)
        return folder / name

    yield start
    for process in processes:
        process.kill()
        process.wait()
