"""Try one program: decide what to run in the sandbox, and what to make of what comes back.

Everything a child says is a claim about what was printed, returned or raised. Expected outputs are compared here,
outside. Each test has one attempt, and that counts. Every test has a child of its own, unless the program cannot tell
whether it has (`engine.self_contained`). Then all tests share one. A child that ends before its last test is followed
by another for the tests that remain. It may have left, crashed, run out of time, or left threads behind.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from engine.assertions import checked
from engine.checking import Checked
from engine.claims import Claims
from engine.comparison import outputs_match, values_match
from engine.limits import Limits
from engine.reading import Reading
from engine.records import ErrorKind, Execution, Problem, ProgramError, StdinTest, TestResult, Verdict
from engine.sandbox.values import decode
from engine.sandbox.wire import EXITED, OUT_OF_MEMORY, Reply, Request, Task, load_line
from engine.sandbox.worker import Outcome, Port, WorkerError, longest
from engine.steps import (
    Step,
    child_records,
    not_run,
    output_limit,
    ran_out,
    record_lines,
    steps_of,
    timed_out,
    timeouts,
    worst,
)

_REFEREE_PATIENCE = 5.0
"""Seconds a referee waits longer than the program may take."""
_SLEEPS = 2
"""Tests' worth of sleep that a whole program may have."""
_SHOWN = 500


class _Round(NamedTuple):
    """The results of one child, for the first of the tests it was given, in order."""

    results: list[TestResult]
    reply: Reply
    output: bytes


def readable(read: Callable[..., TestResult], *claim: object) -> TestResult:
    """Give the result that `read` makes of a claim. An answer that cannot be read or compared is a wrong one."""
    try:
        return read(*claim)
    except Exception:  # whatever a program can make our reading of it raise is its doing
        return TestResult(Verdict.FAILED, 0.0)


class CompilerError(Exception):
    """The compiler refused the program."""

    def __init__(self, error: ProgramError, reply: Reply) -> None:
        super().__init__(error.message)
        self.error, self.reply = error, reply


