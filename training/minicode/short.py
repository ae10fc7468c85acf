"""The `short` tier has programs of two to twelve lines, mostly with one statement for each step.

docs/minicode.md is written from this table.
"""

from __future__ import annotations

from training.minicode.primitives import DOMINANT, Bug, Edge, Kind, Tier, one_line
from training.minicode.short_numbers import NUMBER, NUMBERS
from training.minicode.short_words import TEXT, WORDS

_N, _I, _T, _W = Kind.NUMBERS, Kind.NUMBER, Kind.TEXT, Kind.WORDS
_WRONG = "wrong answer"

SHORT = Tier(
    name="short",
    primitives=NUMBERS + NUMBER + TEXT + WORDS,
    variables={_N: "xs", _I: "n", _T: "s", _W: "ws"},
    inputs={
        _N: ("a list of integers", "integers on one line"),
        _I: ("an integer", "one integer"),
        _T: ("a text", "a line of text"),
        _W: ("a list of words", "words on one line"),
    },
    stdin=one_line,
    readers={
        _N: Edge(
            "xs = list(map(int, input().split()))",
            (Bug("list(map(int, input().split()))", "input().split()", "TypeError", 0.15),),
        ),
        _I: Edge("n = int(input())", (Bug("int(input())", "input()", "TypeError", DOMINANT),)),
        _T: Edge("s = input()", (Bug("input()", "int(input())", "ValueError", 0.1),)),
        _W: Edge("ws = input().split()", (Bug("input().split()", "input()", _WRONG, 0.15),)),
    },
    printers={
        _N: Edge("print(*xs)", (Bug("print(*xs)", "print(xs)", _WRONG, 0.3),)),
        _I: Edge("print(n)", (Bug("print(n)", "print n", "SyntaxError", 0.05),)),
        _T: Edge("print(s)", (Bug("print(s)", "print(s", "SyntaxError", 0.05),)),
        _W: Edge("print(*ws)", (Bug("print(*ws)", "print(ws)", _WRONG, 0.4),)),
    },
    headers={
        _N: Edge("def {name}(xs):", (Bug(":", "", "SyntaxError", 0.04),)),
        _I: Edge("def {name}(n):", (Bug(":", "", "SyntaxError", 0.04),)),
        _T: Edge("def {name}(s):", (Bug(":", "", "SyntaxError", 0.04),)),
        _W: Edge("def {name}(ws):", (Bug(":", "", "SyntaxError", 0.04),)),
    },
    returns={
        _N: Edge("return xs", (Bug("return xs", "return *xs", "SyntaxError", 0.04),)),
        _I: Edge("return n", (Bug("return n", "print(n)", _WRONG, 0.2),)),
        _T: Edge("return s", (Bug("return s", "print(s)", _WRONG, 0.3),)),
        _W: Edge("return ws", (Bug("return ws", "return w", "NameError", 0.1),)),
    },
    steps=(1, 2, 2, 2, 3, 3, 3),
    lines=range(2, 16),
    corpus_steps=((1, 2, 2, 2, 3, 3, 3),),
    parameter_emphasis=1,
    train_count=1536,
    held_out_count=256,
)
