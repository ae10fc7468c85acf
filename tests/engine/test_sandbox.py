"""The layers one by one, and what becomes of workers: what is measured, refused, replaced and left behind."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine import ErrorKind, Judge, Limits, Problem, SandboxError, StdinTest, Verdict, parse_problem
from engine.sandbox.isolation import Isolation, check, measure
from engine.sandbox.seccomp import filters
from engine.sandbox.wire import Request, Task
from engine.sandbox.worker import _BOOT, LAYERS, Worker, WorkerError

ECHO = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"]})
PATIENT = replace(ECHO, time_limit=30.0)


def offered() -> dict[str, str]:
    """Layers that this machine does not offer, and why."""
    worker = Worker()
    worker.close()
    return worker.missing


MISSING = offered()


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_alone_holds_what_it_promises(layer):
    if layer in MISSING:
        pytest.skip(f"not offered here: {MISSING[layer]}")
    worker = Worker(layers=[layer])
    found = measure(worker)
    worker.close()
    assert found.layers == ("rlimits", layer)
    assert found.level == (1 if layer == "seccomp" else 0)
    if layer == "seccomp":  # files can be read, and nothing else
        assert found.open_probes == ("read",)


def test_without_layers_the_probes_succeed_and_the_level_is_zero():
    worker = Worker(layers=[])
    found = measure(worker)
    worker.close()
    assert (found.level, found.layers) == (0, ("rlimits",))
    assert {"read", "socket"} <= set(found.open_probes)


def test_all_layers_that_are_offered_are_measured():
    with Judge() as judge:
        expected = tuple(layer for layer in ("rlimits", *LAYERS) if layer not in MISSING)
        assert judge.isolation.layers == expected
        assert judge.isolation.open_probes == ()
        execution = judge.submit(b"print(input())", ECHO).result()
        assert execution.isolation == str(judge.isolation) == f"{judge.isolation.level}: {'+'.join(expected)}"


def test_a_level_below_the_required_one_is_refused():
    weak = Isolation(1, ("rlimits", "seccomp"), {"landlock": "the kernel offers no Landlock"})
    check(weak, 1)
    with pytest.raises(SandboxError, match=r"below the required 2.*no Landlock.*rltf doctor"):
        check(weak, 2)
    with pytest.raises(SandboxError, match="level"):
        Judge(require=4)


def test_root_never_runs_programs_without_a_filter(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SandboxError, match="root"):
        check(Isolation(0, ("rlimits",)), 0)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    check(Isolation(0, ("rlimits",)), 0)


def test_a_filter_for_an_unknown_machine_says_so(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "sparc64")
    with pytest.raises(OSError, match="no system call table for sparc64"):
        filters(writable=True)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
        yield judge


def kill_workers() -> None:
    for process in descendants():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def descendants() -> list[psutil.Process]:
    """The processes of judges: not the browser that other files of tests keep open."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [process] if any('"engine"' in part for part in process.cmdline()) else []
    return found


def test_a_worker_that_dies_is_replaced_and_its_program_tried_again(judge):
    future = judge.submit(b"import time; time.sleep(3); print(input())", PATIENT)
    time.sleep(0.2)
    before = judge.retries
    kill_workers()
    assert future.result().verdict is Verdict.PASSED
    assert judge.retries == before + 1
    assert judge.submit(b"print(input())#", ECHO).result().verdict is Verdict.PASSED


def test_two_dead_workers_are_our_fault_and_never_the_programs(judge):
    future = judge.submit(b"import time; time.sleep(9); print(input())", PATIENT)
    while not future.done():
        kill_workers()
        time.sleep(0.1)
    execution = future.result()
    assert (execution.verdict, execution.tests, execution.error) == (Verdict.INFRA, (), None)
    assert execution.infra_reason
    assert judge.submit(b"print(input())##", ECHO).result().verdict is Verdict.PASSED


def test_a_worker_that_stops_answering_is_given_up(monkeypatch):
    monkeypatch.setattr("engine.sandbox.worker._GRACE_SECONDS", 0.5)
    worker = Worker()
    stopped = psutil.Process(worker.pid)
    for process in [stopped, *stopped.children(recursive=True)]:
        process.send_signal(signal.SIGSTOP)
    with pytest.raises(WorkerError, match="silent"):
        worker.run(Task("stdin", b"", "", "", "", ("",), b"", 1 << 16, ""), Request(0.1, 0.1, 1 << 17))
    worker.close()


