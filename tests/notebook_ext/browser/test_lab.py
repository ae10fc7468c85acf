"""What a person does with the view in a real JupyterLab, Notebook 7 and browser; the trainer is a stand-in but in one test."""

import itertools
import re
from pathlib import Path

import pytest

from tests.notebook_ext.made_run import make_run, record, reports
from tests.notebook_ext.test_real_trainer import SHORT, wait_until
from training import Run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(__file__).parents[1] / "js" / "node_modules" / "axe-core" / "axe.min.js"
SHOW = "from notebook_ext import TrainingView\nview = TrainingView({!r})\nview"
STEP = "Number(document.querySelector('.rltf .progress').innerText.split(' ')[1])"


def step(page):
    return page.evaluate(STEP)


def wait_for_steps(page, count):
    page.wait_for_function(f"before => {STEP} >= before + {count}", arg=step(page))


def show_run(lab, page, name, folder):
    lab.write(name, SHOW.format(str(folder)))
    lab.open(page, name)
    lab.run_all(page)
    page.wait_for_selector(".rltf .row.selected")


def button(page, name):
    return page.locator(".rltf .top").get_by_role("button", name=name)


def test_a_live_run_can_be_watched_paused_resumed_and_stopped_and_its_frozen_output_reopened(lab, page, paced_run):
    show_run(lab, page, "live", paced_run("live", 20_000))
    wait_for_steps(page, 3)
    button(page, "Pause").click()
    page.wait_for_selector(".rltf .status[data-state=paused]")
    still = step(page)
    page.wait_for_timeout(800)
    assert step(page) == still
    button(page, "Resume").click()
    wait_for_steps(page, 1)
    page.locator(".rltf .listbox").press("ArrowDown")  # the rows move on too fast for a pointer
    page.wait_for_selector(".rltf:has(button[title='key f'][aria-pressed=false]) .center[aria-busy=false]")
    page.locator(".rltf .segment[data-token='3']").first.click()
    page.wait_for_selector(".rltf .token:has-text('Token 4 of')")
    boxes = [each.bounding_box() for each in page.locator(".rltf dl.facts :is(dt, dd)").all()]
    edges = [(box["x"], box["x"] + box["width"], box["y"]) for box in boxes]
    beside = [(left, right) for left, right in itertools.pairwise(edges) if left[2] == right[2] and right[0] > left[0]]
    assert len(beside) >= 4
    assert all(left[1] <= right[0] for left, right in beside), (
        "JupyterLab's own styles of lists must not reach the view"
    )
    button(page, "Stop").click()
    frame = page.frame_locator("iframe[title=rltf]")
    frame.locator(".rltf .status[data-state=stopped]").wait_for()
    assert frame.locator(".rltf .row").count() > 3
    assert page.errors == []
    page.evaluate(
        "async () => { await jupyterapp.commands.execute('docmanager:save'); await jupyterapp.shell.currentWidget.sessionContext.shutdown() }"
    )
    page.reload()
    frame.locator(".rltf .row:not(.bare)").last.click()  # of a long run a page keeps the tokens of some samples only
    frame.locator(".rltf .segment[data-token='0']").first.wait_for()


LAUNCH = """
from notebook_ext import TrainingView
from training import TrainConfig, launch
run = launch(TrainConfig.load(overrides={!r}))
TrainingView(run)
"""


def test_a_run_that_a_notebook_launches_is_steered_there_and_goes_on_when_its_kernel_restarts(lab, page, tmp_path):
    settings = {**SHORT, "run.folder": str(tmp_path), "run.name": "real", "run.threads": "1"}
    lab.write("real", LAUNCH.format(settings))
    lab.open(page, "real")
    lab.run_all(page)
    page.wait_for_selector(".rltf .row.selected")
    run = Run(tmp_path / "real")
    button(page, "Pause").click()
    page.wait_for_selector(".rltf .status[data-state=paused]")
    still = len(run.metrics())
    page.wait_for_timeout(1000)
    assert len(run.metrics()) == still
    button(page, "Resume").click()
    wait_until(lambda: len(run.metrics()) > still)
    page.evaluate("() => { jupyterapp.shell.currentWidget.sessionContext.restartKernel() }")
    page.wait_for_selector(".rltf .notice:has-text('restarted or shut down')")
    assert "gone" in page.locator(".rltf .status").inner_text()
    assert "TrainingView(" in page.locator(".rltf .notice").inner_text()
    for name in ("Pause", "Stop"):
        assert button(page, name).is_disabled()
    page.locator(".rltf .row").nth(2).click()  # throws nothing
    page.wait_for_selector(".rltf .heading:has-text('not loaded before')")
    assert page.errors == []
    page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.session.kernel.info }")
    before = run.samples()[-1]["step"]
    wait_until(lambda: run.samples()[-1]["step"] > before)
    run.send("stop")
    wait_until(lambda: run.state["state"] == "stopped")
    wait_until((run.path / "checkpoints" / f"step-{run.state['step']}").is_dir)


