"""What an editable install puts into a real JupyterLab: status-bar item, side panel, palette commands, and the server's half."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.notebook_ext.made_run import make_run

pytestmark = pytest.mark.browser

HOSTILE = "\"><img src=x onerror=document.title='owned'>'\\\u202e"
AXE = Path(__file__).parents[1] / "js" / "node_modules" / "axe-core" / "axe.min.js"


def ours(errors):
    """Errors that came through the extension's own files; JupyterLab's theme change trips over itself now and then."""
    return [error for error in errors if "extensions/rltf" in error]


def run_command(page, name):
    page.wait_for_function("name => jupyterapp.commands.isEnabled(name)", arg=f"rltf:{name}")
    page.evaluate("name => { jupyterapp.commands.execute(name) }", f"rltf:{name}")


def open_lab(lab, page, theme="JupyterLab Light"):
    page.goto(f"{lab.url}/lab/workspaces/extension?token={lab.token}&reset")
    page.wait_for_function("window.jupyterapp")
    page.evaluate(
        "theme => jupyterapp.restored.then(() => jupyterapp.commands.execute('apputils:change-theme', {theme}))", theme
    )
    page.wait_for_selector(".jp-Launcher")  # when it appears it moves the panel and takes the focus


def test_the_running_job_is_in_the_status_bar_and_can_be_steered_and_watched(lab, page, paced_run):
    paced_run("paced", 2000, folder=lab.folder / "runs")
    open_lab(lab, page, "JupyterLab Dark")
    status = page.locator(".rltf-status button")
    status.filter(has_text="rltf: paced running, step").click()
    panel = page.locator(".rltf-panel")
    panel.get_by_role("button", name="Pause paced").click()
    status.filter(has_text="rltf: paced paused").wait_for()
    panel.get_by_role("button", name="Resume paced").wait_for()
    run_command(page, "resume")
    panel.get_by_role("button", name="Pause paced").wait_for()
    panel.get_by_role("button", name="Watch paced").click()
    page.wait_for_selector(".rltf[data-dark=true] .row.selected")
    page.wait_for_selector(".rltf .segment")  # a record was asked for and came: clicks reach the kernel
    run_command(page, "stop")
    page.wait_for_selector(".rltf-panel [data-state=stopped]")
    page.frame_locator("iframe[title=rltf]").locator(".rltf .status[data-state=stopped]").wait_for()
    assert page.locator(".rltf-status button").count() == 0
    assert ours(page.errors) == []


def test_a_press_on_a_button_of_the_panel_counts_though_news_comes_before_it_ends(lab, page, paced_run):
    paced_run("pressed", 2000, folder=lab.folder / "runs")
    open_lab(lab, page)
    run_command(page, "show-runs")
    pause = page.locator(".rltf-panel").get_by_role("button", name="Pause pressed")
    status = page.locator(".rltf-status button")
    pause.hover()
    page.mouse.down()
    for _ in range(2):
        said = status.inner_text()
        page.wait_for_function("said => document.querySelector('.rltf-status').innerText !== said", arg=said)
    page.mouse.up()
    page.locator(".rltf-panel").get_by_role("button", name="Resume pressed").wait_for(timeout=30_000)


def test_a_hostile_name_is_text_in_the_panel_and_its_report_opens_in_the_themes_colours(lab, page):
    make_run(lab.folder / "some" / "runs" / HOSTILE, steps=3)
    open_lab(lab, page, "JupyterLab Dark")
    run_command(page, "show-runs")
    item = page.locator(".rltf-run", has_text="onerror")
    assert "⟦U+202E⟧" in item.inner_text()
    item.get_by_role("button", name="Report").click()
    frame = page.frame_locator("iframe.rltf-report")
    frame.locator(".rltf[data-dark=true] .row").nth(1).click()
    frame.locator(".rltf .segment").first.wait_for()
    assert page.locator(".rltf-panel img").count() == 0
    assert "owned" not in page.title().split("onerror")[0]
    assert page.locator("iframe.rltf-report").get_attribute("sandbox") == "allow-scripts allow-downloads"
    if AXE.exists():
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run('.rltf-panel', {resultTypes: ['violations']})")
        assert [each["id"] for each in found["violations"]] == []
    assert ours(page.errors) == []


def test_typing_rltf_into_the_palette_finds_the_commands_and_one_opens_the_view_in_a_tab(lab, page, paced_run):
    paced_run("tabbed", 2000, folder=lab.folder / "runs")
    open_lab(lab, page)
    page.wait_for_function("jupyterapp.commands.isEnabled('rltf:watch-tab')")
    page.wait_for_function(
        """() => {
          if (document.activeElement?.matches('.jp-ModalCommandPalette input')) return true;
          jupyterapp.commands.execute('apputils:activate-command-palette');
          return false;
        }""",
        polling=1000,
    )
    page.keyboard.type("rltf")
    page.locator(".lm-CommandPalette-item", has_text="rltf: Show runs").wait_for()
    assert page.locator(".lm-CommandPalette-item").first.inner_text().startswith("rltf: ")
    page.keyboard.press("Escape")
    run_command(page, "watch-tab")
    page.wait_for_selector(".jp-MainAreaWidget:not(.jp-NotebookPanel) .rltf .row.selected")
    assert ours(page.errors) == []


def ask(lab, path, body=None, token=True):
    """Status and JSON that the server answers."""
    headers = {"Authorization": f"token {lab.token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{lab.url}/rltf/{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_server_answers_only_who_may_ask_and_only_about_runs(lab):
    make_run(lab.folder.parent / "elsewhere" / "runs" / "other", steps=1, per_step=1)
    folder = make_run(lab.folder / "runs" / "asked", steps=1, per_step=1, state="running")
    assert ask(lab, "runs", token=False)[0] == 403
    assert ask(lab, "command", {"path": "runs/asked", "command": "stop"}, token=False)[0] == 403
    assert not (folder / "control.json").exists()
    status, found = ask(lab, "runs")
    assert status == 200
    assert "runs/asked" in [row["path"] for row in found["runs"]]
    for path in ("../elsewhere/runs/other", "/etc/passwd", "runs", "runs/nothing"):
        assert ask(lab, f"report?path={urllib.parse.quote(path)}")[0] == 404
        assert ask(lab, "command", {"path": path, "command": "stop"})[0] == 404
    for body in ({"path": "runs/asked", "command": "dance"}, {"path": "runs/asked", "command": ["stop"]}, [], {}):
        assert ask(lab, "command", body)[0] == 400
    assert ask(lab, "command", {"path": "runs/asked", "command": "pause"}) == (200, {"id": 1})
    assert json.loads((folder / "control.json").read_text()) == {"command": "pause", "id": 1}
