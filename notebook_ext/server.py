"""Extend Jupyter Server with handlers that list runs, pass on commands and return a run's page.

The server itself loads this (`etc/jupyter/jupyter_server_config.d/rltf.json`). It shows only runs that
`notebook_ext.found_runs` finds below the server's own root folder, to whoever may use the server. No kernel is
involved, so it answers while kernels are busy.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, authenticated

from notebook_ext.found_runs import FoundRuns
from notebook_ext.monitor import COMMANDS
from training import Run
from training.page import build_page


class _Handler(APIHandler):  # type: ignore[misc]  # untyped base
    auth_resource = "contents"  # whoever may read (or write) files here may see (or steer) the runs among them

    def initialize(self, found: FoundRuns) -> None:
        self.found = found

    async def run_named(self, path: object) -> Run:
        """Return the run of a row's `path`, or 404 where there is none. A request reaches nothing but runs."""
        run = await asyncio.to_thread(self.found.run, str(path))
        if run is None:
            raise HTTPError(404, "rltf: no such run below the server's root folder")
        return run


class RunsHandler(_Handler):
    """Answers GET `rltf/runs` with the rows of `FoundRuns`."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        self.finish(await asyncio.to_thread(self.found.rows))


class CommandHandler(_Handler):
    """Answers POST `rltf/command` with `{path, command}` by asking a run's trainer to pause, resume or stop."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        body = self.get_json_body()
        command = next((each for each in COMMANDS if isinstance(body, dict) and body.get("command") == each), None)
        if command is None:
            raise HTTPError(400, f"rltf: command must be one of {', '.join(COMMANDS)}")
        run = await self.run_named(body.get("path"))
        self.finish({"id": await asyncio.to_thread(run.send, command)})


class ReportHandler(_Handler):
    """Answers GET `rltf/report?path=...&theme=light|dark` with `{html}`, the run's present self-contained page."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        run = await self.run_named(self.get_query_argument("path"))
        theme = self.get_query_argument("theme", "")
        shown = await asyncio.to_thread(build_page, run, theme=theme if theme in ("light", "dark") else None)
        self.finish({"html": shown})


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "notebook_ext.server"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Register the handlers. Jupyter Server calls this when it starts."""
    found = {"found": FoundRuns(Path(server.root_dir).expanduser())}
    base = server.web_app.settings["base_url"]
    handlers = {"runs": RunsHandler, "command": CommandHandler, "report": ReportHandler}
    routes = [(url_path_join(base, "rltf", name), handler, found) for name, handler in handlers.items()]
    server.web_app.add_handlers(".*$", routes)
