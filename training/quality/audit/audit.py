"""Audit one problem after the other by judging references, trivial programs and mutants in the sandbox.

References are run with different seeds for `random` and for hashing, so that chance shows. Mutants and trivial programs
get a tighter time limit than policies do, 20 times the reference's time. A mutant that runs longer counts as caught.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from engine import Execution, Limits, Problem, Verdict
from engine.messages import UNLOADABLE
from training.quality.audit.bench import Bench, hurried
from training.quality.audit.causes import cause_of_failure, causes_in_tests, findings_about_tests
from training.quality.audit.duplicates import Likeness, duplicates, overlap
from training.quality.audit.findings import Finding, JudgedMutant, Kind, ProblemAudit, ReferenceAudit
from training.quality.audit.mutants import Mutant
from training.quality.audit.reading import ReadingError
from training.quality.audit.trivial import has_one_answer, one_call_programs, trivial_programs

_ENOUGH_MUTANTS = 4
"""Number of mutants below which a low score says nothing."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The settings of an audit, and its reasons to drop a problem."""

    workers: int = 1
    """Number of sandbox processes that run programs at once. Twice as many are started, with two hash seeds."""
    runs: int = 3
    """Number of times each reference is judged."""
    mutants: int = 24
    """Maximum number of mutants of one problem."""
    seed: int = 0
    min_score: float = 0.5
    """Problems with a lower mutation score are dropped."""
    near: float = 0.8
    """Jaccard similarity of prompts or tests from which problems are alike."""
    slow: float = 0.5
    """Share of the time limit above which a reference is slow."""


class Auditor:
    """Audits problems. Use it as a context manager."""

    def __init__(self, settings: AuditSettings) -> None:
        """Start the workers.

        Raises:
            SandboxError: this machine cannot confine programs.
        """
        self._settings = settings
        self._bench = Bench(settings.workers)

    def audit(self, problems: Sequence[Problem], held_out: Sequence[Problem] = ()) -> Iterator[ProblemAudit]:
        """Yield the audit of each problem, in order, as it is known."""
        alike = duplicates(problems, self._settings.near)
        leaked = overlap(problems, held_out, self._settings.near)
        found = [_likenesses(alike.get(index), leaked.get(index)) for index in range(len(problems))]
        return self._bench.each(lambda index: self._audit(problems[index], found[index]), range(len(problems)))

    def __enter__(self) -> Auditor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bench.__exit__(kind, error, trace)

    def _audit(self, problem: Problem, findings: list[Finding]) -> ProblemAudit:
        started = time.perf_counter()
        references: list[ReferenceAudit] = []
        trivial: list[str] = []
        mutants: list[JudgedMutant] = []
        if not problem.tests:
            findings.append(Finding(Kind.NO_TESTS, "", drop=True))
        else:
            causes = causes_in_tests(problem)
            findings += findings_about_tests(problem, causes)
            references = self._references(problem, causes, findings)
            trivial = self._trivial(problem, references, findings)
            mutants = self._mutants(problem, references, findings)
        seconds = time.perf_counter() - started
        return ProblemAudit(
            problem.id,
            len(problem.tests),
            tuple(references),
            tuple(trivial),
            tuple(mutants),
            tuple(findings),
            seconds,
        )

    # References

    def _references(self, problem: Problem, causes: dict[int, Kind], findings: list[Finding]) -> list[ReferenceAudit]:
        found = [
            _reference(index, self._bench.repeat(source, problem, self._settings.runs), problem, causes)
            for index, source in enumerate(problem.references)
        ]
        limit = problem.time_limit or Limits().cpu_seconds
        about_references = reference_findings(found, self._settings.slow * limit)
        named = {finding.kind for finding in about_references}
        findings[:] = [*(finding for finding in findings if finding.kind not in named), *about_references]
        return found

    # Programs that should fail

    def _trivial(self, problem: Problem, references: Sequence[ReferenceAudit], findings: list[Finding]) -> list[str]:
        brief = hurried(problem, _slowest(references))
        passing = self._passing(trivial_programs(problem), brief)
        if passing:
            findings.append(Finding(Kind.TRIVIAL, "; ".join(passing), drop=True))
        if calls := self._passing(one_call_programs(problem), brief):
            findings.append(Finding(Kind.ONE_CALL, "; ".join(calls), drop=False))
        if has_one_answer(problem):
            findings.append(Finding(Kind.ONE_ANSWER, f"{len(problem.tests)} tests", drop=False))
        return passing

    def _passing(self, programs: dict[str, str], problem: Problem) -> list[str]:
        executions = self._bench.judge([*programs.values()], problem)
        return [
            name for name, execution in zip(programs, executions, strict=True) if execution.verdict is Verdict.PASSED
        ]

    def _mutants(
        self, problem: Problem, references: Sequence[ReferenceAudit], findings: list[Finding]
    ) -> list[JudgedMutant]:
        source = next((problem.references[reference.index] for reference in references if reference.right), None)
        if source is None:
            return []
        try:
            mutants = self._bench.reader.mutants(source, self._settings.seed, self._settings.mutants)
        except ReadingError as error:
            findings.append(Finding(Kind.NO_MUTANTS, str(error), drop=False))
            return []
        judged = self._judge_mutants(mutants, hurried(problem, _slowest(references)))
        if len(judged) < len(mutants):
            findings.append(Finding(Kind.NOT_JUDGED, f"{len(mutants) - len(judged)} mutants", drop=False))
        if not judged:
            findings.append(Finding(Kind.NO_MUTANTS, "nothing in it that could be changed", drop=False))
            return []
        caught = sum(mutant.caught for mutant in judged)
        if len(judged) >= _ENOUGH_MUTANTS and caught < self._settings.min_score * len(judged):
            findings.append(Finding(Kind.WEAK_TESTS, f"{caught} of {len(judged)} mutants caught", drop=True))
        return judged

    def _judge_mutants(self, mutants: Sequence[Mutant], problem: Problem) -> list[JudgedMutant]:
        """Judge each mutant by the tests. Mutants that we failed to judge are left out."""
        executions = self._bench.judge([mutant.program for mutant in mutants], problem)
        return [
            JudgedMutant(mutant, execution.verdict is not Verdict.PASSED)
            for mutant, execution in zip(mutants, executions, strict=True)
            if execution.verdict is not Verdict.INFRA
        ]