class Trial:
    """Runs one program on the tests of one problem."""

    def __init__(
        self,
        program: bytes,
        problem: Problem,
        limits: Limits,
        steps: Sequence[Step],
        reading: Reading,
        trace: str = "",
    ) -> None:
        """Take what is known of the problem (`steps_of`) and of the program (`read_program`).

        `trace` says what else the children are to note (`Task.trace`).
        """
        self._program, self._problem, self._limits, self._trace = program, problem, limits, trace
        self._steps, self._reading = steps, reading
        self._claims = Claims(program)
        self._infra_reason = "the referee ended early"
        self._checked = Checked(problem.checker, limits)
        expected = max((len(step.expected) for step in self._steps if isinstance(step.expected, str)), default=0)
        self._output_bytes = 1 << (max(limits.output_bytes, 2 * expected) - 1).bit_length()

    def run(self, worker: Port, referee: Port | None, isolation: str) -> Execution:
        """Run all tests and give the verdict.

        Raises:
            WorkerError: A worker is gone, so nothing is known about the program.
        """
        if self._reading.refusal is not None:
            error = self._claims.compile_error(self._reading.refusal)
            return Execution(Verdict.ERROR, (), error, 0.0, isolation)
        try:
            results, rounds = self._run_steps(worker, referee)
        except CompilerError as refused:
            seconds = refused.reply.cpu_ns / 1e9
            return Execution(Verdict.ERROR, (), refused.error, seconds, isolation, refused.reply.peak_memory)
        seconds = sum(one.reply.cpu_ns for one in rounds) / 1e9
        if fault := self._prelude_fault(worker, results):
            return Execution(Verdict.INFRA, (), None, seconds, isolation, infra_reason=fault)
        return Execution(
            verdict=worst(result.verdict for result in results),
            tests=tuple(results),
            error=next((result.error for result in results if result.error is not None), None),
            seconds=seconds,
            isolation=isolation,
            peak_memory_bytes=max(one.reply.peak_memory for one in rounds),
            infra_reason=self._infra_reason if any(r.verdict is Verdict.INFRA for r in results) else "",
        )

    def _prelude_fault(self, worker: Port, results: Sequence[TestResult]) -> str:
        """Find what the prelude raises without the program, where no test came as far as a line of the program."""
        errors = [result.error for result in results]
        if not (self._problem.prelude and self._program) or any(error is None or error.frames for error in errors):
            return ""
        first = self._problem.tests[0]
        test = first if isinstance(first, StdinTest) else StdinTest("", "")
        problem = replace(self._problem, tests=(test,))
        alone = Trial(b"", problem, self._limits, steps_of(problem), Reading())  # with the whole prelude
        error = alone.run(worker, None, "").error
        if error is None or error.kind is not ErrorKind.RUNTIME:
            return ""
        return f"the prelude fails before the program begins ({error.type}: {error.message})"

    def _run_steps(self, worker: Port, referee: Port | None) -> tuple[list[TestResult], list[_Round]]:
        results: list[TestResult] = []
        rounds: list[_Round] = []
        for kind, group in groupby(self._steps, key=lambda step: step.kind):
            steps = list(group)
            most = len(steps)
            while steps:
                if reason := self._why_give_up(results, rounds):
                    results += [not_run(reason)] * len(steps)
                    break
                one = self._play(worker, referee, kind, steps[: most if self._reading.self_contained else 1])
                most = len(one.results) if ran_out(one.reply) else 2 * most
                rounds.append(one)
                results += one.results
                steps = steps[len(one.results) :]
                if not one.reply.begun:  # it fell while compiling, and so it will for the others
                    results += one.results[-1:] * len(steps)
                    break
        return self._checked.settled(self._steps, results, referee), rounds

    def _why_give_up(self, results: Sequence[TestResult], rounds: Sequence[_Round]) -> str:
        """Say why no more tests are run. Empty while they are."""
        if (late := timeouts(results)) >= self._limits.timeouts:
            return f"{late} tests had timed out before it"
        slept = sum(one.reply.idle_ns for one in rounds) / 1e9
        return f"the program had slept for {slept:.1f} s" if slept >= _SLEEPS * self._request(0).idle else ""

    def _play(self, worker: Port, referee: Port | None, kind: str, steps: Sequence[Step]) -> _Round:
        if kind != "assert":
            return self._round(worker, kind, steps)
        assert referee is not None
        return self._assert_round(worker, referee, steps)

    # One child

    def _task(self, mode: str, steps: Sequence[Step]) -> Task:
        problem, tests = self._problem, tuple(step.given for step in steps)
        entry = problem.entry_point or ""
        if mode == "referee":
            setup, checker = checked(problem.setup) if problem.checker else problem.setup, problem.checker.encode()
            return Task(mode, checker, problem.prelude, setup, entry, tests, b"", self._output_bytes, "")
        code = self._reading.code
        prelude = problem.prelude if self._reading.prelude is None else self._reading.prelude
        return Task(mode, self._program, prelude, "", entry, tests, code, self._output_bytes, self._trace)

    def _request(self, inputs: int) -> Request:
        cpu = self._problem.time_limit or self._limits.cpu_seconds
        return Request(cpu, cpu * self._limits.wall_factor, max(2 * self._output_bytes, inputs))

    def _round(self, worker: Port, kind: str, steps: Sequence[Step]) -> _Round:
        largest = max(4 * len(step.given) for step in steps) if kind == "stdin" else 0
        request = self._request(largest)
        outcome = worker.run(self._task(kind, steps), request)
        self._raise_refusal(outcome)
        results: list[TestResult] = []
        start, more = 0, True
        for record in child_records(outcome, len(steps)):
            end = min(max(record.get("end", 0), start), len(outcome.output))
            output, start = outcome.output[start:end], end
            more = record.get("more") is not False
            results.append(readable(self._result, steps[len(results)], record, output, request))
        if not results or (len(results) < len(steps) and more and not ran_out(outcome.reply)):
            spent = outcome.reply.cpu_ns / 1e9 - sum(result.seconds for result in results)
            results.append(self._interrupted(steps[len(results)], outcome, outcome.output[start:], max(spent, 0.0)))
        return _Round(results, outcome.reply, outcome.output)

    def _raise_refusal(self, outcome: Outcome) -> None:
        if not outcome.report:
            return
        report = load_line(outcome.report) or {}
        if "infra" in report:
            raise WorkerError(f"a child failed before the program began: {report['infra']}")
        raise CompilerError(self._claims.compile_error(report), outcome.reply)

    def _result(self, step: Step, record: dict[str, Any], output: bytes, request: Request) -> TestResult:
        """Give the verdict on one test whose child said how it ended."""
        seconds = self._claims.seconds(record)
        lines = self._claims.lines(record)
        if self._flooded(output, request):
            return TestResult(Verdict.ERROR, seconds, output_limit(self._output_bytes), self._shown(output), lines)
        if isinstance(record.get("error"), dict):
            error = self._claims.error(record["error"])
            return TestResult(Verdict.ERROR, seconds, error, self._shown(output), lines)
        if step.kind == "stdin":
            right, actual = self._printed_right(step, output), self._shown(output)
        elif "value" in record:
            value = decode(record["value"])
            right, actual = self._returned_right(step, value), self._claims.repr(value)
        else:
            right, actual = False, ""
        if right and not self._problem.checker:
            return TestResult(Verdict.PASSED, seconds, None, actual, lines)
        wrong = TestResult(Verdict.FAILED, seconds, None, actual, lines)
        if isinstance(record.get("unheard"), dict):
            wrong = replace(wrong, verdict=Verdict.ERROR, error=self._claims.error(record["unheard"]))
        self._checked.note(step, wrong)
        return replace(wrong, verdict=Verdict.PASSED, error=None) if right else wrong

    def _printed_right(self, step: Step, output: bytes) -> bool:
        try:
            text = output.decode()
        except UnicodeDecodeError:
            return False
        if self._problem.checker:
            return self._checked.may_be_right(step, text)
        return outputs_match(str(step.expected), text, self._problem.comparison)

    def _returned_right(self, step: Step, value: object) -> bool:
        if self._problem.checker:
            return self._checked.may_be_right(step, value)
        if step.exact:
            return bool(value == step.expected)
        return values_match(step.expected, value, self._problem.comparison)

    def _flooded(self, output: bytes, request: Request) -> bool:
        return len(output) > self._output_bytes or len(output) >= request.file_bytes

    def _shown(self, output: bytes) -> str:
        return self._claims.shown(output[:_SHOWN])

    def _interrupted(self, step: Step, outcome: Outcome, output: bytes, seconds: float) -> TestResult:
        """Give the verdict on the test during which the child ended."""
        status, shown = os.waitstatus_to_exitcode(outcome.reply.status), self._shown(output)
        if len(output) > self._output_bytes:
            return TestResult(Verdict.ERROR, seconds, output_limit(self._output_bytes), shown)
        if ran_out(outcome.reply):
            return TestResult(Verdict.ERROR, seconds, timed_out("ran out of time"), shown)
        if status == OUT_OF_MEMORY:
            error = ProgramError(ErrorKind.MEMORY, "MemoryError", "out of memory")
        elif status < 0:
            name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
            error = ProgramError(ErrorKind.CRASHED, name, f"the interpreter died of {name}")
        elif status == 0 and step.kind == "stdin" and outcome.reply.begun:  # `os._exit(0)`: what it printed counts
            right = self._printed_right(step, output)
            return TestResult(Verdict.PASSED if right else Verdict.FAILED, seconds, None, shown)
        else:
            error = ProgramError(ErrorKind.CRASHED, "SystemExit", f"left with status {status} before it answered")
        return TestResult(Verdict.ERROR, seconds, error, shown)

    # Program and referee

    def _assert_round(self, worker: Port, referee: Port, steps: Sequence[Step]) -> _Round:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            request = self._request(0)
            patient = request._replace(idle=longest(request) + _REFEREE_PATIENCE)
            with worker.begin(self._task("serve", ()), request, ours) as served:
                judging = referee.begin(self._task("referee", steps), patient, theirs)
                ours.close()
                theirs.close()
                with judging:
                    judged = judging.wait()
                played = served.wait()
        self._raise_refusal(played)
        lines = map(load_line, record_lines(played, len(steps)))
        seen = {str(record.get("i")): record for record in lines if record}
        results: list[TestResult] = []
        late, more = ran_out(played.reply) or ran_out(judged.reply), True
        for record in child_records(judged, len(steps)):
            more = record.get("more") is not False and not record.get("lost")
            if results and late and record.get("lost"):
                break
            said = seen.get(str(len(results)), {})
            results.append(readable(self._judged, steps[len(results)], record, said, played))
        if not results:
            results.append(self._referee_failed(judged, played, steps[0]))
        elif len(results) < len(steps) and more and not late:
            results.append(self._referee_failed(judged, played, steps[len(results)]))
        return _Round(results, played.reply, played.output)

    def _judged(self, step: Step, record: dict[str, Any], said: dict[str, Any], played: Outcome) -> TestResult:
        """Give the verdict on one test that the referee has run."""
        if record.get("lost"):
            return self._interrupted(step, played, b"", played.reply.cpu_ns / 1e9)
        seconds, lines = self._claims.seconds(said), self._claims.lines(said)
        actual = self._claims.text(record.get("actual", ""))
        if fault := self._fault_of_test(record):
            self._infra_reason = fault
            return TestResult(Verdict.INFRA, seconds, None, actual, lines)
        if len(played.output) > self._output_bytes:
            return TestResult(Verdict.ERROR, seconds, output_limit(self._output_bytes), actual, lines)
        if isinstance(record.get("error"), dict):
            return TestResult(Verdict.ERROR, seconds, self._claims.error(record["error"]), "", lines)
        if record.get("passed") is not True and isinstance(said.get("unheard"), dict):
            return TestResult(Verdict.ERROR, seconds, self._claims.error(said["unheard"]), actual, lines)
        verdict = Verdict.PASSED if record.get("passed") is True else Verdict.FAILED
        return TestResult(verdict, seconds, None, actual, lines)

    def _fault_of_test(self, record: dict[str, Any]) -> str:
        """Say why no program can be blamed for what came of a test. Empty where one can."""
        if record.get("passed") is True:
            return ""
        if record.get("alone") is True:
            error = self._claims.error(record["wrong"])
            return f"a test fails before it asks anything of the program ({error.type}: {error.message})"
        unsent = record.get("unsent")
        return f"a test gives the program a {unsent}, which cannot be sent to it" if unsent else ""

    def _referee_failed(self, judged: Outcome, played: Outcome, step: Step) -> TestResult:
        """Judge a test that the referee did not finish: too slow for what it was given, or our own fault."""
        if played.reply.stopped != EXITED:
            return self._interrupted(step, played, b"", played.reply.cpu_ns / 1e9)
        if judged.reply.stopped != EXITED:
            return TestResult(Verdict.ERROR, 0.0, timed_out("its answer took the test too long to check"))
        if os.waitstatus_to_exitcode(judged.reply.status) == OUT_OF_MEMORY:
            error = ProgramError(ErrorKind.MEMORY, "MemoryError", "its answer took too much memory to check")
            return TestResult(Verdict.ERROR, 0.0, error)
        return TestResult(Verdict.INFRA, 0.0)
