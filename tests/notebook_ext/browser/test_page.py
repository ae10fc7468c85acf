"""The page of a run in a real browser: accessible in both themes, and nothing asked of a network."""

import json
import re
import sqlite3
from html import escape
from pathlib import Path

import nbformat
import pytest

from notebook_ext.frozen import frozen_run
from tests.notebook_ext.made_run import make_run, record, reports
from training.page import STYLE, build_page, build_sample_page, view_script
from training.page.html import json_in_html
from training.run import Run

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "js" / "node_modules" / "axe-core" / "axe.min.js"
CONTRAST = """() => [...document.querySelectorAll('.rltf .segment')].map(part => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const over = [...Array(2)].map(() => null);
  const paint = colours => { canvas.clearRect(0, 0, 1, 1); for (const c of colours) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); } return canvas.getImageData(0, 0, 1, 1).data };
  const light = data => [0, 1, 2].map(i => data[i] / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = getComputedStyle(document.querySelector('.rltf')).backgroundColor;
  const ground = light(paint([behind, getComputedStyle(part).backgroundColor])), text = light(paint([behind, getComputedStyle(part).color]));
  return (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05);
})"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "run.html").write_text(build_page(Run(make_run(folder / "made", steps=12))))
    (folder / "sample.html").write_text(build_sample_page(record(reports()["unicode"])))
    return folder


def open_page(page, path, theme):
    page.emulate_media(color_scheme=theme)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.locator(".rltf .segment").first.click()
    return asked


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_wrong_on_any_tab(page, pages, theme):
    if not AXE.exists():
        pytest.skip("axe-core is not installed (`make browser` does it where npm works)")
    found = {}
    for name, tabs in (
        ("sample", ["program"]),
        ("run", ["program", "tokens", "group", "compare", "history", "problems", "held", "about"]),
    ):
        asked = open_page(page, pages / f"{name}.html", theme)
        page.evaluate(AXE.read_text())
        for tab in tabs:
            if tab == "compare":
                page.locator(".pin").click()
                page.locator(".rltf .row").nth(5).click()
            page.locator(f"[data-page={tab}]").click()
            result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            found |= {
                f"{name} {tab} {each['id']}": [node["html"][:200] for node in each["nodes"]]
                for each in result["violations"]
            }
        assert len(asked) == 1, "the page asked for something else than itself"
    assert found == {}
    assert page.errors == []


HOSTS = {  # what each host sets around an output: attributes of html and body, its own variables in a dark and a light theme
    "JupyterLab": ({}, {"data-jp-theme-light": "{light}"}, ("--jp-layout-color1", "--jp-content-font-color1")),
    "VS Code": ({}, {"class": "vscode-{name}"}, ("--vscode-editor-background", "--vscode-editor-foreground")),
    "Colab": ({"theme": "{name}"}, {}, ("--colab-primary-surface-color", "--colab-primary-text-color")),
}
THEMES = {"dark": ("rgb(30, 30, 31)", "rgb(212, 212, 213)"), "light": ("rgb(250, 250, 251)", "rgb(31, 31, 32)")}
HOST_PAGE = """<!doctype html><html><body><div id="output"></div><script type="module">{script}
const data = {data};
render({{ model: {{ get: () => data, on() {{}}, off() {{}}, send() {{}} }}, el: document.getElementById("output") }});
</script></body></html>"""


def dress(page, host, theme):
    """Change the page's theme in the way a host does."""
    root, body, variables = HOSTS[host]
    shown = {"name": theme, "light": str(theme == "light").lower()}
    style = ";".join(f"{name}: {value}" for name, value in zip(variables, THEMES[theme], strict=True))
    marks = [{key: value.format(**shown) for key, value in each.items()} for each in ({**root, "style": style}, body)]
    page.evaluate(
        "marks => [document.documentElement, document.body].forEach((each, at) => Object.entries(marks[at]).forEach(pair => each.setAttribute(...pair)))",
        marks,
    )


