"""Compute one reward per token from a report (RLTF section 3.2, equations 3 to 10), in linear time.

The trainer subtracts baselines later, from `coarse` and `adaptive`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from engine import ErrorKind, Execution, Report, Source, Verdict
from feedback.blame import ERROR_SOURCES, STATIC_SOURCES, decide_blames
from feedback.narrowing import telling
from feedback.records import COMPONENTS, Blame, Category, Contribution, Feedback, FinishReason, Rewards
from feedback.spans import GRANULARITIES, Granularity, token_range
from feedback.spectrum import FORMULAS, executed_tokens
from feedback.taxonomy import TaxonomyError, load_taxonomy

Mode = Literal["default", "paper", "release"]
MODES = ("default", "paper", "release")

Ranged = tuple[tuple[int, int], Contribution]


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """The settings of rewards. The numbers are the paper's, except where a docstring says otherwise."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "use_attribute_docstrings": True}
    """So that the trainer's configuration can validate and document these fields. Pydantic is not needed here."""

    mode: Mode = "default"
    """`paper`: equations 3 to 10, alpha without a cap, strengths 1, lines, no static component. `default`: the same
    with capped alpha, strengths and places from the taxonomy, and the static component. `release`: what the published
    code computes, for comparison: no alpha, adaptive in place of coarse, time-outs without fine feedback."""
    coarse_passed: float = 1.0
    """Coarse reward of a program that passes every test (equation 3)."""
    coarse_failed: float = -0.3
    """Coarse reward of a program that runs and fails at least one test."""
    coarse_error: float = -0.6
    """Coarse reward of an error that is not a syntax error."""
    coarse_syntax: float = -1.0
    """Coarse reward of a syntax error."""
    adaptive_base: float = -0.3
    """Adaptive reward with no test passed."""
    adaptive_range: float = 1.3
    """What passing all tests adds to it."""
    fine_penalty: float = -0.3
    """R_fine of blamed tokens (equation 4)."""
    static_penalty: float = -0.15
    """As `fine_penalty`, for findings of the linters. `default` mode only (ours)."""
    alpha_cap: float = 10.0
    """Largest alpha = T / (E - S) in `default` mode (ours): a one-token blame would weigh as much as T tokens."""
    granularity: Granularity = "expression"
    """How much text a place takes in `default` mode (ours): `line`, `statement` (with its continuation lines, never a
    block), or `expression`: what the error or the linter points at; the statement where that is a line or where the
    parser gave up."""
    spectrum: Literal["ochiai", "tarantula", "dstar", "none"] = "ochiai"
    """Formula that finds a suspicious line where no error has a sure place (ours, `default` mode). `none` for none."""
    taxonomy: str = ""
    """Path of a TOML file whose rows replace the shipped taxonomy's."""

    def __post_init__(self) -> None:
        choices = (("mode", MODES), ("granularity", GRANULARITIES), ("spectrum", (*FORMULAS, "none")))
        for name, allowed in choices:
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}")
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(entry.default, float) and not np.isfinite(value):
                raise ValueError(f"{entry.name} is {value!r}; allowed: a finite number")
        for name in ("fine_penalty", "static_penalty"):
            if getattr(self, name) > 0:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; allowed: 0 or less, a finding never earns a reward"
                )
        try:
            load_taxonomy(self.taxonomy)
        except TaxonomyError as error:
            raise TaxonomyError(f"taxonomy: {error}") from None
        if self.alpha_cap < 1:
            raise ValueError(f"alpha_cap is {self.alpha_cap!r}; allowed: 1 or more")

    @property
    def needs_lines(self) -> bool:
        """Whether rewards depend on which lines the tests ran. Finding out costs failing programs one more run."""
        return self.mode == "default" and self.spectrum != "none"


def assess(
    report: Report,
    offsets: NDArray[np.int32],
    *,
    finish_reason: FinishReason | str = FinishReason.STOP,
    settings: RewardSettings | None = None,
) -> Feedback:
    """Lay a report on the sampled tokens.

    Args:
        report: The engine's report on the program.
        offsets: Byte range of each sampled token in `report.program`, int32 [T, 2] (`feedback.token_offsets`).
        finish_reason: Why generation ended. `length` makes any failure of the program a truncation (U_global). In
            `paper` and `release` mode only a syntax error becomes one, as in Table 2.
        settings: Rewards and mode.

    Returns:
        Feedback with raw rewards, before any baseline. A verdict `infra` gives zeros, because it earns no reward.

    Raises:
        TypeError: the offsets are not an array of integers.
        ValueError: they have another shape, or do not end where the program does, such as offsets in characters.
    """
    _check_offsets(offsets, len(report.program))
    settings = settings or RewardSettings()
    ours = settings.mode == "default"
    blames = decide_blames(
        report,
        load_taxonomy(settings.taxonomy),
        truncated=FinishReason(finish_reason) is FinishReason.LENGTH,
        granularity=settings.granularity if ours else "line",
        spectrum=settings.spectrum if ours and settings.spectrum != "none" else None,
        table_2=not ours,
    )
    contributions = tuple(_contributions(report, blames, offsets, settings))
    rewards = summed(contributions, len(offsets))
    executed = executed_tokens(report.program, report.execution, offsets)
    return Feedback(report, blames, offsets, rewards, executed, contributions)


