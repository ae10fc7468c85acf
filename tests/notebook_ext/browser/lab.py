"""Start a JupyterLab server and act in it as a person does, for the browser tests and for the screenshots."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


def installed(prefix: Path) -> dict[str, str]:
    """Install rltf in editable mode below a prefix of its own; returns where Jupyter has to look for what that put there."""
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    command += ["--ignore-installed"]  # else pip takes away the rltf that is installed here
    command += [
        "--disable-pip-version-check",
        "--root-user-action=ignore",
        "--prefix",
        str(prefix),
        "--editable",
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    return {"JUPYTER_PATH": str(prefix / "share/jupyter"), "JUPYTER_CONFIG_PATH": str(prefix / "etc/jupyter")}


class Lab:
    """A JupyterLab server, and what a person does in it; with rltf's extension, from an editable install."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(8)
        self.url = ""
        self.runtime = tempfile.TemporaryDirectory(prefix="lab-")  # a socket's path has at most 107 bytes
        homes = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
        homes |= {"JUPYTER_RUNTIME_DIR": self.runtime.name}
        settings = folder / "settings"
        settings.mkdir(parents=True)
        (settings / "overrides.json").write_text(
            '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}'
        )
        options = ["--allow-root", "--no-browser", "--ip=127.0.0.1", "--port=0", "--KernelManager.transport=ipc"]
        options += [
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={folder}",
            f"--LabApp.app_settings_dir={settings}",
        ]
        options += [f"--{app}.expose_app_in_browser=True" for app in ("LabApp", "JupyterNotebookApp")]
        self.log = (folder / "lab.log").open("wb")
        environment = {**os.environ, **homes, "PYTHONPATH": str(ROOT), **installed(folder / "prefix")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=self.log, stderr=self.log
        )

    def wait(self) -> None:
        written = Path(self.runtime.name) / f"jpserver-{self.process.pid}.json"  # names the port that was taken
        while True:
            try:
                self.url = json.loads(written.read_text())["url"].rstrip("/")
                urllib.request.urlopen(f"{self.url}/api?token={self.token}").close()
            except (OSError, ValueError):
                assert self.process.poll() is None, (self.folder / "lab.log").read_text()
                time.sleep(0.1)
            else:
                return

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # where a kernel has only just started, Jupyter may wait for it forever
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.runtime.cleanup()

    def write(self, name: str, *cells: str) -> Path:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.folder / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    def open(self, page, name: str) -> None:
        """Open a notebook in Lab and wait for its kernel."""
        self.visit(page, f"lab/workspaces/{name}/tree/{name}.ipynb", "&reset")

    def visit(self, page, path: str, query: str = "") -> None:
        """Open a page that shows a notebook, and wait for its kernel: a cell that runs before it asks for one in a dialog."""
        page.goto(f"{self.url}/{path}?token={self.token}{query}")
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
