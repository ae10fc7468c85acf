import json
import queue
import sqlite3
import threading

import pytest

from notebook_ext.monitor import GREETING, HEARTBEAT, INTERVAL, MOST_UNANSWERED, SNAPSHOT_SAMPLES, Monitor
from tests.notebook_ext.made_run import append_state, append_steps, make_run
from training import Run


class Browser:
    """The other end of a monitor: collects what each page is sent; time passes when the test says so."""

    def __init__(self, run):
        self.now = 0.0
        self.messages = []
        self.run = run
        self.monitor = Monitor(run, self.messages.append, clock=lambda: self.now)

    def pass_time(self, seconds):
        """Let the monitor look at the store as often as it does in this time; returns what it sent."""
        before = len(self.messages)
        for _ in range(round(seconds / INTERVAL)):
            self.now += INTERVAL
            self.monitor.tick()
        return self.messages[before:]

    def say(self, kind, view="page", **message):
        before = len(self.messages)
        self.monitor.answer({"kind": kind, "view": view, **message})
        return self.messages[before:]

    def answer_all(self):
        for message in self.messages:
            if message["kind"] == "batch" and message["to"]:
                self.say("ack", message["to"], batch=message["batch"])


@pytest.fixture
def running(tmp_path):
    """A browser on a run of 5 steps, and the store to write more into."""
    browser = Browser(Run(make_run(tmp_path / "run", steps=5, per_step=4, state="running")))
    database = sqlite3.connect(tmp_path / "run" / "run.db")
    yield browser, database
    database.close()


def samples_of(messages):
    return [sample["seq"] for message in messages for sample in message.get("samples", ())]


def test_hello_brings_everything_once_and_then_only_news(running):
    browser, database = running
    browser.say("hello", seq=0)
    (first,) = browser.pass_time(INTERVAL)
    assert len(first["samples"]) == 20
    assert first["run"] == {"name": "run", "state": "running", "step": 5, "steps": 5, "id": None, "answered": 0}
    browser.answer_all()
    assert browser.pass_time(1) == []
    append_steps(database, 5, 6, per_step=4)
    (news,) = browser.pass_time(1)
    assert len(news["samples"]) == 4
    assert {step for step, _, _ in news["metrics"]} == {6}


def test_a_page_that_comes_back_gets_exactly_what_it_missed(running):
    browser, database = running
    browser.say("hello", seq=0)
    (first,) = browser.pass_time(INTERVAL)
    newest = first["samples"][-1]["seq"]
    append_steps(database, 5, 8, per_step=4)
    browser.say("hello", "reloaded", seq=newest)
    to_reloaded = [message for message in browser.pass_time(INTERVAL) if message["to"] == "reloaded"]
    assert len(samples_of(to_reloaded)) == 12
    assert min(samples_of(to_reloaded)) > newest


def test_a_busy_store_is_read_at_most_four_times_a_second(running):
    browser, database = running
    browser.say("hello", seq=0)
    sent = []
    for step in range(5, 25):
        append_steps(database, step, step + 1, per_step=1)
        sent += browser.pass_time(INTERVAL)
        browser.answer_all()
    assert len(sent) <= 4 * 20 * INTERVAL
    assert len(samples_of(sent)) == len(set(samples_of(sent))) == 40


def test_a_page_that_does_not_answer_gets_small_snapshots_slowly_and_loses_nothing(running):
    browser, database = running
    browser.say("hello", seq=0)
    for step in range(5, 25):
        append_steps(database, step, step + 1, per_step=12)
        browser.pass_time(INTERVAL)
    assert browser.messages[-1]["batch"] <= MOST_UNANSWERED + 1
    late = browser.pass_time(4 * HEARTBEAT)
    assert len(late) == 4
    assert all(len(message["samples"]) <= SNAPSHOT_SAMPLES for message in late)
    browser.answer_all()
    browser.pass_time(1)
    assert set(samples_of(browser.messages)) == {row["seq"] for row in browser.run.samples()}


def test_before_any_hello_there_are_snapshots_for_whoever_listens(running):
    browser, _ = running
    sent = browser.pass_time(3 * GREETING)
    assert 3 <= len(sent) <= 4
    assert all(message["to"] == "" and message["samples"] for message in sent)
    browser.say("hello", seq=0)
    assert all(message["to"] == "page" for message in browser.pass_time(2))


def test_programs_are_searched_in_any_case_and_literally(running):
    browser, _ = running
    run = browser.run
    (found,) = browser.say("search", text="RANGE(LEN(")
    having = [row["seq"] for row in run.samples() if "range(len(" in run.record(row["seq"])["program"]]
    assert found["seqs"] == having
    assert 0 < len(having) < 20
    for text in ("'; DROP TABLE samples; --", "%", "_e_f_"):
        assert browser.say("search", text=text)[0]["seqs"] == [
            row["seq"] for row in run.samples() if text in run.record(row["seq"])["program"]
        ]


def test_a_record_is_sent_on_request_and_a_missing_one_is_said_to_be(running):
    browser, _ = running
    seq = browser.run.samples()[3]["seq"]
    (found,) = browser.say("record", seq=seq)
    assert found["record"]["tokens"]
    (missing,) = browser.say("record", seq=10**9)
    assert "no sample" in missing["failure"]


