"""Parts named by their import path, `package.module:Name`: how an algorithm, a sampler, an analyser or a data set of
somebody else's comes into a run without a change here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from training.errors import ConfigError


def load_named(key: str, path: str, kind: type | None = None) -> Any:  # noqa: ANN401
    """Import what `path` names. Modules in the present folder are found too.

    Args:
        key: Where the name was given, for the message.
        path: `package.module:Name`.
        kind: What it must be a subclass of; None: anything that can be called.

    Raises:
        ConfigError: there is no such thing, or it is something else.
    """
    module, _, name = path.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        thing = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{key}: {path!r} cannot be imported: {error}") from None
    if not callable(thing) or (kind is not None and not (isinstance(thing, type) and issubclass(thing, kind))):
        wanted = f"a subclass of {kind.__module__}.{kind.__name__}" if kind else "something to call"
        raise ConfigError(f"{key}: {path!r} must be {wanted}")
    return thing