def test_a_notebook_saved_while_live_shows_the_run_when_it_is_opened_without_its_kernel(lab, page, paced_run):
    lab.write(
        "saved",
        "import notebook_ext.views\nnotebook_ext.views.KEEP_FIRST = 0.5\n" + SHOW.format(str(paced_run("saved", 2000))),
    )
    lab.open(page, "saved")
    lab.run_all(page)
    page.wait_for_selector("iframe[title=rltf]", state="attached")
    page.evaluate(
        "async () => { await jupyterapp.commands.execute('docmanager:save'); await jupyterapp.shell.currentWidget.sessionContext.shutdown() }"
    )
    page.reload()
    page.locator("summary", has_text="rltf run saved: running at step").first.click()
    frame = page.frame_locator("iframe[title=rltf]")
    frame.locator(".rltf .row:not(.bare)").last.click()  # of a long run a page keeps the tokens of some samples only
    frame.locator(".rltf .segment[data-token='0']").first.wait_for()


def test_a_page_reloaded_in_mid_run_is_whole_again(lab, page, paced_run):
    show_run(lab, page, "reload", paced_run("reload", 20_000))
    wait_for_steps(page, 2)
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    before = step(page)
    lab.open(page, "reload")
    page.wait_for_selector(".rltf .row.selected")
    wait_for_steps(page, 2)
    rows = page.evaluate("Number(document.querySelector('.rltf .count').innerText.split(' ')[0])")
    assert rows >= 4 * before
    # clicks may be dead after a reload (ipykernel 7.4): then the view must say so, else it must pause
    button(page, "Pause").click()
    page.wait_for_selector(".rltf .status[data-state=paused], .rltf .notice:has-text('does not answer')")


def luminance(colour):
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return 0.299 * red + 0.587 * green + 0.114 * blue


def check_themes(page):
    shown = {}
    for theme, dark in (("JupyterLab Dark", "true"), ("JupyterLab Light", "false")):
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        page.wait_for_selector(f".rltf[data-dark={dark}]")
        style = "(() => { const s = getComputedStyle(document.querySelector('.rltf')); return [s.color, s.backgroundColor] })()"
        if AXE.exists():
            page.evaluate(AXE.read_text())
            found = page.evaluate("axe.run('.rltf', {resultTypes: ['violations']})")
            assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]] == []
        shown[dark] = [luminance(colour) for colour in page.evaluate(style)]
    assert shown["true"][0] - shown["true"][1] > 150
    assert shown["false"][1] - shown["false"][0] > 150


def test_keys_leave_the_notebook_alone_and_a_change_of_theme_changes_the_view(lab, page, tmp_path):
    show_run(lab, page, "keys", make_run(tmp_path / "keys", steps=5, state="running"))
    page.locator(".rltf .listbox").focus()
    first = page.locator(".rltf .row.selected").get_attribute("aria-posinset")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.wait_for_function(
        f"document.querySelector('.rltf .row.selected').getAttribute('aria-posinset') == {int(first) + 2}"
    )
    page.locator(".rltf .code").focus()
    for key in ("ArrowRight", "ArrowRight", "5"):
        page.keyboard.press(key)
    page.wait_for_selector(".rltf [data-component=fine][aria-pressed=true]")
    for key in ("a", "b", "d", "d", "x", "m"):  # keys of the notebook's command mode, typed into a search
        page.locator(".rltf input[type=search]").press(key)
    assert page.locator(".rltf input[type=search]").input_value() == "abddxm"
    assert page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length") == 1
    assert page.evaluate("jupyterapp.shell.currentWidget.content.widgets[0].model.type") == "code"
    check_themes(page)


