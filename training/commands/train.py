"""`rltf train` reads the configuration, trains, and says where the results are."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from training.config import TrainConfig, keys, read_toml, unknown_key
from training.errors import DivergenceError, ElsewhereError, Interrupted, LostError, RefusedError, RunError
from training.files import write_text
from training.learners import open_ranks
from training.ranks import Ranks
from training.run import Run, identity_of, new_run_path, read_settings, runs_in


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own arguments and one option for every configuration key."""
    parser.add_argument(
        "config", nargs="?", metavar="CONFIG.toml", help="configuration; without it the embedded default"
    )
    parser.add_argument("--run", metavar="NAME", help="name of the run's folder (as run.name)")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with --run NAME, or with the newest run")
    again.add_argument(
        "--restart",
        action="store_true",
        help="begin --run NAME, or the newest run, anew; what it has is kept in a folder earlier-N in its own",
    )
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="stop, with a checkpoint, when the parent process ends"
    )
    add_key_options(parser)


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Add one option for every configuration key. Those given stand in the arguments under names with a dot."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for key in keys():
        section = key.name.partition(".")[0]
        group = groups.setdefault(section, parser.add_argument_group(f"[{section}]"))
        text = f"{key.description} ({key.type}, default {key.default!r})".replace("%", "%%")
        group.add_argument(f"--{key.name}", metavar="VALUE", default=argparse.SUPPRESS, help=text)


def given_keys(arguments: argparse.Namespace) -> dict[str, object]:
    """`section.key` -> value of the options that `add_key_options` added and that were given."""
    return {name: value for name, value in vars(arguments).items() if "." in name}


def explain_unknown(word: str) -> str:
    """Word the message about an option that is not one."""
    if not word.startswith("-"):
        return f"no such argument: {word}; one CONFIG.toml at most; see --help"
    return unknown_key(word.lstrip("-").partition("=")[0])


def run(arguments: argparse.Namespace) -> int:
    """Train. See `training.cli` for the exit status."""
    overrides = given_keys(arguments)
    if arguments.run:
        overrides["run.name"] = arguments.run
    try:
        ranks = open_ranks()
        config, path = ranks.first(lambda: _asked(arguments)(arguments, overrides))
    except RefusedError as error:
        print(f"rltf train: {error}", file=sys.stderr)
        return 2
    except ElsewhereError:
        return 2
    except LostError as error:
        print(f"rltf train: {error}", file=sys.stderr)
        return 1
    return _train(config, path, arguments, ranks)


def _asked(
    arguments: argparse.Namespace,
) -> Callable[[argparse.Namespace, dict[str, object]], tuple[TrainConfig, Path]]:
    if arguments.restart:
        return _restarted
    return _resumed if arguments.resume else _fresh


def _fresh(arguments: argparse.Namespace, overrides: dict[str, object]) -> tuple[TrainConfig, Path]:
    config = TrainConfig.load(arguments.config, overrides)
    return config, new_run_path(config)


def _restarted(arguments: argparse.Namespace, overrides: dict[str, object]) -> tuple[TrainConfig, Path]:
    """Take the run's own settings where no file is given, and lay the overrides over them."""
    path = _earlier(_asked_of(arguments, overrides)).path
    if arguments.config:
        return TrainConfig.load(arguments.config, overrides), path
    return read_settings(path, overrides), path


def _asked_of(arguments: argparse.Namespace, overrides: dict[str, object]) -> TrainConfig:
    """Read what is asked for. Without a file, settings other than the run's name are laid over those that it has."""
    named = {name: value for name, value in overrides.items() if name.startswith("run.")}
    return TrainConfig.load(arguments.config, overrides if arguments.config else named)


def _earlier(asked: TrainConfig) -> Run:
    """Find the run of the name that is asked for, or the newest."""
    folder = Path(asked.run.folder)
    if asked.run.name:
        return Run(folder / asked.run.name)
    if runs := runs_in(folder):
        return runs[-1]
    raise RunError(f"{folder}: no run to go on with")


