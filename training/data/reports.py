"""Count the records of a data set: taken, left out, malformed. Nothing is dropped without being counted here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine import REFERENCE_FIELDS
from training.data.rows import Malformed

_KEPT = 100
"""Number of malformed records kept with their message. Further ones are only counted."""

NO_TESTS = "problems without tests"


@dataclass
class LoadReport:
    """The counts of one loading, filled while the problems are drawn."""

    problems: int = 0
    """Number of problems given out."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Number of records that cannot be used, by kind, such as `problems without tests`."""
    malformed: int = 0
    """Number of malformed records."""
    examples: list[Malformed] = field(default_factory=list)
    """The first of them, each with its file, line and field."""
    for_model: bool = False
    """Whether a model is to read the problems, so that one without a text is malformed."""
    where: str = ""
    """Where the newest record stands."""
    elsewhere: int = 0
    """Records of another split or difficulty than the one that is asked for."""
    unread: Counter[str] = field(default_factory=Counter)
    """Fields of problems without a reference that may hold one and are not read."""
    without_text: int = 0
    """Problems taken although they have no text."""

    def refuse(self, record: Malformed) -> None:
        """Count a malformed record."""
        self.malformed += 1
        if len(self.examples) < _KEPT:
            self.examples.append(record)

    def takes_without_text(self, where: str, why: str) -> bool:
        """Count a problem without a text, and say whether it is taken all the same."""
        if self.for_model:
            self.refuse(Malformed(where, why))
        else:
            self.without_text += 1
        return not self.for_model

    @property
    def complete(self) -> bool:
        """Say whether every record became a problem."""
        return not self.malformed and not self.left_out

    def lines(self, shown: int = 3) -> Iterator[str]:
        """Return lines for the user. There are none where all records became problems."""
        for what, count in self.left_out.items():
            yield f"left out: {count} {what}"
        if self.unread:
            fields = ", ".join(f"{name} ({count})" for name, count in self.unread.items())
            yield (
                f"problems without a reference that have fields which are not read: {fields}; references are read from"
                f" {', '.join(REFERENCE_FIELDS)}"
            )
        if self.without_text:
            yield f"problems without a text for a model to read: {self.without_text}"
        if self.malformed:
            yield f"malformed records left out: {self.malformed}"
            yield from (f"  {record}" for record in self.examples[:shown])
            if self.malformed > shown:
                yield f"  ... and {self.malformed - shown} more"
