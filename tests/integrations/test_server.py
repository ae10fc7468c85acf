"""`rltf serve` over real HTTP: what it answers, what it refuses, and that nothing is lost where it is full."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from engine import Engine
from feedback import CompletionFormat, Scorer
from tests.feedback.test_scorer import Failing
from tests.feedback.test_tokens import byte_level
from tests.integrations.service import served
from training.cli import main

pytest.importorskip("prometheus_client", reason="rltf serve needs: pip install 'rltf[serve]'")
from integrations.client import ScoreClient, ScoreError
from integrations.server import ScoreService, ServiceLimits, is_loopback

PROBLEM = {"inputs": ["3\n", "4\n"], "outputs": ["9\n", "16\n"]}
RIGHT = "print(int(input()) ** 2)\n"
JSON = {"Content-Type": "application/json"}
TOKENIZER = byte_level()


@pytest.fixture(scope="module")
def engine():
    with Engine(trace_lines=True) as started:
        yield started


class Kept:
    """An engine that its users cannot close."""

    def __init__(self, engine):
        self.inner, self.submit, self.isolation = engine, engine.submit, engine.isolation

    def close(self):
        pass


@pytest.fixture(scope="module")
def url(engine):
    with served(ScoreService(Kept(engine), TOKENIZER, completions=CompletionFormat("fence"))) as address:
        yield address


def answer(url, path="/score", body=b"{}", headers=None, method=None):
    """Status and JSON (or text) of one request."""
    given = JSON if headers is None else headers
    try:
        with urlopen(Request(url + path, body, given, method=method)) as found:
            text, status = found.read().decode(), found.status
    except HTTPError as error:
        text, status = error.read().decode(), error.code
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def test_token_ids_get_the_rewards_that_a_scorer_here_gives_them(url, engine):
    ids = TOKENIZER.encode("```python\nprint(zz)\n```").ids
    (result,) = ScoreClient(url).score([{"id": 7, "token_ids": ids, "problem": PROBLEM}])
    from engine import parse_problem

    feedback = (
        Scorer(TOKENIZER, engine, completions=CompletionFormat("fence")).submit(ids, parse_problem(PROBLEM)).result()
    )
    assert result["token_rewards"] == feedback.token_rewards.tolist()
    assert any(result["token_rewards"])
    assert (result["id"], result["verdict"], result["error"]["type"]) == (7, "error", "NameError")
    assert (result["coarse"], result["adaptive"]) == (feedback.outcome("coarse"), feedback.outcome("adaptive"))
    assert "tokens" not in result
    _, detailed = answer(
        url, body=json.dumps({"items": [{"token_ids": ids, "problem": PROBLEM}], "detail": True}).encode()
    )
    assert len(detailed["results"][0]["tokens"]) == len(ids)


def test_texts_are_read_in_the_format_and_programs_as_they_are(url):
    fenced = f"Sure:\n```python\n{RIGHT}```\n"
    items = [
        {"completion": fenced, "problem": PROBLEM},
        {"program": fenced, "problem": PROBLEM},
        {"program_b64": base64.b64encode(RIGHT.encode()).decode(), "problem": json.dumps(PROBLEM)},
        {"completion": "```python\nn = int(input(", "problem": PROBLEM, "finish_reason": "length"},
    ]
    results = ScoreClient(url).score(items)
    assert [result["verdict"] for result in results] == ["passed", "error", "passed", "error"]
    assert [finding["category"] for finding in results[3]["diagnostics"]] == ["U_global"]
    assert not any("token_rewards" in result for result in results)


def test_malformed_items_are_named_and_the_others_scored_in_their_order(url):
    items = [
        {"id": "a", "program": RIGHT, "problem": PROBLEM},
        {"id": "b", "program": RIGHT},
        {"id": "c", "program": RIGHT, "completion": RIGHT, "problem": PROBLEM},
        {"id": "d", "token_ids": [1, "x"], "problem": PROBLEM},
        {"id": "d-100", "token_ids": [1, -100], "problem": PROBLEM},
        {"id": "e", "completion": 3, "problem": PROBLEM},
        {"id": "f", "program": RIGHT, "problem": PROBLEM, "finish_reason": "eos"},
        {"id": "g", "program": RIGHT, "problem": {"inputs": ["1"], "outputs": []}},
        {"id": "h", "program_b64": "%", "problem": PROBLEM},
        "text",
        {"id": "i", "program": RIGHT, "problem": PROBLEM},
    ]
    results = ScoreClient(url).score(items)
    assert [result["id"] for result in results] == [*"abcd", "d-100", *"efgh", None, "i"]
    assert [result.get("verdict") for result in results] == ["passed", *[None] * 9, "passed"]
    assert all(result["problem_error"] for result in results[1:-1])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"body": b"{nonsense"}, 400),
        ({"body": b"[" * 200_000}, 400),
        ({"body": b'{"items": 3}'}, 400),
        ({"body": b"[]"}, 400),
        ({"body": json.dumps({"items": [0] * 1025}).encode()}, 413),
        ({"body": b" " * (17 << 20)}, 413),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"body": gzip.compress(b" " * (100 << 20)), "headers": {**JSON, "Content-Encoding": "gzip"}}, 415),
        ({"body": b"no gzip", "headers": {**JSON, "Content-Encoding": "gzip"}}, 415),
        ({"headers": {**JSON, "Transfer-Encoding": "chunked"}, "body": iter([b"\r\nz\r\n"])}, 400),
        ({"headers": {**JSON, "Host": "evil.example:80"}}, 403),
        ({"headers": {**JSON, "Host": "127.0.0.1:99999"}}, 403),
        ({"path": "/other"}, 404),
        ({"method": "GET"}, 405),
    ],
)
def test_what_is_no_request_is_refused_in_one_line(url, request_, status):
    found, said = answer(url, **request_)
    assert found == status
    assert said["error"]
    assert "\n" not in said["error"]


def test_it_says_how_it_is_and_counts(url):
    status, health = answer(url, "/health", None)
    assert (status, health["status"], health["waiting"]) == (200, "ok", 0)
    assert "rlimits" in health["isolation"]
    _, metrics = answer(url, "/metrics", None)
    assert 'rltf_programs_total{verdict="passed"}' in metrics
    assert 'rltf_requests_total{path="/score",status="200"}' in metrics
    assert "rltf_request_seconds_count" in metrics


def test_with_a_token_nobody_is_answered_without_it(engine):
    with served(ScoreService(Kept(engine), token="s3cret")) as address:
        item = {"program": RIGHT, "problem": PROBLEM}
        assert ScoreClient(address, "s3cret").score([item])[0]["verdict"] == "passed"
        for wrong in ("", "s3cre", "s3cret2"):
            with pytest.raises(ScoreError, match="401"):
                ScoreClient(address, wrong).score([item])
        assert answer(address, "/metrics", None)[0] == 401
        assert answer(address, "/health", None)[0] == 200
        result = ScoreClient(address, "s3cret").score([{"token_ids": [1], "problem": PROBLEM}])[0]
        assert "--tokenizer" in result["problem_error"]


def test_a_full_service_refuses_and_loses_nothing_of_those_who_wait(engine):
    with served(ScoreService(Kept(engine), limits=ServiceLimits(waiting=8))) as address:
        found, refused = {}, []

        def ask(name):
            items = [
                {"id": n, "program": f"print(int(input()) ** 2 + {n % 2}) # {name}", "problem": PROBLEM}
                for n in range(6)
            ]
            if answer(address, body=json.dumps({"items": items}).encode())[0] == 429:
                refused.append(name)
            found[name] = ScoreClient(address).score(items)

        threads = [threading.Thread(target=ask, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refused
        assert all([result["verdict"] for result in found[name]] == ["passed", "failed"] * 3 for name in range(6))
        status, said = answer(address, body=json.dumps({"items": [{}] * 9}).encode())
        assert (status, "at most 8" in said["error"]) == (413, True)  # it would never fit
        assert answer(address, "/health", None)[1]["waiting"] == 0


def test_a_request_that_takes_too_long_is_told_so_and_what_it_began_is_there_the_next_time(engine):
    with served(ScoreService(Kept(engine), limits=ServiceLimits(seconds=0.2))) as address:
        item = {"program": "import time; time.sleep(1); print(int(input()) ** 2)", "problem": PROBLEM}
        assert answer(address, body=json.dumps({"items": [item]}).encode())[0] == 504
        assert ScoreClient(address, seconds=600).score([item])[0]["verdict"] == "passed"


def test_the_time_of_a_request_counts_from_its_arrival_though_the_engine_is_full(engine):
    def submit(program, problem):
        time.sleep(2)  # as the engine's own does while very many programs wait
        return engine.submit(program, problem)

    full = Kept(engine)
    full.submit = submit
    with served(ScoreService(full, limits=ServiceLimits(seconds=0.2))) as address:
        body = json.dumps({"items": [{"program": RIGHT, "problem": PROBLEM}] * 3}).encode()
        begin = time.monotonic()
        with ThreadPoolExecutor() as callers:
            answers = list(callers.map(lambda _: answer(address, body=body)[0], range(2)))
        assert (answers, time.monotonic() - begin < 5) == ([504, 504], True)
        while answer(address, "/health", None)[1]["waiting"]:  # what was begun goes on, and is no longer counted then
            time.sleep(0.1)


def test_a_batch_that_is_too_large_for_the_service_is_sent_in_halves(engine):
    with served(ScoreService(Kept(engine), limits=ServiceLimits(waiting=2, request_bytes=10_000))) as address:
        items = [{"id": n, "program": RIGHT + "#" * 6000, "problem": PROBLEM} for n in range(5)]
        assert [result["id"] for result in ScoreClient(address).score(items)] == [0, 1, 2, 3, 4]
        with pytest.raises(ScoreError, match="413"):
            ScoreClient(address).score([{"program": "#" * 20_000, "problem": PROBLEM}])


def test_an_answer_that_breaks_off_is_asked_for_again():
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b'HTTP/1.1 200 OK\r\n\r\n{"results": [{"id": 1}]}']
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answering():
            for text in answers:
                with listening.accept()[0] as connection:
                    connection.recv(10_000)
                    connection.sendall(text)

        threading.Thread(target=answering).start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert ScoreClient(address, seconds=30).score([{}]) == [{"id": 1}]


def test_an_address_that_is_none_of_http_is_refused_at_once():
    with pytest.raises(ValueError, match="'localhost:8731' must begin with http://"):
        ScoreClient("localhost:8731")


def test_what_we_failed_to_judge_is_masked():
    engine = Failing(10**6)
    engine.isolation = "none"
    with served(ScoreService(engine)) as address:
        result = ScoreClient(address).score([{"program": RIGHT, "problem": PROBLEM}])[0]
    assert (result["verdict"], result["masked"], result["coarse"]) == ("infra", True, 0.0)


def test_a_caller_that_hangs_up_or_never_ends_takes_nothing_from_others(url):
    port = int(url.rsplit(":", 1)[1])
    for text in (b"POST /score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{", b"\0" * 5000, b"GET / HT"):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(text)
    body = json.dumps({"items": [{"program": "print(input()) # gone", "problem": PROBLEM}]})
    gone = http.client.HTTPConnection("127.0.0.1", port)
    gone.request("POST", "/score", body, {"Content-Type": "application/json"})
    gone.close()
    assert ScoreClient(url).score([{"program": RIGHT, "problem": PROBLEM}])[0]["verdict"] == "passed"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("10.0.0.1", False), ("evil.example", False)],
)
def test_only_this_machine_is_loopback(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "set a token in $RLTF_SERVE_TOKEN"),
        (["--port", "70000"], "--port is 70000; allowed: 0 to 65535"),
        (["--workers", "0"], "--workers is 0; allowed: 1 to 4096"),
        (["--tokenizer", "/nowhere"], "--tokenizer /nowhere"),
    ],
)
def test_usage_errors_are_one_clear_line(arguments, said, capsys, monkeypatch):
    monkeypatch.delenv("RLTF_SERVE_TOKEN", raising=False)
    assert main(["serve", *arguments]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


COMMAND = [sys.executable, "-m", "training", "serve", "--port", "0", "--workers", "1"]


def test_the_command_serves_and_ends_in_order():
    command = [*COMMAND, "--format", "humaneval"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}) as process:
        said = process.stdout.readline()
        address = said.split()[4].rstrip(";")
        problem = {"prompt": "def f(x):\n", "entry_point": "f", "test": "def check(g):\n    assert g(1) == 2\n"}
        result = ScoreClient(address).score([{"completion": "    return x + 1\n\nprint(f(1))", "problem": problem}])[0]
        assert result["verdict"] == "passed"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_second_signal_ends_the_command_at_once():
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}) as process:
        port = int(process.stdout.readline().split()[4].rstrip(";").rsplit(":", 1)[1])
        slow = {"program": "import time; time.sleep(50)", "problem": {**PROBLEM, "time_limit": 60}}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as caller:
            caller.request("POST", "/score", json.dumps({"items": [slow]}), JSON)
            while not answer(f"http://127.0.0.1:{port}", "/health", None)[1]["waiting"]:
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == -signal.SIGTERM
