"""verifiers and prime-rl: a taskset of programming problems whose rewards come from a scorer.

`examples/environments/rltf_code` is the package that their command line installs and their configurations name.

Written for verifiers 0.4.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

import verifiers.v1 as vf
from tokenizers import Tokenizer

from engine import Engine
from feedback import CompletionFormat, Scorer
from integrations.items import problem_of

_ASKED = "{prompt}\n\n{starter}Write a Python program that solves this. Answer with one Markdown block of Python code."


class CodeTaskConfig(vf.TaskConfig):  # type: ignore[misc]
    """How programs are scored, under `--env.taskset.task.*`."""

    extract: Literal["whole", "fence"] = "fence"
    """The program in a reply: all of it, or its last Markdown block of Python."""
    tokenizer: str = ""
    """The policy's tokenizer, a folder or a hub name. With it, `trace.info["token_rewards"]` has a reward for each
    sampled token of the reply, wherever the rollout kept their ids."""
    workers: int = 2
    """Worker processes of each kind, in each environment server."""


class CodeConfig(vf.TasksetConfig):  # type: ignore[misc]
    """Which problems are asked, under `--env.taskset.*`."""

    problems: Path = Path("problems.jsonl")
    """Problems in any public shape (APPS, MBPP, HumanEval), one on each line."""
    task: CodeTaskConfig = CodeTaskConfig()


class CodeData(vf.TaskData):  # type: ignore[misc]
    """One problem."""

    problem: str
    """Its JSON text."""


class CodeTask(vf.Task[CodeData, vf.State, CodeTaskConfig]):  # type: ignore[misc]
    """Asks for a program and scores it."""

    @vf.reward  # type: ignore[untyped-decorator]
    async def program(self, trace: vf.Trace) -> dict[str, float]:
        """Give the rewards of the whole program, `coarse` and `adaptive`.

        Raises:
            RuntimeError: the program could not be judged; the rollout then counts as failed, and nothing is learned.
        """
        scorer = _scorer(self.config.tokenizer, self.config.extract, self.config.workers)
        problem, reason = problem_of(self.data.problem), "length" if trace.is_truncated else "stop"
        node = next((node for node in reversed(trace.nodes) if node.sampled), None)
        ids = [token for token, sampled in zip(node.token_ids, node.mask, strict=True) if sampled] if node else []
        if ids and self.config.tokenizer:
            submitted = await asyncio.to_thread(scorer.submit, ids, problem, reason)
        else:
            reply = trace.last_reply.encode(errors="replace")
            submitted = await asyncio.to_thread(scorer.submit_text, reply, problem, reason)
        feedback = await asyncio.wrap_future(submitted)
        execution = feedback.report.execution
        if feedback.masked:
            raise RuntimeError(f"the program was not judged: {execution.infra_reason}")
        if ids and self.config.tokenizer:
            trace.info["token_rewards"] = feedback.token_rewards.tolist()
        trace.record_metric("pass_ratio", execution.pass_ratio)
        return {name: feedback.outcome(name) for name in ("coarse", "adaptive")}


class CodeTaskset(vf.Taskset[CodeTask, CodeConfig]):  # type: ignore[misc]
    """Problems from a file."""

    def load(self) -> Iterator[CodeTask]:
        """Read the problems.

        Raises:
            ProblemError: a line is no problem.
        """
        with self.config.problems.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    problem = problem_of(line)
                    starter = f"{problem.starter_code}\n\n" if problem.starter_code else ""
                    prompt = _ASKED.format(prompt=problem.prompt, starter=starter)
                    text = json.dumps(json.loads(line), sort_keys=True)
                    yield CodeTask(CodeData(id=problem.id or None, prompt=prompt, problem=text), self.config.task)


@lru_cache
def _scorer(tokenizer: str, extract: Literal["whole", "fence"], workers: int) -> Scorer:
    """Open one scorer for each process and configuration. Its workers stay warm and end with the process."""
    file = Path(tokenizer) / "tokenizer.json"
    found = None
    if tokenizer:
        found = Tokenizer.from_file(str(file)) if file.is_file() else Tokenizer.from_pretrained(tokenizer)
    return Scorer(found, Engine(workers, workers, trace_lines=True), completions=CompletionFormat(extract))