def _resumed(arguments: argparse.Namespace, overrides: dict[str, object]) -> tuple[TrainConfig, Path]:
    asked = _asked_of(arguments, overrides)
    run = Run.open(_earlier(asked).path)
    identity_of(run.path)  # settings that are damaged are not to be read
    config = read_settings(run.path, overrides)
    for change in _changes(run, asked, config, arguments.config):
        raise RunError(f"{run.path}: {change}")
    return config, run.path


def _changes(run: Run, asked: TrainConfig, config: TrainConfig, file: str | None) -> Iterator[str]:
    """Say what is asked of a resumed run and would not be done."""
    kept, wanted, new = (settings.model_dump(mode="json") for settings in (run.config, asked, config))
    for section, table in (read_toml(Path(file)) if file else {}).items():
        for key in table if section != "run" else ():
            if wanted[section][key] != new[section][key]:
                yield (
                    f"the run has {section}.{key} {new[section][key]!r} and not {wanted[section][key]!r} as {file};"
                    f" to change it give --{section}.{key} on the command line"
                )
    for key in ("name", "lora_rank"):
        if kept["model"][key] != new["model"][key]:
            yield f"model.{key} cannot be changed: the run's checkpoints have {kept['model'][key]!r}"
    if (algorithm := kept["objective"]["algorithm"]) != new["objective"]["algorithm"]:
        yield f"objective.algorithm cannot be changed: the run has every key of {algorithm!r}; change single keys"
    step = run.state["step"]
    if config.training.steps < step:
        yield f"training.steps {config.training.steps}: the run is at step {step} already"
    if run.state["state"] == "finished" and config.training.steps == step:  # or it is said to have been done like that
        for section in kept.keys() - {"run"}:
            for key in (key for key, value in kept[section].items() if new[section].get(key) != value):
                yield f"{section}.{key} changes nothing: the run has finished; raise training.steps to go on with it"


def _train(config: TrainConfig, path: Path, arguments: argparse.Namespace, ranks: Ranks) -> int:
    # torch and transformers take seconds to load: only once the configuration is known to be good
    from engine import SandboxError
    from training.loop import train
    from training.run.display import Display

    display = Display(quiet=not ranks.leads)
    stop = _StopRequest(quiet=not ranks.leads)
    try:
        summary = train(
            config,
            path,
            resume=arguments.resume,
            restart=arguments.restart,
            display=display,
            should_stop=stop.is_requested,
            stop_with_parent=arguments.stop_with_parent,
            ranks=ranks,
        )
    except Interrupted as interrupted:
        display.message(f"checkpoint written: {interrupted.checkpoint}")
        display.message(f"go on with: rltf train --run {path.name} --run.folder {path.parent} --resume")
        _report(path, ranks)
        return 130
    except (RefusedError, SandboxError) as error:
        print(f"rltf train: {error}", file=sys.stderr)
        return 2
    except ElsewhereError:  # which says what happened
        return 1
    except (DivergenceError, LostError, OSError, sqlite3.Error) as error:  # OSError: a full disk, say
        if ranks.leads or not isinstance(error, DivergenceError):  # which all of them see
            print(f"rltf train: {error}", file=sys.stderr)
        return 1
    display.finish(path, summary.held_out["before"], summary.held_out["after"])
    return 0 if _report(path, ranks) else 1


def _report(path: Path, ranks: Ranks) -> bool:
    """Write the run as a page, and end what the processes have in common. Returns whether the page could be written."""
    from training.page import build_page

    try:
        ranks.first(lambda: write_text(path / "report.html", build_page(Run(path))))
    except (OSError, RunError) as error:
        print(f"rltf train: the run is whole, but for its report: {error}", file=sys.stderr)
        return False
    finally:
        ranks.close()
    return True


class _StopRequest:
    """The first Ctrl-C or SIGTERM asks for a checkpoint and a clean end. The second Ctrl-C ends at once."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._requested = False
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGTERM, self._handle)

    def is_requested(self) -> bool:
        return self._requested

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._requested and number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        self._requested = True
        if not self._quiet:
            print("\nstopping after this step, with a checkpoint (Ctrl-C again: at once, without one)", file=sys.stderr)
