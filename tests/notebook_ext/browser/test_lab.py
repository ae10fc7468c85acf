import pytest

pytestmark = pytest.mark.browser

SHOW = "from notebook_ext import TrainingView\nview = TrainingView({!r})\nview"


def step(page):
    return int(page.locator(".rltf .progress").inner_text().split()[1])


def test_a_live_run_can_be_watched_paused_resumed_and_stopped(lab, page, paced_run):
    folder = paced_run("live", 2000)
    lab.write("live", SHOW.format(str(folder)))
    lab.open(page, "live")
    lab.run_all(page)
    page.wait_for_selector(".rltf .row.selected")
    before = step(page)
    page.wait_for_function(
        "before => Number(document.querySelector('.rltf .progress').innerText.split(' ')[1]) > before + 3", arg=before
    )
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector(".rltf .status[data-state=paused]")
    still = step(page)
    page.wait_for_timeout(800)
    assert step(page) == still
    page.get_by_role("button", name="Resume").click()
    page.wait_for_function(
        "still => Number(document.querySelector('.rltf .progress').innerText.split(' ')[1]) > still", arg=still
    )
    page.locator(".rltf .row").nth(2).click()
    page.wait_for_selector(".rltf .segment[data-token='3']")
    page.locator(".rltf .segment[data-token='3']").first.click()
    assert "Token 4 of" in page.locator(".rltf .token").inner_text()
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("iframe[title=rltf]")
    frame = page.frame_locator("iframe[title=rltf]")
    frame.locator(".rltf .status[data-state=stopped]").wait_for()
    assert frame.locator(".rltf .row").count() > 3
    assert page.errors == []