def _check_offsets(offsets: object, program_bytes: int) -> None:
    if not isinstance(offsets, np.ndarray) or not np.issubdtype(offsets.dtype, np.integer):
        kind = f"an array of {offsets.dtype}" if isinstance(offsets, np.ndarray) else type(offsets).__name__
        raise TypeError(f"offsets: must be an array of integers, as feedback.token_offsets gives, not {kind}")
    if offsets.ndim != 2 or offsets.shape[1] != 2:
        raise ValueError(f"offsets: must have shape [T, 2], not {list(offsets.shape)}")
    if len(offsets) and (end := int(offsets.max())) != program_bytes:
        raise ValueError(
            f"offsets: end at {end}, the program has {program_bytes} bytes. They are bytes of the sampled tokens"
            " (feedback.token_bytes, token_offsets), not a tokenizer's offsets in characters"
        )


def _contributions(
    report: Report, blames: tuple[Blame, ...], offsets: NDArray[np.int32], settings: RewardSettings
) -> Iterator[Ranged]:
    execution = report.execution
    if execution.verdict is Verdict.INFRA or len(offsets) == 0:
        return
    whole = (0, len(offsets))
    coarse, rule = _coarse(execution, settings)
    adaptive = settings.adaptive_base + settings.adaptive_range * execution.pass_ratio
    if settings.mode == "release" and execution.verdict is Verdict.FAILED:
        coarse = 0.0  # the published code puts adaptive in the place of coarse
    if settings.mode != "release" or execution.verdict is Verdict.FAILED:
        passed = sum(test.verdict is Verdict.PASSED for test in execution.tests)
        share = f"{passed} of {len(execution.tests)} tests passed (equation 5)"
        yield whole, Contribution("adaptive", _rounded(adaptive), share)
    if coarse:
        yield whole, Contribution("coarse", _rounded(coarse), rule)
    if settings.mode == "default":
        observed = [blame for blame in blames if blame.diagnostic.source not in STATIC_SOURCES]
        static = [blame for blame in blames if blame.diagnostic.source in STATIC_SOURCES]
        yield from _weighted("fine", settings.fine_penalty, observed, report.program, offsets, settings)
        yield from _weighted("static", settings.static_penalty, static, report.program, offsets, settings)
    else:
        yield from _first_error_only(execution, blames, offsets, settings)


def _coarse(execution: Execution, settings: RewardSettings) -> tuple[float, str]:
    """Compute equation 3."""
    match execution.verdict:
        case Verdict.PASSED:
            return settings.coarse_passed, "passed (equation 3)"
        case Verdict.FAILED:
            return settings.coarse_failed, "failed (equation 3)"
        case _:
            if execution.error is not None and execution.error.kind is ErrorKind.SYNTAX:
                return settings.coarse_syntax, "syntax error (equation 3)"
            return settings.coarse_error, "error (equation 3)"


def _weighted(
    component: str,
    penalty: float,
    blames: list[Blame],
    program: bytes,
    offsets: NDArray[np.int32],
    settings: RewardSettings,
) -> Iterator[Ranged]:
    """Compute equation 9 with strengths. All blames of a component share the weight of one.

    Of a suspect, only the tokens count in which a bug can be: no error points at its punctuation.
    """
    share = max(1.0, sum(blame.strength for blame in blames))
    for blame in blames:
        placed = _placed(blame, offsets)
        if placed is None:
            continue
        ranges = [placed[0]]
        if blame.diagnostic.source is Source.COVERAGE:
            ranges = telling(program, offsets, *placed[0]) or ranges
        alpha = min(len(offsets) / sum(last - first for first, last in ranges), settings.alpha_cap)
        strength = blame.strength / share
        rule = f"{blame.category} {blame.diagnostic.code}, strength {strength:.2f}, alpha {alpha:.2f}: {blame.reason}"
        for place in ranges:
            yield place, Contribution(component, _rounded(alpha * penalty * strength), rule, blame)


def _first_error_only(
    execution: Execution, blames: tuple[Blame, ...], offsets: NDArray[np.int32], settings: RewardSettings
) -> Iterator[Ranged]:
    """Compute equations 4 and 9 literally: the first error, no strengths, no cap (in `release` no alpha either)."""
    blame = next((blame for blame in blames if blame.diagnostic.source in ERROR_SOURCES), None)
    if blame is None or (placed := _placed(blame, offsets)) is None:
        return
    (first, last), alpha = placed
    if settings.mode == "release":
        if execution.error is not None and execution.error.kind not in (ErrorKind.RUNTIME, ErrorKind.SYNTAX):
            return  # timeouts have an empty message there, and every signal is ignored
        alpha = 1.0
    rule = f"{blame.category} {blame.diagnostic.code}, alpha {alpha:.2f} (equations 4, 9): {blame.reason}"
    yield (first, last), Contribution("fine", _rounded(alpha * settings.fine_penalty), rule, blame)


def _placed(blame: Blame, offsets: NDArray[np.int32]) -> tuple[tuple[int, int], float] | None:
    """Return the blamed tokens and alpha = T / (E - S), or None where nothing is blamed.

    An error at a place that no token wrote is blamed on the whole program. A linter's finding there is dropped.
    """
    if blame.category is Category.IGNORE or blame.strength == 0:
        return None
    first, last = (0, 0) if blame.span is None else token_range(blame.span, offsets)
    if first == last:
        if blame.span is not None and blame.diagnostic.source not in ERROR_SOURCES:
            return None
        first, last = 0, len(offsets)
    return (first, last), len(offsets) / (last - first)


def _rounded(amount: float) -> float:
    """Round to the nearest float32, so that the listed amounts are those that are added."""
    return float(np.float32(amount))


def summed(contributions: tuple[Ranged, ...], tokens: int) -> Rewards:
    """Sum contributions into one reward per token and component, float32 [tokens]."""
    sums = {component: np.zeros(tokens, dtype=np.float64) for component in COMPONENTS}
    for (first, last), contribution in contributions:
        sums[contribution.component][first:last] += contribution.amount
    return {component: values.astype(np.float32) for component, values in sums.items()}
