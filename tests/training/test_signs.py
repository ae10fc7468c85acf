"""What a run's metrics are a sign of, said once and not at every step."""

from __future__ import annotations

from training.cli import main
from training.page.about import run_about
from training.run import Run
from training.run.display import Display
from training.run.signs import Signs
from training.run.store import RunStore


def told(*steps):
    signs = Signs()
    return [signs.of(metrics) for metrics in steps]


def test_groups_without_signal_are_told_once_after_some_steps_and_again_after_they_were_gone():
    silent, loud = {"groups/without_signal": 1.0}, {"groups/without_signal": 0.9}
    found = told(*[silent] * 12, loud, *[silent] * 5)
    assert [index for index, texts in enumerate(found) if texts] == [4, 17]
    assert "no group has had any signal for 5 steps" in found[4][0]
    assert "0 by construction" in found[4][0]


def test_completions_that_are_cut_off_and_a_sampler_that_drifts_are_told():
    found = told(*[{"completions/cut_share": 0.75, "policy/kl_from_sampler": 0.03}] * 5)
    assert found[:4] == [[]] * 4
    assert any("75% of the completions were cut off" in text for text in found[4])
    assert any("differ by 0.03 nats" in text for text in found[4])


def test_a_usual_step_is_a_sign_of_nothing():
    usual = {"groups/without_signal": 0.5, "completions/cut_share": 0.1, "policy/kl_from_sampler": 0.008}
    assert told(*[usual] * 20) == [[]] * 20


def test_a_step_s_line_says_how_many_completions_were_cut_off_and_groups_had_no_signal(capsys):
    display = Display()
    usual = {"pass_rate": 0.5, "reward/mean": 0.1, "outcome/passed": 0.5, "outcome/failed": 0.5}
    display.step(10, usual, [])
    assert "cut off" not in capsys.readouterr().out
    display.step(20, {**usual, "completions/cut_share": 0.25, "groups/without_signal": 1.0}, [])
    said = " ".join(capsys.readouterr().out.split())
    assert "cut off 25%" in said
    assert "without signal 100%" in said


def test_a_sign_is_in_the_run_s_events_on_its_page_and_in_the_terminal(tmp_path, capsys):
    store = RunStore(tmp_path)
    store.write(7, events=[("sign", {"step": 7, "text": "something drifts"})])
    store.close()
    (tmp_path / "config.toml").write_text("")
    assert Run(tmp_path).signs == [{"step": 7, "text": "something drifts"}]
    assert ("sign at step 7", "something drifts") in run_about(Run(tmp_path))["facts"]
    assert main(["show", str(tmp_path)]) == 0
    assert "step 7: something drifts" in capsys.readouterr().out