@pytest.mark.parametrize("host", HOSTS)
def test_the_view_wears_its_hosts_colours_and_changes_with_them(page, tmp_path, host):
    data = {"record": record(reports()["name"])}
    made = HOST_PAGE.format(script=view_script(), data=json_in_html(data)).replace(
        "<body>", f"<style>{STYLE}</style><body>"
    )
    (tmp_path / "host.html").write_text(made)
    page.emulate_media(color_scheme="light")  # the host's theme counts, not the system's
    page.goto((tmp_path / "host.html").as_uri())
    page.wait_for_selector(".rltf .segment")
    for theme in ("dark", "light", "dark"):
        dress(page, host, theme)
        page.wait_for_selector(f".rltf[data-dark={str(theme == 'dark').lower()}]")
        look = "getComputedStyle(document.querySelector('.rltf'))"
        assert [page.evaluate(f"{look}.{each}") for each in ("backgroundColor", "color")] == list(THEMES[theme])
        assert min(page.evaluate(CONTRAST)) >= 4.5
    assert page.errors == []


def test_five_thousand_samples_are_a_page_of_bounded_size_that_scrolls_and_filters(page, tmp_path):
    folder = make_run(tmp_path / "many", steps=2, per_step=4)
    with sqlite3.connect(folder / "run.db") as database:
        (row,) = database.execute("SELECT * FROM samples LIMIT 1").fetchall()
        rows = [(100 + number, 2, f"p/{number % 700}", number, *row[4:]) for number in range(5000)]
        database.executemany(f"INSERT INTO samples VALUES ({','.join('?' * len(row))})", rows)
    database.close()
    (tmp_path / "many.html").write_text(build_page(Run(folder), budget=50_000))
    open_page(page, tmp_path / "many.html", "light")
    count = "document.querySelectorAll('.rltf *').length"
    assert page.locator(".rltf .row").first.get_attribute("aria-setsize") == "5008"
    before = page.evaluate(count)
    assert before < 2500
    page.locator(".listbox").evaluate("box => { box.scrollTop = 100000 }")
    for _ in range(200):  # the page's policy lets nobody evaluate text, and so no `wait_for_function`
        if int(page.locator(".rltf .row").first.get_attribute("aria-posinset")) > 2000:
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail("the list does not follow its scroll bar")
    page.get_by_label("search samples").fill("p/17")
    page.wait_for_selector(".count:has-text(' of 5008 samples')")
    assert abs(page.evaluate(count) - before) < 500


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_the_strongest_heat_stays_readable(page, pages, theme):
    open_page(page, pages / "sample.html", theme)
    assert min(page.evaluate(CONTRAST)) >= 4.5


def test_a_narrow_page_scrolls_inside_its_parts_only(page, pages):
    page.set_viewport_size({"width": 500, "height": 900})
    open_page(page, pages / "run.html", "light")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


OVERLAPS = """() => {
  const boxes = ['.list', '.code', '.tests', '.inspector', '.curves', '.top', '.tabs'].map(name => document.querySelector('.rltf ' + name)).filter(part => part && part.offsetHeight).map(part => [part.className, part.getBoundingClientRect()]);
  return boxes.flatMap(([name, one], place) => boxes.slice(place + 1).filter(([, other]) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1 && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1).map(([other]) => name + ' over ' + other));
}"""


@pytest.mark.parametrize("width", [480, 600, 700, 860, 1053, 1400])
def test_nothing_is_drawn_over_anything_at_any_width(page, tmp_path, width):
    record_ = record(reports()["name"], problem_id="a_very_long_name_without_any_blank/" + "x" * 400)
    folder = make_run(tmp_path / "wide", steps=3)
    with sqlite3.connect(folder / "run.db") as database:
        database.execute(
            "UPDATE samples SET problem_id = ?, record = ? WHERE seq = (SELECT max(seq) FROM samples)",
            (record_["problem_id"], json.dumps(record_)),
        )
    database.close()
    (tmp_path / "wide.html").write_text(build_page(Run(folder)))
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, tmp_path / "wide.html", "light")
    page.locator(".rltf .row").first.click()
    page.locator(".rltf .heading h2:has-text('a_very_long')").wait_for()
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.errors == []


