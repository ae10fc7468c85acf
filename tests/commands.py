"""Run `rltf` in processes forked from one that has torch loaded, which saves the seconds that each start of it takes."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

LOADED = ["training.loop", "training.minicode", "training.learners.accelerate", "training.commands.train", "pytest"]

_PRINTED = tempfile.TemporaryDirectory(prefix="commands-")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that runs, and the files to which it prints."""

    process: BaseProcess
    output: Path
    errors: Path

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.join()

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs, or minus the signal that killed it."""
        return self.process.exitcode

    @property
    def stdout(self) -> str:
        return self.output.read_text()

    @property
    def stderr(self) -> str:
        return self.errors.read_text()

    def send(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


def rltf(*words: object, cwd: Path | None = None, prepare: Callable[[], object] | None = None) -> Command:
    """Run `rltf WORDS` to its end, in `cwd`; `prepare` is called in its process first."""
    with start_rltf(*words, cwd=cwd, prepare=prepare) as command:
        return command


def start_rltf(*words: object, cwd: Path | None = None, prepare: Callable[[], object] | None = None) -> Command:
    """Start `rltf WORDS` and return at once."""
    folder = Path(tempfile.mkdtemp(dir=_PRINTED.name))
    output, errors = folder / "output", folder / "errors"
    process = fork(_rltf, ([str(word) for word in words], cwd, prepare), output, errors)
    return Command(process, output, errors)


def fork(
    work: Callable[..., object],
    arguments: tuple[object, ...],
    output: Path,
    errors: Path,
    environment: Mapping[str, str] | None = None,
) -> BaseProcess:
    """Start `work(*arguments)` with this process' environment and `environment`; what it prints goes to the files."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    process = context.Process(
        target=_forked, args=(work, arguments, output, errors, {**os.environ, **(environment or {})})
    )
    process.start()
    return process


def _rltf(words: list[str], cwd: Path | None, prepare: Callable[[], object] | None) -> None:
    from training.cli import main

    if cwd is not None:
        os.chdir(cwd)
    sys.argv = ["rltf", *words]
    if prepare is not None:
        prepare()
    sys.exit(main(words))


def _forked(
    work: Callable[..., object],
    arguments: tuple[object, ...],
    output: Path,
    errors: Path,
    environment: dict[str, str],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for stream, number, path in ((sys.stdout, 1, output), (sys.stderr, 2, errors)):
        stream.flush()
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)
    try:
        work(*arguments)
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out
