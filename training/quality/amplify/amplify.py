"""Add tests to a problem. A new test is kept where all references agree on its output and it catches a wrong program.

    inputs      like those of the tests (`arguments`, `stdin`), or from a model's text if they look like them
    outputs     every right reference, run twice with different seeds, must give the same output. An input with an
                error, a timeout, or an answer of a kind that no test expects is left out
    catching    mutants of the reference, and given programs that pass the old tests, are judged on the new ones
    keeping     a greedy cover takes small inputs first. Then all references must pass the whole problem again

Nothing here knows whether the problem allows an input. References that agree on a wrong or meaningless answer make a
wrong test. Audit the references first, and prefer problems with several.
"""

from __future__ import annotations

import ast
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from random import Random
from types import TracebackType
from typing import TypeVar

from engine import (
    CallTest,
    Output,
    Problem,
    StdinTest,
    Test,
    TestResult,
    Verdict,
)
from training.quality.amplify.agreement import catches, disagreement, given_up, key_of, passed, unanswered
from training.quality.amplify.arguments import Calls
from training.quality.amplify.proposals import inputs_in
from training.quality.amplify.records import Added, Amplified, AmplifySettings, Candidate, Suspect
from training.quality.amplify.selection import covering
from training.quality.amplify.shapes import Given, LeftOutError, as_test, called, given_inputs, unusual
from training.quality.amplify.stdin import Inputs
from training.quality.audit.bench import Bench, hurried, reseeded
from training.quality.audit.mutants import Mutant
from training.quality.audit.reading import ReadingError

_Answer = TypeVar("_Answer", bound=Output | TestResult)

OUR_FAILURE = "our own failure"
_CALLS_OF_A_TEXT = 50
_TOO_SLOW = 1.0
"""CPU seconds of a reference beyond which trying many inputs costs more than new tests are worth."""
_TIMEOUTS = 3
"""Number of inputs that may time out in a reference before the rest is given up."""
_SLOWEST = 0.25
"""CPU seconds that a reference may take for a new input, if it takes less for the old ones."""