def test_on_paper_program_tests_and_list_are_whole(page, tmp_path):
    folder = make_run(tmp_path / "paper", steps=10)
    (tmp_path / "paper.html").write_text(build_page(Run(folder)))
    open_page(page, tmp_path / "paper.html", "light")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".rltf .row").count() == 120
    cut = "[...document.querySelectorAll('.rltf :is(.listbox, .code, .tests, .inspector)')].filter(part => part.scrollHeight > part.clientHeight + 1).map(part => part.className)"
    assert page.evaluate(cut) == []
    assert page.evaluate(OVERLAPS) == []


def test_a_program_of_five_thousand_lines_is_drawn_in_part_and_printed_whole(page, tmp_path):
    long = record(reports()["name"])
    lines = 5000
    long |= {
        "program": "".join(f"value_{line} = {line} + other\n" for line in range(lines)),
        "diagnostics": [],
        "contributions": [],
    }
    place, tokens = 0, []
    for line in long["program"].splitlines(keepends=True):
        for text in re.findall(r"\w+|\s|\S", line):
            tokens.append(
                {
                    "text": text,
                    "id": 1,
                    "start_byte": place,
                    "end_byte": place + len(text),
                    "reward": -0.9,
                    "advantage": -0.5,
                    "logprob": -1,
                    "components": {"coarse": -0.9, "adaptive": 0, "fine": 0, "static": 0},
                }
            )
            place += len(text)
    (tmp_path / "long.html").write_text(build_sample_page(long | {"tokens": tokens}))
    page.goto((tmp_path / "long.html").as_uri())
    page.locator(".rltf .segment").first.wait_for()
    assert page.locator(".rltf .line").count() < 300
    page.locator(".rltf .code").press("End")
    page.locator(".rltf .lineno:text-is('5000')").wait_for()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".rltf .line").count() >= lines


def test_tests_give_way_before_the_program_does_and_the_card_stands_over_them(page, pages):
    page.set_viewport_size({"width": 1000, "height": 1000})
    open_page(page, pages / "run.html", "light")
    page.get_by_label("search samples").fill('code == "E0602"')
    page.locator(".rltf .row").first.click()
    page.locator(".rltf .tests:has-text('of 3 passed')").wait_for()
    assert page.locator(".rltf .code").evaluate("code => code.scrollHeight - code.clientHeight") <= 0
    page.locator(".rltf .line:nth-child(4) .segment").first.hover()
    page.locator(".rltf .card").wait_for()
    assert page.evaluate(CARD_OVER) == []


def test_a_copied_program_is_the_program(page, pages, browser):
    open_page(page, pages / "sample.html", "light")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.rltf .code'))")
    copied = page.evaluate("getSelection().toString()")
    program = record(reports()["unicode"])["program"]
    assert [line.rstrip("\n") for line in copied.strip("\n").split("\n")] == program.rstrip("\n").split("\n")


def test_an_address_names_a_sample(page, tmp_path):
    run = Run(make_run(tmp_path / "linked", steps=3))
    (tmp_path / "linked.html").write_text(build_page(run))
    seq = run.samples()[4]["seq"]
    page.goto((tmp_path / "linked.html").as_uri() + f"#seq={seq}")
    page.locator(f".rltf .row.selected[data-seq='{seq}']").wait_for()
    page.locator(".rltf .listbox").press("ArrowDown")
    page.wait_for_timeout(200)
    assert page.evaluate("location.hash") == "#seq=" + page.locator(".rltf .row.selected").get_attribute("data-seq")