def _slowest(references: Sequence[ReferenceAudit]) -> float | None:
    return max((reference.seconds for reference in references if reference.right), default=None)


def _likenesses(alike: Likeness | None, leaked: Likeness | None) -> list[Finding]:
    findings = []
    if leaked is not None:
        findings.append(Finding(Kind.HELD_OUT, str(leaked), drop=True))
    if alike is not None:
        kind = Kind.DUPLICATE if alike.exact else Kind.NEAR_DUPLICATE
        findings.append(Finding(kind, str(alike), drop=alike.exact))
    return findings


def _reference(
    index: int, executions: Sequence[Execution], problem: Problem, causes: dict[int, Kind]
) -> ReferenceAudit:
    outcomes = {tuple(test.verdict for test in execution.tests) for execution in executions}
    first = next((execution for execution in executions if execution.verdict is not Verdict.PASSED), executions[0])
    return ReferenceAudit(
        index,
        tuple(str(execution.verdict) for execution in executions),
        max((test.seconds for execution in executions for test in execution.tests), default=0.0),
        len(outcomes) > 1 and all(execution.verdict is not Verdict.INFRA for execution in executions),
        _why(first),
        Kind.BROKEN_CHECKER
        if first.infra_reason.startswith(UNLOADABLE)
        else cause_of_failure(problem, first.tests, causes),
    )


def _why(execution: Execution) -> str:
    if execution.verdict is Verdict.INFRA:
        return execution.infra_reason
    if execution.error is not None:
        return f"{execution.error.type}: {execution.error.message}"
    failed = sum(test.verdict is Verdict.FAILED for test in execution.tests)
    return f"{failed} of {len(execution.tests)} tests fail" if failed else ""


def reference_findings(references: Sequence[ReferenceAudit], slow_seconds: float) -> list[Finding]:
    """Say what is wrong with the references, all runs considered."""
    if not references:
        return [Finding(Kind.NO_REFERENCE, "", drop=False)]
    findings = []
    infra = [reference for reference in references if "infra" in reference.verdicts]
    right = [reference for reference in references if reference.right]
    flaky = [reference for reference in references if reference.flaky]
    wrong = [
        reference for reference in references if not reference.right and not reference.flaky and reference not in infra
    ]
    slow = [reference for reference in references if reference.right and reference.seconds > slow_seconds]
    if infra:
        broken = all(reference.cause is Kind.BROKEN_CHECKER for reference in infra)
        findings.append(Finding(Kind.BROKEN_CHECKER if broken else Kind.NOT_JUDGED, _listed(infra), drop=broken))
    drop = not infra and (not right or len(right) < len(wrong))
    for cause in dict.fromkeys(reference.cause for reference in wrong):
        alike = [reference for reference in wrong if reference.cause is cause]
        detail = f"{len(alike)} of {len(references)}: {_listed(alike)}"
        findings.append(Finding(cause or Kind.WRONG_REFERENCE, detail, drop))
    if flaky:
        drop = not infra and not right
        kind = Kind.ORDER if all(reference.cause is Kind.ORDER for reference in flaky) else Kind.FLAKY_REFERENCE
        findings.append(Finding(kind, f"{len(flaky)} of {len(references)}: {_listed(flaky)}", drop))
    if slow:
        times = ", ".join(f"{reference.index}: {reference.seconds:.2f} s" for reference in slow[:3])
        findings.append(
            Finding(Kind.SLOW_REFERENCE, f"{len(slow)} of {len(references)}: reference {times}", drop=False)
        )
    return findings


def _listed(references: Sequence[ReferenceAudit]) -> str:
    named = "; ".join(f"reference {reference.index}: {reference.why}" for reference in references[:3])
    return named + ("; ..." if len(references) > 3 else "")
