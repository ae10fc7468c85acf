"""The page of a run in a real browser: accessible in both themes, and nothing asked of a network."""

from pathlib import Path

import nbformat
import pytest

from notebook_ext.frozen import frozen_run
from tests.notebook_ext.made_run import make_run, record, reports
from training.page import build_page, build_sample_page
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
    for name, tabs in (("sample", ["program"]), ("run", ["program", "tokens", "compare", "history"])):
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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_the_strongest_heat_stays_readable(page, pages, theme):
    open_page(page, pages / "sample.html", theme)
    assert min(page.evaluate(CONTRAST)) >= 4.5


def test_a_narrow_page_scrolls_inside_its_parts_only(page, pages):
    page.set_viewport_size({"width": 500, "height": 900})
    open_page(page, pages / "run.html", "light")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


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
