"""Numbers on the command line. Each is refused in one line where it is out of its bounds."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole(least: int) -> Callable[[str], int]:
    """Make the `type` of an argument that is a whole number of at least `least`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise ArgumentTypeError(f"{text}: must be a whole number of at least {least}")
        return number

    return read


def fraction(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text}: must be from 0 to 1")
    return number


def share(text: str) -> float:
    """Read a number above 0, at most 1."""
    number = fraction(text)
    if not number:
        raise ArgumentTypeError(f"{text}: must be above 0 and at most 1")
    return number