def test_nothing_is_left_when_a_judge_is_closed():
    gc.collect()
    before = {process.pid for process in descendants()}
    files = psutil.Process().num_fds()
    for _ in range(3):
        with Judge(workers=2, limits=Limits(cpu_seconds=0.2)) as short:
            futures = [short.submit(f"while True: pass  # {i}".encode(), ECHO) for i in range(2)]
            futures += [short.submit(f"print(input()) # {i}".encode(), ECHO) for i in range(20)]
        assert all(future.done() for future in futures)
    gc.collect()
    assert {process.pid for process in descendants()} == before
    assert psutil.Process().num_fds() <= files


def test_workers_die_with_the_process_that_owns_them():
    program = "import os, sys, time; sys.path.insert(0, sys.argv[1])\nfrom engine import Judge\njudge = Judge()\nprint('ready', flush=True)\ntime.sleep(60)"
    root = str(Path(__file__).resolve().parents[2])
    owner = psutil.Popen([sys.executable, "-c", program, root], stdout=-1)
    assert owner.stdout.readline() == b"ready\n"
    workers = owner.children(recursive=True)
    assert workers
    owner.kill()
    owner.wait()
    owner.stdout.close()
    _, alive = psutil.wait_procs(workers)
    assert not alive


FEW_FILES = """
import resource, sys
sys.path.insert(0, sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from engine import Judge, parse_problem
asked = [parse_problem({"test_list": ["assert set(f(1)) == {1}"]}), parse_problem({"inputs": [""], "outputs": ["[1]"]})]
programs = ["import time\\ntime.sleep(0.6)\\nf = lambda x: [x]\\nprint([1])", "open('/tmp/x', 'w')\\nf = lambda x: [x]\\nprint([1])"]
with Judge(workers=16) as judge:
    futures = [judge.submit(f"{programs[k % 8 > 0]}  # {k}".encode(), asked[k % 2]) for k in range(160)]
    print({str(future.result().verdict) for future in futures}, {future.result().infra_reason for future in futures})
"""


def test_many_workers_do_with_few_open_files():
    root = str(Path(__file__).resolve().parents[2])
    said = subprocess.run([sys.executable, "-c", FEW_FILES, root], capture_output=True, text=True, check=False)
    assert said.stdout == "{'passed'} {''}\n", said.stderr[-2000:]


def test_a_worker_holds_nothing_of_a_program_that_has_run():
    secret = "left" + "over"
    worker = Worker()
    request = Request(2.0, 6.0, 1 << 21)
    search = """
import gc
wanted = "revotfel"[::-1]
texts = [p for o in gc.get_objects() for p in gc.get_referents(o) if isinstance(p, (str, bytes)) and p is not wanted]
print([p for p in texts if wanted in (p if isinstance(p, str) else p.decode("latin-1"))])
"""
    first = Task("stdin", f"x = '{secret}'; print(input())".encode(), "", "", "", (secret,), b"", 1 << 20, "")
    assert worker.run(first, request).output == b"leftover\n"
    assert worker.run(Task("stdin", search.encode(), "", "", "", ("",), b"", 1 << 20, ""), request).output == b"[]\n"
    worker.close()


NESTED = """
import os, shutil, tempfile
made = tempfile.mkdtemp()
open(made + "/file", "w").close()
os.makedirs("/tmp/a/b/c")
os.symlink("/usr", "/tmp/a/link")
os.mkdir("/tmp/a/closed", 0)
os.chdir("/tmp")
while True:
    try:
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    except OSError: break
print("made")
"""
TRUNCATED = """
import os, sys
for attempt in (lambda path: os.truncate(path, 0), lambda path: open(path, "w"), lambda path: os.open(path, os.O_TRUNC)):
    try: attempt(sys.stdin.readline()[:-1] or "/etc/hostname")
    except OSError as error: print(type(error).__name__)
"""


