"""`docs/taxonomy.md` says what the taxonomy says."""

from __future__ import annotations

import re
from pathlib import Path

from feedback import load_taxonomy

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "taxonomy.md").read_text(encoding="utf-8")


def test_every_row_is_on_the_page_with_its_class_and_strength() -> None:
    for rule in load_taxonomy().rules.values():
        row = next(
            line for line in PAGE.splitlines() if line.startswith("| ") and f"`{rule.code}`" in line.split("|")[1]
        )
        cells = [cell.strip() for cell in row.split("|")]
        assert (cells[2], cells[3]) == (rule.category.value, f"{rule.strength:g}")


def test_messages_found_in_more_than_one_percent_of_correct_programs_carry_no_penalty() -> None:
    rules = {code: rule for (section, code), rule in load_taxonomy().rules.items() if section in ("pylint", "libcst")}
    seen = 0
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        for code, rate in re.findall(r"(?:(\S+) )?([\d.]+)%", cells[5] if len(cells) > 7 else ""):
            seen += 1
            if float(rate) > 1:
                assert rules[code or cells[1].strip("`")].strength == 0
    assert seen
