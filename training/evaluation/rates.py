"""Sample problems and judge the programs, for the pass rate of a training run and for `rltf eval`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from engine import Execution, Problem, ProgramJudge, Verdict
from training.evaluation.estimates import pass_at_k
from training.evaluation.results import Sample
from training.models.policy import Policy
from training.models.prompts import encode_prompt, program_of
from training.records import Drawing, PassRate, Rollout, SampleRequest
from training.run.rows import outcome_class
from training.samplers.base import Sampler
from training.seeds import EVALUATION, request_seed

_WAITING = 4096
"""Number of programs that may wait for the judge before sampling pauses."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One sampled program with its execution."""

    problem_id: str
    rollout: Rollout
    program: bytes
    execution: Execution
    public: bool | None = None
    """Whether it passes the problem's public tests, if that was requested and there are some."""


def judged_samples(
    policy: Policy,
    sampler: Sampler,
    judge: ProgramJudge,
    problems: Sequence[Problem],
    samples: int,
    drawing: Drawing = Drawing(),  # noqa: B008
    *,
    seed: int,
    go_on: Callable[[], None] = lambda: None,
) -> Iterator[Judged]:
    """Sample every problem and judge each program while the next batch is sampled.

    `go_on` is called between batches and may raise to stop.
    """
    requests = [evaluation_request(policy, problem, samples, drawing, seed) for problem in problems]
    return judged_requests(policy, sampler, judge, problems, requests, go_on=go_on)


def evaluation_request(
    policy: Policy, problem: Problem, samples: int, drawing: Drawing, seed: int, first: int = 0
) -> SampleRequest:
    """Ask for samples of a problem with the random numbers of an evaluation. `first` is the index of the first."""
    numbers = request_seed(seed, EVALUATION, problem.id)
    return SampleRequest(problem.id, encode_prompt(policy, problem), samples, numbers, first, drawing=drawing)


def judged_requests(
    policy: Policy,
    sampler: Sampler,
    judge: ProgramJudge,
    problems: Iterable[Problem],
    requests: Sequence[SampleRequest],
    *,
    public: bool = False,
    go_on: Callable[[], None] = lambda: None,
) -> Iterator[Judged]:
    """Yield every requested sample, judged. Samples of one batch are judged while the next batch is sampled.

    With `public` they are judged on public tests too. Where these are among all tests, the same execution serves both.
    """
    by_id = {problem.id: problem for problem in problems}
    views = {problem.id: problem.public_view() for problem in by_id.values() if public and _shows_others(problem)}
    waiting: deque[tuple[Rollout, bytes, Future[Execution], Future[Execution] | None]] = deque()
    for batch in sampler.sample(requests):
        go_on()
        for rollout in batch:
            problem = by_id[rollout.problem_id]
            program = program_of(policy, rollout.token_ids, problem)
            view = views.get(problem.id)
            seen = judge.submit(program, view) if view else None
            waiting.append((rollout, program, judge.submit(program, problem), seen))
        while waiting and (waiting[0][2].done() or len(waiting) > _WAITING):
            yield _judged(by_id, *waiting.popleft(), public)
    while waiting:
        yield _judged(by_id, *waiting.popleft(), public)


def _shows_others(problem: Problem) -> bool:
    """Say whether a problem shows tests that it is not judged by."""
    return any(test not in problem.tests for test in problem.public_tests)


def _judged(
    by_id: Mapping[str, Problem],
    rollout: Rollout,
    program: bytes,
    execution: Future[Execution],
    seen: Future[Execution] | None,
    public: bool,
) -> Judged:
    problem, found = by_id[rollout.problem_id], execution.result()
    passes = None
    if public and problem.public_tests and found.verdict is not Verdict.INFRA:
        if seen is not None:
            said = seen.result().verdict
            passes = None if said is Verdict.INFRA else said is Verdict.PASSED
        else:
            passes = bool(found.tests) and all(
                found.tests[index].verdict is Verdict.PASSED for index in problem.public_indices
            )
    return Judged(problem.id, rollout, program, found, passes)


def evaluate(
    policy: Policy,
    sampler: Sampler,
    judge: ProgramJudge,
    problems: Sequence[Problem],
    samples: int,
    drawing: Drawing,
    *,
    done: Iterable[Sample] = (),
    seed: int,
    rows: int = 64,
) -> Iterator[Sample]:
    """Yield the samples that an evaluation at one temperature still lacks, judged on all tests and on the public ones.

    Args:
        policy: Model and tokenizer.
        sampler: Over it.
        judge: Runs the programs.
        problems: All of the evaluation's.
        samples: For each problem, those that are done included.
        drawing: Its temperature tells samples apart.
        done: Samples that need not be drawn again.
        seed: Everything random is a function of it, and a sample of its index: the same ones, whatever is done.
        rows: Samples of one problem that are drawn together, at most.
    """
    have = {(sample.problem_id, sample.sample) for sample in done if sample.temperature == drawing.temperature}
    by_id = {problem.id: problem for problem in problems}
    requests = []
    for problem in problems:
        missing = [index for index in range(samples) if (problem.id, index) not in have]
        for first, count in _stretches(missing, rows):
            requests.append(evaluation_request(policy, problem, count, drawing, seed, first))
    for sample in judged_requests(policy, sampler, judge, problems, requests, public=True):
        yield sample_of(sample, by_id[sample.problem_id], drawing.temperature)


def _stretches(indices: Sequence[int], longest: int) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of runs of consecutive indices, none longer than `longest`."""
    start = 0
    for end in range(1, len(indices) + 1):
        if end == len(indices) or indices[end] != indices[end - 1] + 1 or end - start == longest:
            yield indices[start], end - start
            start = end


def sample_of(judged: Judged, problem: Problem, temperature: float) -> Sample:
    """Make the record that a result keeps of a judged program."""
    execution = judged.execution
    return Sample(
        temperature=temperature,
        problem_id=problem.id,
        sample=judged.rollout.sample,
        verdict=str(execution.verdict),
        outcome=outcome_class(execution),
        error=execution.error.type if execution.error else None,
        source=problem.source,
        pass_ratio=execution.pass_ratio,
        public=judged.public,
        difficulty=problem.difficulty,
        finish_reason=str(judged.rollout.finish_reason),
        tokens=len(judged.rollout.token_ids),
        seconds=execution.seconds,
        program=judged.program.decode(errors="replace"),
    )


def pass_rate(judged: Sequence[Judged]) -> PassRate:
    """Sum up judged samples.

    Raises:
        RuntimeError: nothing could be judged, which is our failure and not a pass rate of 0.
    """
    executions: dict[str, list[Execution]] = {}
    for sample in judged:
        executions.setdefault(sample.problem_id, []).append(sample.execution)
    infra = sum(sample.execution.verdict is Verdict.INFRA for sample in judged)
    rates = []
    for group in executions.values():
        counted = [execution for execution in group if execution.verdict is not Verdict.INFRA]
        if counted:
            passes = sum(execution.verdict is Verdict.PASSED for execution in counted)
            rates.append(pass_at_k(len(counted), passes, 1))
    if not rates:
        reasons = Counter(sample.execution.infra_reason for sample in judged)
        raise RuntimeError(f"no sample could be judged: {reasons.most_common(1)}")
    classes = Counter(outcome_class(sample.execution) for sample in judged)
    shares = {name: count / len(judged) for name, count in sorted(classes.items())}
    return PassRate(sum(rates) / len(rates), len(rates), len(judged) // len(executions), shares, infra)