BUSY = """
import pathlib, time
from notebook_ext import TrainingView
display(TrainingView({!r}))
while not pathlib.Path({!r}).exists():
    time.sleep(0.1)
"""


def test_a_kernel_busy_with_a_cell_still_shows_the_run_and_says_that_clicks_wait(lab, page, paced_run, tmp_path):
    folder, seen = paced_run("busy", 20_000), tmp_path / "seen"
    lab.write("busy", BUSY.format(str(folder), str(seen)))
    lab.open(page, "busy")
    lab.run_all(page, wait=False)
    page.wait_for_selector(".rltf .notice:has-text('clicks wait')")
    page.wait_for_selector(".rltf .row.selected")
    page.locator(".rltf .listbox").press("ArrowDown")
    shown = "document.querySelector('.rltf .page-program')"
    page.wait_for_function(f"getComputedStyle({shown}).opacity < 1")  # it is the program of another sample
    seen.touch()
    page.evaluate("window.ran")
    page.wait_for_function("document.querySelector('.rltf .notice').hidden")
    page.wait_for_function(f"getComputedStyle({shown}).opacity == 1")


OWN_LOOP = """
import re, time
from engine import Engine, parse_problem
from feedback import assess, token_offsets
from notebook_ext import LoopView
from training import Scored
problem = parse_problem({{"id": "double", "fn_name": "solve", "inputs": [[2]], "outputs": [4]}})
program = b"def solve(n):\\n    return n + m\\n"
with Engine() as engine, LoopView({!r}, steps=20_000) as view:
    report = engine.submit(program, problem).result()
    words = re.findall(rb"\\n|[^\\S\\n]+|\\w+|[^\\w\\s]", program)
    feedback = assess(report, token_offsets(words, slice(0, len(program))))
    for step in range(1, 20_001):
        time.sleep(0.1)
        if not view.push(step, [Scored(problem, feedback)] * 4):
            break
"""


def test_a_users_own_blocking_loop_is_shown_while_it_blocks_and_stops_between_two_steps(lab, page, tmp_path):
    lab.write("own", OWN_LOOP.format(str(tmp_path / "own")))
    lab.open(page, "own")
    lab.run_all(page, wait=False)
    page.wait_for_selector(".rltf .notice:has-text('clicks wait for the kernel')")
    page.locator(
        ".rltf .segment", has_text="m"
    ).first.wait_for()  # the newest program is shown though nothing can be asked
    page.locator(".rltf .mark-L").first.wait_for()
    wait_for_steps(page, 2)
    assert page.locator(".jp-InputPrompt").first.inner_text() == "[*]:"
    Run(tmp_path / "own").send("stop")  # as the side panel does: it goes to the run, not to the kernel
    page.evaluate("window.ran")
    assert Run(tmp_path / "own").state["state"] == "stopped"
    frame = page.frame_locator("iframe[title=rltf]")
    frame.locator(".rltf .status[data-state=stopped]").wait_for()
    assert page.errors == []


def test_hostile_programs_do_nothing_in_the_browser(page, tmp_path):
    from notebook_ext import SampleView

    hostile = "</script><img src=x onerror=\"document.title='owned'\"><svg onload=\"document.title='owned'\">\u202e"
    made = record(reports()["name"])
    made |= {"program": hostile, "prompt": hostile, "problem_id": hostile}
    made["diagnostics"][0] |= {"message": hostile, "code": hostile}
    made["contributions"][0] |= {"rule": hostile}
    page.goto(SampleView(made).export_html(tmp_path / "hostile.html").as_uri())
    page.locator(".rltf .segment").first.click()
    assert page.locator("img, svg[onload]").count() == 0
    assert "owned" not in page.title().split("img")[0]
    assert "⟦U+202E⟧" in page.locator(".rltf .code").inner_text()
    assert page.errors == []


def test_notebook_7_shows_the_view_too(lab, page, paced_run):
    lab.write("seven", SHOW.format(str(paced_run("seven", 20_000))))
    lab.visit(page, "notebooks/seven.ipynb")
    lab.run_all(page)
    page.wait_for_selector(".rltf .row.selected")
    wait_for_steps(page, 2)
