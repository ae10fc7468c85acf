"""Repair turns: a program that fails its public tests goes back to the policy with what is wrong.

After RLEF (Gehring et al. 2024), but that every turn is an experience of its own, rewarded on the hidden tests alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine import Problem, ProgramJudge, Verdict
from training.config import TrainConfig
from training.models.policy import Policy
from training.models.prompts import program_of
from training.models.repair import complaint, encode_repair, split_tests
from training.ranks import Ranks
from training.records import Drawing, Group, Rollout, SampleRequest


class Repairs:
    """Asks for further tries of failed samples, where `sampler.turns` is above 1.

    Args:
        config: The run.
        policy: What is asked again.
        judge: Runs programs on their public tests.
        problems: Those to train on.
        ranks: The processes of the run, each of which judges its share.
    """

    def __init__(
        self, config: TrainConfig, policy: Policy, judge: ProgramJudge, problems: Iterable[Problem], ranks: Ranks
    ) -> None:
        section = config.sampler
        self.turns = section.turns
        self._samples = section.samples_per_problem
        self._drawing = Drawing(section.temperature, section.top_p, section.top_k)
        self._policy, self._judge, self._ranks = policy, judge, ranks
        split = {
            problem.id: split_tests(problem, section.public_tests) if self.turns > 1 else (problem, problem)
            for problem in problems
        }
        self._public = {name: public for name, (public, _) in split.items()}
        self.hidden = [hidden for _, hidden in split.values()]
        """The problems with the tests that rewards are given on."""

    def requests(self, groups: Sequence[Group], asked: Sequence[SampleRequest]) -> list[SampleRequest]:
        """Ask for one more try of every sample whose program fails its public tests, if turns are left.

        Args:
            groups: What the last round brought.
            asked: The requests of that round.
        """
        rollouts = [sample.rollout for group in groups for sample in group.samples]
        tries = [rollout for rollout in rollouts if rollout.turn + 1 < self.turns]
        if not tries:
            return []
        seeds = {request.problem_id: request.seed for request in asked}
        answers = self._ranks.spread(lambda share: self._asked_again(share, seeds), tries)
        return [request for request in answers if request is not None]

    def _asked_again(
        self, tries: Sequence[Rollout], seeds: Mapping[str, tuple[int, ...]]
    ) -> list[SampleRequest | None]:
        """Say for each try how it is asked again. None where it passes."""
        judging = []
        for rollout in tries:
            public = self._public[rollout.problem_id]
            program = program_of(self._policy, rollout.token_ids, public)
            judging.append((rollout, public, program, self._judge.submit(program, public)))
        requests: list[SampleRequest | None] = []
        for rollout, public, program, future in judging:
            execution = future.result()
            if execution.verdict in (Verdict.PASSED, Verdict.INFRA):
                requests.append(None)
                continue
            prompt, cut = encode_repair(self._policy, public, program, complaint(execution, public))
            requests.append(
                SampleRequest(
                    rollout.problem_id,
                    prompt,
                    1,
                    seeds[rollout.problem_id],
                    rollout.sample + self._samples,
                    drawing=self._drawing,
                    turn=rollout.turn + 1,
                    cut=cut,
                )
            )
        return requests
