"""The `long` tier has programs of 10 to 30 lines. Each step is a block of statements, and several of them can fail.

docs/minicode.md is written from this table.
"""

from __future__ import annotations

from training.minicode.long_numbers import NUMBER, NUMBERS
from training.minicode.long_words import SCORES, TEXT, WORDS
from training.minicode.primitives import Bug, Edge, Kind, Tier, rows

_N, _I, _T, _W, _S = Kind.NUMBERS, Kind.NUMBER, Kind.TEXT, Kind.WORDS, Kind.SCORES
_NO_COLON = (Bug("):", ")", "SyntaxError", 0.03),)

LONG = Tier(
    name="long",
    primitives=NUMBERS + NUMBER + TEXT + WORDS + SCORES,
    variables={_N: "values", _I: "result", _T: "text", _W: "words", _S: "scores"},
    inputs={
        _N: ("a list of integers", "a count, then that many integers, one on each line"),
        _I: ("an integer", "one integer on a line"),
        _T: ("a text", "a line of text"),
        _W: ("a list of words", "a count, then that many words, one on each line"),
        _S: ("a dictionary of scores", "a count, then that many lines with a name and a score"),
    },
    stdin=rows,
    readers={
        _N: Edge(
            "count = int(input())\nvalues = []\nfor _ in range(count):\n    values.append(int(input()))",
            (Bug("values.append(int(input()))", "values.append(input())", "TypeError", 0.08),),
        ),
        _I: Edge("line = input()\nresult = int(line)", (Bug("int(line)", "line", "TypeError", 0.2),)),
        _T: Edge("line = input()\ntext = line.strip()", (Bug("line.strip()", "line.split()", "AttributeError", 0.08),)),
        _W: Edge(
            "count = int(input())\nwords = []\nfor _ in range(count):\n    words.append(input().strip())",
            (Bug("count = int(input())", "count = input()", "TypeError", 0.08),),
        ),
        _S: Edge(
            "count = int(input())\nscores = {}\nfor _ in range(count):\n"
            "    name, score = input().split()\n    scores[name] = int(score)",
            (
                Bug("scores[name] = int(score)", "scores[name] = score", "TypeError", 0.08),
                Bug("input().split()", "input()", "ValueError", 0.03),
            ),
        ),
    },
    printers={
        _N: Edge(
            "for value in values:\n    print(value)",
            (Bug("    print(value)", "    print(values)", "wrong answer", 0.08),),
        ),
        _I: Edge("print(result)", (Bug("print(result)", "print(results)", "NameError", 0.03),)),
        _T: Edge("print(text)", (Bug("print(text)", "print(text", "SyntaxError", 0.03),)),
        _W: Edge("for word in words:\n    print(word)", (Bug("words:", "words", "SyntaxError", 0.05),)),
        _S: Edge(
            "for name in sorted(scores):\n    print(name, scores[name])",
            (Bug("sorted(scores)", "scores.sort()", "AttributeError", 0.1),),
        ),
    },
    headers={
        _N: Edge("def {name}(values):", _NO_COLON),
        _I: Edge("def {name}(result):", _NO_COLON),
        _T: Edge("def {name}(text):", _NO_COLON),
        _W: Edge("def {name}(words):", _NO_COLON),
        _S: Edge("def {name}(scores):", _NO_COLON),
    },
    returns={
        _N: Edge("return values", (Bug("return values", "print(values)", "wrong answer", 0.05),)),
        _I: Edge("return result", (Bug("return result", "print(result)", "wrong answer", 0.05),)),
        _T: Edge("return text", (Bug("return text", "print(text)", "wrong answer", 0.05),)),
        _W: Edge("return words", (Bug("return words", "return word", "wrong answer", 0.05),)),
        _S: Edge("return scores", (Bug("return scores", "return score", "NameError", 0.05),)),
    },
    steps=(3, 3, 4),
    lines=range(10, 31),
    corpus_steps=((1, 1, 2), (1, 2, 3, 4)),
    parameter_emphasis=3,
    train_count=1536,
    held_out_count=256,
)
