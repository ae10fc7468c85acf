"""Texts that are Python, texts that are not, and texts that kill whoever reads them."""

import pytest

from engine import are_python

PYTHON = ("print(1)\n", "\ufeffdef f(x):\r\n  return x\r\n", "", "x = '\\d'\n", "raw_input()\n")
OTHERS = (
    "print raw_input()\n",
    "#include <iostream>\nint main() { return 0; }\n",
    "Here it is:\n```python\nprint(1)\n```\n",
    "return 1\n",
    "def f():\n\tif x:\n        return 1\n",
    "x = '\ud800'\n",
    "x = 1\0\n",
)


def test_texts_that_are_not_python_are_told_from_those_that_are():
    assert are_python([]) == []
    assert are_python([*PYTHON, *OTHERS] * 40) == [*[True] * len(PYTHON), *[False] * len(OTHERS)] * 40


@pytest.mark.parametrize("text", ["-" * 2_000_000 + "1", "(" * 1_000_000, "x" + ".a" * 400_000])
def test_a_text_that_no_compiler_takes_is_not_python(text):
    assert are_python(["x = 1", text, "x = 2"]) == [True, False, True]


def test_a_text_that_takes_its_compiler_too_long_costs_nothing_but_itself():
    endless = "x = [" + "1, " * 4_000_000 + "]"
    assert are_python(["x = 1", endless, "print 1", "x = 2"], seconds=0.3) == [True, False, False, True]
