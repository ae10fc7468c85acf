"""A real JupyterLab and a real browser, once per session; the browser tests skip, visibly, where there is none."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


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
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    context.close()


class Lab:
    """A JupyterLab server, and what a person does in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(8)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        port = self.url.rsplit(":", 1)[1]
        homes = {
            name: str(folder / name.lower())
            for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        }
        settings = folder / "settings"
        settings.mkdir(parents=True)
        (settings / "overrides.json").write_text(
            '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}'
        )
        options = ["--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
        options += [
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={folder}",
            f"--LabApp.app_settings_dir={settings}",
        ]
        options += ["--LabApp.expose_app_in_browser=True"]
        self.log = (folder / "lab.log").open("wb")
        environment = {**os.environ, **homes, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=self.log, stderr=self.log
        )

    def wait(self) -> None:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/api?token={self.token}", timeout=5).close()
            except OSError:
                assert self.process.poll() is None, (self.folder / "lab.log").read_text()
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.folder / "lab.log").read_text())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()

    def write(self, name: str, *cells: str) -> Path:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.folder / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    def open(self, page, name: str) -> None:
        """Open a notebook in Lab and wait for its kernel."""
        page.goto(f"{self.url}/lab/workspaces/{name}/tree/{name}.ipynb?token={self.token}&reset")
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel")
        page.evaluate(
            "async () => { await jupyterapp.restored; const {sessionContext} = jupyterapp.shell.currentWidget; await sessionContext.ready; await sessionContext.session.kernel.info }"
        )

    def run_all(self, page, wait: bool = True) -> None:
        run = page.evaluate if wait else page.evaluate_handle
        run(
            "() => { window.ran = jupyterapp.commands.execute('notebook:run-all-cells'); return "
            + ("window.ran" if wait else "1")
            + " }"
        )


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

    def start(name: str, steps: int, seconds: float = 0.1) -> Path:
        command = [sys.executable, "-m", "tests.notebook_ext.paced_run", tmp_path / name, str(steps), str(seconds)]
        processes.append(subprocess.Popen(command, cwd=ROOT))
        while not (tmp_path / name / "run.db").exists():
            time.sleep(0.05)
        return tmp_path / name

    yield start
    for process in processes:
        process.kill()
        process.wait()
