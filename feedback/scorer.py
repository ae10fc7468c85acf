"""Token rewards for anyone's trainer: token ids, a problem and a finish reason in, a future of feedback out.

The scorer knows what lies between a completion and its feedback: which of its bytes are the program, which bytes each
token wrote, whether the length limit cut the program off, and what to do where judging itself fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType

from engine import Engine, Problem, ProgramEngine, Report, Verdict
from feedback.completions import CompletionFormat
from feedback.records import Feedback, FinishReason
from feedback.rewards import RewardSettings, assess
from feedback.tokens import token_bytes


class Scorer:
    """Scores completions on an engine whose workers stay warm. Use it as a context manager, or `close` it.

        with Scorer(tokenizer) as scorer:
            feedback = scorer.submit(token_ids, problem, "stop").result()

    A program that could not be judged through our own fault is judged once more. If that fails too, the feedback is
    `masked`: its rewards are zeros, and the sample must be left out of the loss.

    Args:
        tokenizer: A Hugging Face fast tokenizer or a `tokenizers.Tokenizer`; it sampled the ids. With None
            only texts can be scored.
        engine: Judges and reads the programs; closed with the scorer. By default an engine on this machine with
            one worker of each kind.
        completions: How programs are written in the completions.
        settings: The reward settings.
        encoder_decoder: Whether the ids are a whole text, as such models write it, and not the rest of a prompt's.

    Raises:
        SandboxError: this machine cannot confine programs.
        ValueError: the tokenizer's pieces cannot be mapped to exact bytes.
    """

    def __init__(
        self,
        tokenizer: object | None,
        engine: ProgramEngine | None = None,
        *,
        completions: CompletionFormat | None = None,
        settings: RewardSettings | None = None,
        encoder_decoder: bool = False,
    ) -> None:
        self._bytes_of = None if tokenizer is None else token_bytes(tokenizer, continues=not encoder_decoder)
        self._completions = completions or CompletionFormat()
        self._settings = settings or RewardSettings()
        self._retries = ThreadPoolExecutor(1, "scorer-retry")  # starts its thread when there is something to retry
        self._pending: set[Future[Feedback]] = set()
        self.engine: ProgramEngine = engine or Engine(trace_lines=self._settings.needs_lines)

    def submit(
        self, token_ids: Sequence[int], problem: Problem, finish_reason: FinishReason | str = FinishReason.STOP
    ) -> Future[Feedback]:
        """Start on a completion. Blocks while very many programs wait.

        Args:
            token_ids: [T] exactly the sampled ids, never decoded and encoded again.
            problem: The problem that the completion answers. Reports are cached by problem object, so keep it.
            finish_reason: `length` where the completion was cut off by the length limit, else `stop`.

        Returns:
            A future of feedback with T token rewards.

        Raises:
            ValueError: there is no such finish reason, or the scorer has no tokenizer.
        """
        if self._bytes_of is None:
            raise ValueError("token_ids: this scorer has no tokenizer; it scores texts alone")
        return self._submit(self._bytes_of(token_ids), problem, finish_reason)

    def submit_text(
        self, completion: bytes, problem: Problem, finish_reason: FinishReason | str = FinishReason.STOP
    ) -> Future[Feedback]:
        """Start on a completion whose tokens are not known: its feedback is that of a single token."""
        return self._submit([completion], problem, finish_reason)

    def _submit(self, pieces: list[bytes], problem: Problem, finish_reason: FinishReason | str) -> Future[Feedback]:
        program = self._completions.program(b"".join(pieces), problem)
        offsets, reason = program.offsets(pieces), program.finish_reason(finish_reason)
        feedback: Future[Feedback] = Future()
        feedback.set_running_or_notify_cancel()  # nobody who waits can take it back

        def finish(reported: Future[Report], *, again: bool) -> None:
            try:
                report = reported.result()
                if again and report.execution.verdict is Verdict.INFRA:
                    self._retries.submit(retry)  # not here: submitting may block, and this thread is the engine's
                else:
                    feedback.set_result(assess(report, offsets, finish_reason=reason, settings=self._settings))
            except BaseException as error:  # handed to whoever waits for the feedback
                feedback.set_exception(error)

        def start(*, again: bool) -> None:
            self.engine.submit(program.text, problem).add_done_callback(lambda reported: finish(reported, again=again))

        def retry() -> None:
            try:
                start(again=False)
            except BaseException as error:
                feedback.set_exception(error)

        self._pending.add(feedback)
        feedback.add_done_callback(self._pending.discard)
        try:
            start(again=True)
        except BaseException:
            self._pending.discard(feedback)
            raise
        return feedback

    def score(
        self,
        token_ids: Sequence[Sequence[int]],
        problems: Sequence[Problem],
        finish_reasons: Sequence[FinishReason | str] | None = None,
    ) -> list[Feedback]:
        """Score a batch of completions: all are judged at once, and the feedback comes in their order.

        Args:
            token_ids: The ids of each completion.
            problems: The problem of each.
            finish_reasons: The finish reason of each; None if all ended by themselves.

        Raises:
            ValueError: the lengths differ.
        """
        reasons = [FinishReason.STOP] * len(token_ids) if finish_reasons is None else finish_reasons
        futures = [self.submit(*completion) for completion in zip(token_ids, problems, reasons, strict=True)]
        return [future.result() for future in futures]

    def close(self) -> None:
        """Finish what was submitted and end the engine's workers."""
        wait(tuple(self._pending))
        self._retries.shutdown()
        self.engine.close()

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