def test_a_report_in_a_frame_of_a_host_has_no_address_and_misses_none(page, pages, tmp_path):
    whole = escape((pages / "run.html").read_text())
    (tmp_path / "host.html").write_text(f'<iframe sandbox="allow-scripts" srcdoc="{whole}"></iframe>')
    page.goto((tmp_path / "host.html").as_uri())
    frame = page.frame_locator("iframe")
    frame.locator(".rltf .row").nth(2).dispatch_event("click")
    frame.locator(".rltf .row.selected[aria-posinset='3']").wait_for(state="attached")
    frame.get_by_role("button", name="Copy program").wait_for(state="attached")
    assert frame.get_by_role("button", name="Copy link").count() == 0
    assert page.errors == []


CARD_OVER = """() => {
  const card = document.querySelector('.rltf .card').getBoundingClientRect();
  const over = text => text.right - 16 > card.left && text.left < card.right && text.bottom > card.top && text.top < card.bottom;
  return [...document.querySelectorAll('.rltf .line .text')].map((text, line) => over(text.getBoundingClientRect()) ? line : null).filter(line => line !== null);
}"""


@pytest.mark.parametrize("width", [1400, 700])
def test_the_card_of_a_token_stands_where_it_hides_least_and_never_over_the_line_that_is_read(page, pages, width):
    page.set_viewport_size({"width": width, "height": 1000})
    page.goto((pages / "sample.html").as_uri())
    page.locator(".rltf .segment").first.wait_for()
    lines = page.locator(".rltf .line:has(.segment:not(.chip))")
    for line in range(lines.count()):
        lines.nth(line).locator(".segment:not(.chip)").last.hover()
        page.locator(".rltf .card").wait_for()
        hidden = page.evaluate(CARD_OVER)
        assert line not in hidden
        assert hidden == [] or width < 1400, "there is room past the ends of the lines"


def test_a_chart_zooms_by_dragging_filters_by_a_click_and_takes_any_metric(page, pages):
    open_page(page, pages / "run.html", "light")
    over = page.locator(".rltf .chart .u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="whole run").click()
    page.get_by_role("button", name="whole run").wait_for(state="hidden")
    over.click(position={"x": box["width"] - 2, "y": 30})
    page.wait_for_selector(".count:has-text('step 12')")
    page.get_by_label("add a chart").select_option("outcome/runtime")
    page.locator(".rltf .chart .title", has_text="outcome/runtime").wait_for()
    page.get_by_label("log scale").check()
    page.get_by_label("smoothing").fill("0")
    page.get_by_label("size of the charts").select_option("small")
    page.wait_for_timeout(200)
    drawn = "document.querySelector('.rltf .chart canvas').toDataURL()"
    light = page.evaluate(drawn)
    page.emulate_media(color_scheme="dark")
    while (
        page.evaluate(drawn) == light
    ):  # axes and curves are drawn in the new theme's colours, with nothing else touched
        page.wait_for_timeout(50)
    assert page.errors == []


def test_reduced_motion_has_no_transitions(page, pages):
    page.emulate_media(reduced_motion="reduce")
    open_page(page, pages / "run.html", "light")
    assert page.evaluate("getComputedStyle(document.querySelector('.rltf button')).transitionDuration") == "0s"


def test_a_frozen_output_survives_nbconvert_and_keeps_the_notebook_small(page, tmp_path):
    from nbconvert import HTMLExporter

    html = frozen_run(Run(make_run(tmp_path / "done", steps=12)))
    assert len(html) < 2_000_000
    output = nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": "a run"})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("TrainingView(run)", outputs=[output])])
    (tmp_path / "notebook.html").write_text(HTMLExporter().from_notebook_node(notebook)[0])
    page.goto((tmp_path / "notebook.html").as_uri(), wait_until="domcontentloaded")
    frame = page.frame_locator("iframe[title=rltf]")
    frame.locator(".rltf .row").nth(1).click()
    frame.locator(".rltf .segment[data-token='0']").first.wait_for()
    assert page.locator("details table").count() > 0