class Amplifier:
    """Amplifies problems. Use it as a context manager."""

    def __init__(self, settings: AmplifySettings) -> None:
        """Start the workers.

        Raises:
            SandboxError: this machine cannot confine programs.
        """
        self._settings = settings
        self.bench = Bench(settings.workers)

    def amplify(
        self,
        problems: Sequence[Problem],
        programs: Mapping[str, Sequence[str]] | None = None,
        texts: Mapping[str, Sequence[str]] | None = None,
        mutants: Mapping[str, Sequence[Mutant]] | None = None,
    ) -> Iterator[Amplified]:
        """Yield each problem, in order, with the tests that were found for it.

        Args:
            problems: Problems with right references. A wrong reference is not asked.
            programs: Programs that may be wrong, by problem id.
            texts: A model's answers to the request for more tests, by problem id.
            mutants: Mutants to catch in place of those made here, by problem id.
        """

        def work(problem: Problem) -> Amplified:
            made = None if mutants is None else mutants.get(problem.id, ())
            return self._amplify(problem, (programs or {}).get(problem.id, ()), (texts or {}).get(problem.id, ()), made)

        return self.bench.each(work, problems)

    def __enter__(self) -> Amplifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bench.__exit__(kind, error, trace)

    def _amplify(
        self, problem: Problem, programs: Sequence[str], texts: Sequence[str], mutants: Sequence[Mutant] | None
    ) -> Amplified:
        started = time.perf_counter()
        try:
            found = self._tried(problem, programs, texts, mutants)
        except LeftOutError as error:
            found = Amplified(problem, str(error))
        except Exception as error:  # one odd problem must not cost the others' work, so it is named and counted
            found = Amplified(problem, f"{OUR_FAILURE} ({type(error).__name__}: {error})")
        return replace(found, seconds=time.perf_counter() - started)

    def _tried(
        self, problem: Problem, programs: Sequence[str], texts: Sequence[str], mutants: Sequence[Mutant] | None
    ) -> Amplified:
        given = given_inputs(problem)
        references, slowest = self._right_references(problem)
        if mutants is None:
            try:
                mutants = self.bench.reader.mutants(references[0], self._settings.seed, self._settings.mutants)
            except ReadingError as error:
                raise LeftOutError(f"no mutants: {error}") from None
        suspects = self._passing(problem, mutants, programs, slowest)
        survivors = sum(suspect.mutant for suspect in suspects)
        before = Amplified(
            problem,
            "",
            mutants=len(mutants),
            caught_before=len(mutants) - survivors,
            caught_after=len(mutants) - survivors,
            programs=len(suspects) - survivors,
        )
        if not suspects:
            return before
        candidates = self._candidates(problem, given, texts)
        rejected: Counter[str] = Counter()
        tests = self._agreed(problem, given, candidates, references, slowest, rejected)
        added, caught = self._chosen(problem, tests, suspects, references, rejected)
        return replace(
            before,
            problem=replace(problem, tests=(*problem.tests, *(addition.test for addition in added))),
            added=tuple(added),
            candidates=len(candidates),
            rejected=tuple(sorted(rejected.items())),
            caught_after=before.caught_before + sum(suspect.mutant for suspect in caught),
            programs_caught=sum(not suspect.mutant for suspect in caught),
        )

    def _right_references(self, problem: Problem) -> tuple[list[str], float]:
        right = []
        slowest = 0.0
        for source in problem.references:
            executions = self.bench.repeat(source, problem, 2)
            if all(execution.verdict is Verdict.PASSED for execution in executions):
                right.append(source)
                slowest = max(slowest, *(test.seconds for execution in executions for test in execution.tests))
        if slowest > _TOO_SLOW:
            raise LeftOutError("its reference takes more than a second for a test")
        if not right:
            raise LeftOutError("no reference passes its tests" if problem.references else "it has no reference")
        return right, slowest

    def _passing(
        self, problem: Problem, mutants: Sequence[Mutant], programs: Sequence[str], slowest: float
    ) -> list[Suspect]:
        """Collect the programs that the old tests let pass."""
        suspects = [
            Suspect(mutant.program, f"{mutant.operator} in line {mutant.line}: {mutant.change}", True)
            for mutant in mutants
        ]
        suspects += [
            Suspect(program, f"program {index}", False) for index, program in enumerate(dict.fromkeys(programs))
        ]
        executions = self.bench.judge([suspect.program for suspect in suspects], hurried(problem, slowest))
        return [suspect for suspect, done in zip(suspects, executions, strict=True) if done.verdict is Verdict.PASSED]

    def _candidates(self, problem: Problem, given: Sequence[Given], texts: Sequence[str]) -> list[Candidate]:
        """Propose new inputs, smallest first."""
        chance = Random(f"{self._settings.seed}:{problem.id}")
        found: list[Candidate] = []
        stdins = [test.stdin for test in given if isinstance(test, StdinTest)]
        if stdins:
            inputs = Inputs(stdins)
            if not inputs.understood:
                raise LeftOutError("its standard inputs have no grammar that is known here")
            found += [Candidate(StdinTest(text, ""), "model") for text in inputs_in(texts) if inputs.admits(text)]
            proposed = islice(inputs.propose(chance), self._settings.candidates)
            found += [Candidate(StdinTest(text, ""), "grammar") for text in proposed]
        else:
            calls = Calls([test.args for test in given if isinstance(test, CallTest)])
            said = self._calls_in(texts, called(problem))
            found += [Candidate(CallTest(arguments, None), "model") for arguments in said if calls.admits(arguments)]
            drawn = islice(calls.propose(chance), self._settings.candidates)
            found += [Candidate(CallTest(arguments, None), "mutation") for arguments in drawn]
        known = {key_of(test) for test in given}
        unique = {key: candidate for candidate in reversed(found) if (key := key_of(candidate.given)) not in known}
        if not unique:
            raise LeftOutError("no new input like those of its tests was found")
        return sorted(unique.values(), key=lambda candidate: len(key_of(candidate.given)))

    def _calls_in(self, texts: Sequence[str], name: str) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for text in texts:
            try:
                found += [ast.literal_eval(call) for call in self.bench.reader.calls(text, name, _CALLS_OF_A_TEXT)]
            except (ReadingError, ValueError, SyntaxError, RecursionError):
                continue
        return found

    def _agreed(
        self,
        problem: Problem,
        given: Sequence[Given],
        candidates: Sequence[Candidate],
        references: Sequence[str],
        slowest: float,
        rejected: Counter[str],
    ) -> list[tuple[Candidate, Test]]:
        """Make tests of the first reference's outputs, and keep those that all references pass, whatever the seed.

        So outputs are compared by the judge, and never here.
        """
        limit = max(_SLOWEST, 10 * slowest)
        asked = replace(problem, tests=tuple(candidate.given for candidate in candidates), time_limit=limit)
        expected: list[object] = [test.expected for test in given]
        made = []
        for candidate, output in zip(candidates, self._outputs(references[0], asked), strict=True):
            if reason := unanswered(output) or (
                "an answer of a kind that no test expects" if unusual(expected, output.value) else ""
            ):
                rejected[reason] += 1
                continue
            try:
                made.append((candidate, as_test(problem, candidate.given, output.value)))
            except LeftOutError as error:
                rejected[str(error)] += 1
        if not made:
            return []
        finished = replace(asked, tests=tuple(test for _, test in made))
        results = [
            self._in_parts(partial(self._results, source, run), finished) for source in references for run in (0, 1)
        ]
        reasons = [disagreement(outcomes) for outcomes in zip(*results, strict=True)]
        rejected.update(filter(None, reasons))
        return [pair for pair, reason in zip(made, reasons, strict=True) if not reason]

    def _outputs(self, reference: str, asked: Problem) -> list[Output]:
        """Collect a reference's answers to all inputs."""
        source = reference.encode(errors="surrogatepass")
        return self._in_parts(lambda part: self.bench.judges[0].outputs(source, part).result(), asked)

    def _results(self, reference: str, run: int, problem: Problem) -> Sequence[TestResult]:
        """Judge a reference on all tests."""
        source = reference.encode(errors="surrogatepass")
        execution = self.bench.judges[run].submit(source, reseeded(problem, run)).result()
        lost = TestResult(execution.verdict, 0.0, execution.error)
        return execution.tests or [lost] * len(problem.tests)

    def _in_parts(self, ask: Callable[[Problem], Sequence[_Answer]], asked: Problem) -> list[_Answer]:
        """Ask about all tests, and again about what was given up after the first ones that time out."""
        found: list[_Answer] = []
        answers: Sequence[_Answer] = ()
        for _ in range(_TIMEOUTS):
            answers = ask(replace(asked, tests=asked.tests[len(found) :]))
            ran = [answer for answer in answers if not given_up(answer.error)]
            found += ran
            if len(found) == len(asked.tests):
                return found
        return [*found, *answers[len(ran) :]]

    def _chosen(
        self,
        problem: Problem,
        tests: Sequence[tuple[Candidate, Test]],
        suspects: Sequence[Suspect],
        references: Sequence[str],
        rejected: Counter[str],
    ) -> tuple[list[Added], set[Suspect]]:
        """Choose the tests to keep, with what they catch."""
        if not tests:
            return [], set()
        asked = replace(problem, tests=tuple(test for _, test in tests))
        own = [self.bench.judge([source], asked)[0] for source in references]
        sound = [i for i in range(len(tests)) if all(passed(execution, i) for execution in own)]
        if len(sound) < len(tests):
            rejected["a reference fails the finished test"] += len(tests) - len(sound)
        slowest = max((test.seconds for execution in own for test in execution.tests), default=0.0)
        executions = self.bench.judge([suspect.program for suspect in suspects], hurried(asked, slowest))
        caught_by = [
            frozenset(which for which, execution in enumerate(executions) if catches(execution, i)) for i in sound
        ]
        sizes = [len(key_of(tests[i][0].given)) for i in sound]
        added = []
        caught: set[Suspect] = set()
        for index in covering(caught_by, sizes, self._settings.most):
            candidate, test = tests[sound[index]]
            named = [suspects[which] for which in sorted(caught_by[index])]
            caught.update(named)
            added.append(Added(test, candidate.origin, len(references), tuple(suspect.name for suspect in named)))
        return added, caught