@pytest.mark.parametrize("layers", [LAYERS, LAYERS[:2]], ids=["level 3", "level 2"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_landlock_confines_as_well(version, layers, monkeypatch, tmp_path):
    if missing := [layer for layer in layers if layer in MISSING]:
        pytest.skip(f"not offered here: {missing}")
    older = f"import engine.sandbox.landlock as landlock; landlock.abi = lambda: {version}\nmain()\n"
    monkeypatch.setattr("engine.sandbox.worker._BOOT", _BOOT.replace("main()\n", older))
    request = Request(5.0, 20.0, 1 << 21)
    worker = Worker(layers=layers)
    found = measure(worker)
    assert (worker.landlock_abi, found.level, found.open_probes) == (version, 3 if "namespaces" in layers else 2, ())
    victim = tmp_path / "victim"
    victim.write_text("host's")
    tried = worker.run(Task("stdin", TRUNCATED.encode(), "", "", "", (f"{victim}\n" * 3,), b"", 1 << 20, ""), request)
    assert set(tried.output.split()) <= {b"PermissionError", b"FileNotFoundError"}
    assert len(tried.output.split()) == 3
    assert victim.read_text() == "host's"
    worker.close()
    if "namespaces" in layers:
        with Judge() as older:
            made = [older.submit(NESTED.encode() + b"#" * n, made_problem("made\n")) for n in range(3)]
            assert [future.result().verdict for future in made] == [Verdict.PASSED] * 3
            look = b"import os; print(set(os.listdir('/tmp')) & {'a', 'd' * 200})"
            (left,) = older.outputs(look, made_problem("")).result()
            assert left.value == "set()\n"
            assert older.retries == 0


def made_problem(output):
    return parse_problem({"inputs": [""], "outputs": [output]})


def test_limits_must_make_sense():
    with pytest.raises(ValueError, match="cpu_seconds must be positive"):
        Limits(cpu_seconds=0)
    with pytest.raises(ValueError, match="memory_bytes must be at least"):
        Limits(memory_bytes=1000)
    with pytest.raises(ValueError, match="workers must be at least 1"):
        Judge(workers=0)


def test_a_problems_own_time_limit_comes_first(judge):
    problem = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"], "time_limit": 0.1})
    execution = judge.submit(b"while True: pass", problem).result()
    assert execution.error.kind is ErrorKind.TIMEOUT
    assert execution.seconds < 2.0


def test_every_test_that_uses_the_temporary_directory_finds_an_empty_one():
    look = b"import os\nprint(os.listdir('/tmp'), os.stat('/tmp').st_nlink)\n"
    program = look + b"open('/tmp/left', 'w').write(input())\nos.mkdir('/tmp/d', 0)"
    with Judge() as judge:
        (first,) = judge.outputs(look, ECHO).result()  # not empty where the checkout lies in `/tmp`
        tests = tuple(StdinTest("x\n", first.value) for _ in range(70))  # more than a worker has directories
        execution = judge.submit(program, Problem("p", tests)).result()
        assert judge.retries == 0
        if judge.isolation.level == 3:
            assert execution.verdict is Verdict.PASSED, execution
        again = judge.submit(look, Problem("p", tests[:1]))
        assert judge.isolation.level < 3 or again.result().verdict is Verdict.PASSED


def test_a_program_has_the_same_process_id_whatever_ran_before_it():
    if "namespaces" in MISSING or not os.access("/proc/sys/kernel/ns_last_pid", os.W_OK):
        pytest.skip("process ids cannot be set here")
    threads = b"import threading\nfor _ in range(200): threading.Thread(target=int).start()\n"
    look = b"import os, threading\nt = threading.Thread(target=int); t.start()\nprint(os.getpid(), t.native_id)"
    with Judge() as judge:
        outputs = []
        for program in (look, look, threads, look):
            outputs += judge.outputs(program, ECHO).result()
        first, second, _, last = (output.value for output in outputs)
        assert first == second == last


def test_a_program_has_no_capability():
    program = b"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
print(libc.capget(header, sets), *sets)
"""
    for layers in (["namespaces"], []):  # the filter would not even let it ask
        worker = Worker(layers=layers)
        outcome = worker.run(Task("stdin", program, "", "", "", ("",), b"", 1 << 16, ""), Request(2.0, 2.0, 1 << 17))
        worker.close()
        assert outcome.output == b"0 0 0 0 0 0 0\n"
