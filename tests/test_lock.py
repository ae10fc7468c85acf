"""constraints.txt pins what pyproject.toml asks for: each requirement inside its range, and none that was dropped."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PINS = [Requirement(line.partition("#")[0]) for line in LINES]
RANGES = [
    Requirement(text)
    for texts in (
        PROJECT["build-system"]["requires"],
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
    )
    for text in texts
    if not text.startswith("rltf[")
]


@pytest.mark.parametrize("wanted", RANGES, ids=str)
def test_a_requirement_has_a_pin_inside_its_range(wanted):
    pins = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
    assert pins, f"constraints.txt has no {wanted.name}: run `make lock`"
    for pin in pins:
        (exact,) = pin.specifier
        assert wanted.specifier.contains(exact.version), (
            f"constraints.txt pins {pin}, outside {wanted}: run `make lock`"
        )


def test_every_line_of_the_lock_pins_one_exact_version():
    assert [str(pin) for pin in PINS if not re.fullmatch(r"==[^*,]+", str(pin.specifier))] == []


def test_the_lock_was_renewed_since_requirements_were_added_or_dropped():
    direct = {pin.name for pin, line in zip(PINS, LINES, strict=True) if "rltf (pyproject.toml)" in line}
    assert direct == {canonicalize_name(wanted.name) for wanted in RANGES}, "run `make lock`"


def test_the_lock_names_no_package_index_and_no_folder():
    assert not re.search(r"://|^\s*-|@ ", "\n".join(LINES), re.MULTILINE)