def test_a_command_reaches_the_control_file_and_its_answer_is_not_overlooked(running):
    browser, database = running
    (sent,) = browser.say("command", command="pause")
    assert json.loads((browser.run.path / "control.json").read_text()) == {
        "command": "pause",
        "id": sent["id"],
    }
    append_state(database, 5, state="paused", total=9, id=sent["id"])
    append_state(database, 5, state="running", total=9)
    browser.say("hello", seq=0)
    (batch,) = browser.pass_time(INTERVAL)
    assert batch["run"]["answered"] == sent["id"]


def test_messages_that_make_no_sense_are_dropped(running):
    browser, _ = running
    for message in (
        {},
        {"kind": "command", "command": "rm -rf"},
        {"kind": "ack", "view": "unknown", "batch": 3},
        {"kind": 7},
        {"kind": "record"},
        {"kind": "hello", "seq": []},
    ):
        browser.monitor.answer(message)
    assert browser.messages == []
    assert not (browser.run.path / "control.json").exists()


def test_the_thread_answers_many_threads_and_says_when_the_run_has_ended(tmp_path):
    folder = make_run(tmp_path / "run", steps=3, per_step=4, state="running")
    sent, ended = queue.SimpleQueue(), threading.Event()
    monitor = Monitor(Run(folder), sent.put, on_end=ended.set)
    monitor.start()
    seqs = [row["seq"] for row in Run(folder).samples()]
    asking = [
        threading.Thread(
            target=lambda own: [monitor.receive({"kind": "record", "view": own, "seq": seq}) for seq in seqs],
            args=(f"view {each}",),
        )
        for each in range(8)
    ]
    for thread in asking:
        thread.start()
    answers = []
    while len(answers) < 8 * len(seqs):
        message = sent.get()
        if message["kind"] == "record":
            answers.append((message["to"], message["seq"]))
    assert sorted(answers) == sorted((f"view {each}", seq) for each in range(8) for seq in seqs)
    database = sqlite3.connect(folder / "run.db")
    append_state(database, 3, state="finished", total=3)
    database.close()
    assert ended.wait()
    monitor.close()


def test_a_view_that_says_hello_is_told_what_the_run_was_and_which_runs_stand_beside_it(running):
    browser, _ = running
    make_run(browser.run.path.parent / "other", steps=2)
    (browser.run.path / "config.toml").write_text('[model]\nname = "tiny"\n')
    (about,) = browser.say("hello", seq=0)
    assert about["about"]["config"] == {"model.name": "tiny"}
    assert ("model", "tiny") in about["about"]["facts"]
    assert about["siblings"] == ["other"]
    (beside,) = browser.say("beside", name="other")
    assert {name for _, name, _ in beside["metrics"]} >= {"reward/mean", "pass_rate"}
    assert "failure" in browser.say("beside", name="../elsewhere")[0]


def test_a_note_is_kept_in_the_run_and_told_by_sample(running):
    browser, _ = running
    run = browser.run
    seq = run.samples()[3]["seq"]
    (noted,) = browser.say("note", seq=seq, text="an odd one")
    assert noted["notes"] == {seq: "an odd one"}
    place = run.record(seq)
    assert Run(run.path).notes == {f"{place['problem_id']}/{place['step']}/{place['sample']}": "an odd one"}
    assert browser.say("note", seq=seq, text="")[0]["notes"] == {}
    assert "failure" in browser.say("note", seq=10**9, text="x")[0]


def test_a_log_that_sqlite_removes_between_two_looks_ends_nothing(tmp_path):
    folder = make_run(tmp_path / "run", steps=1, per_step=1, state="running")
    run, done = Run(folder), threading.Event()

    def write() -> None:  # each last connection that closes removes the log
        while not done.is_set():
            with sqlite3.connect(folder / "run.db") as database:
                database.execute("PRAGMA journal_mode = wal")
                database.execute("UPDATE events SET time = time + 1")
            database.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        sizes = {len(run.stamp()) for _ in range(20_000)}
    finally:
        done.set()
        writer.join()
    assert sizes == {1, 2}, "with the log and without it"


def test_a_run_that_cannot_be_read_is_said_to_be_unreadable_until_it_can(tmp_path):
    folder = make_run(tmp_path / "run", steps=2, per_step=1, state="running")
    sent, ended = queue.SimpleQueue(), threading.Event()
    monitor = Monitor(Run(folder), sent.put, on_end=ended.set)
    monitor.receive({"kind": "hello", "view": "page", "seq": 0})
    monitor.start()

    def next_state(wanted: str) -> dict:
        while (run := sent.get().get("run", {})).get("state") != wanted:
            pass
        return run

    next_state("running")
    whole = (folder / "run.db").read_bytes()
    (folder / "run.db").write_bytes(b"no database at all" * 100)
    assert "cannot be read" in next_state("unreadable")["failure"]
    (folder / "run.db").write_bytes(whole)
    assert "failure" not in next_state("running")
    database = sqlite3.connect(folder / "run.db")
    append_state(database, 2, state="finished", total=2)
    database.close()
    assert ended.wait()
