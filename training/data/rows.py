"""Read rows one at a time from JSON lines (also gzipped), JSON arrays, Parquet files and Hugging Face data sets.

A row that cannot be read comes out as `Malformed`, in its place, and the reader goes on with the next.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, cast

from engine.extras import needs
from training.errors import DataError

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Row:
    """One record as published."""

    where: str
    """File and line, for messages."""
    data: Mapping[str, object]
    number: int
    """Its number in the file, from 1."""
    split: str = ""
    """`train` or `test`, where the file or the hub says so."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be used, with the field and its fault."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def rows_of_file(path: Path) -> Iterator[Row | Malformed]:
    """Yield the rows of a file, whose suffix tells the format.

    Raises:
        DataError: it cannot be opened, or has another suffix.
    """
    named = re.match(r"(train|test)[.\-_]", path.name)  # as the hub names the parts of a set, too
    split = named[1] if named else ""
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return _json_lines(path, split)
    if path.name.endswith((".json", ".json.gz")):
        return _json_array(path, split)
    if path.suffix == ".parquet":
        return _parquet(path, split)
    raise DataError(f"{path}: must end in {', '.join(SUFFIXES)}")


def _open(path: Path) -> IO[bytes]:
    try:
        return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _json_lines(path: Path, split: str) -> Iterator[Row | Malformed]:
    number = 0
    with _open(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _parsed(line, f"{path}:{number}", number, split)
        except (EOFError, OSError, zlib.error) as error:  # a gzip file cut short: what came before it was whole
            yield Malformed(f"{path}:{number + 1}", f"cannot be read on: {error}")


def _parsed(line: bytes, where: str, number: int, split: str) -> Row | Malformed:
    try:
        data = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Malformed(where, f"not UTF-8: {error.reason} at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return Malformed(where, f"not JSON: {error}")
    return row_of(data, where, number, split)


def row_of(data: object, where: str, number: int, split: str = "") -> Row | Malformed:
    """Make a row, if `data` is an object."""
    if not isinstance(data, Mapping):
        return Malformed(where, f"must be an object, not {type(data).__name__}")
    return Row(where, data, number, split)


def _json_array(path: Path, split: str) -> Iterator[Row | Malformed]:
    with _open(path) as file:
        try:
            records = json.load(file)
        except (ValueError, RecursionError, EOFError, OSError, zlib.error) as error:
            if getattr(error, "msg", "") == "Extra data":  # one object on each line, under the other name
                yield from _json_lines(path, split)
                return
            raise DataError(f"{path}: not JSON: {error}") from None
    if not isinstance(records, list):
        raise DataError(f"{path}: must be an array of objects, not {type(records).__name__}")
    for number, data in enumerate(records, start=1):
        yield row_of(data, f"{path}[{number - 1}]", number, split)


def _parquet(path: Path, split: str) -> Iterator[Row | Malformed]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(f"{path}: reading Parquet {needs('pyarrow', 'data')}") from None
    try:
        batches = pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=64)
        for number, data in enumerate(chain.from_iterable(batch.to_pylist() for batch in batches), start=1):
            yield Row(f"{path} row {number}", data, number, split)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as parquet: {_first_line(error)}") from None


def rows_of_hub(name: str, split: str) -> Iterator[Row | Malformed]:
    """Stream the rows of a data set that `datasets` finds.

    Args:
        name: `owner/name`, or a folder with data files. `@CONFIG` after it chooses a configuration.
        split: Its split. Empty takes the only one.

    Raises:
        DataError: `datasets` is not installed, or there is no such data set or split.
    """
    try:
        from datasets import load_dataset
    except ImportError:
        raise DataError(f"data hf:{name}: {needs('datasets', 'data')}") from None
    repository, _, config = name.partition("@")
    try:
        tables: Any = load_dataset(repository, config or None, streaming=True)
        split = split or (next(iter(tables)) if len(tables) == 1 else "")
        if split not in tables:
            raise DataError(f"data hf:{name}: split {split!r}: allowed: {', '.join(tables)}")
        for number, data in enumerate(tables[split], start=1):
            yield row_of(data, f"hf:{name}:{split} row {number}", number, split)
    except DataError:
        raise
    except Exception as error:  # `datasets` raises what its many backends raise
        nothing_here = "" if Path(repository).exists() else " (and there is no such file here)"
        raise DataError(f"data hf:{name}: cannot be loaded{nothing_here}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
