"""What is known of a program before it runs: which of the prelude's imports it needs."""

from __future__ import annotations

import pytest

from engine.reading import needed, read_program

PRELUDE = (
    "import math, fractions\nimport numpy as np\nfrom heapq import *\nfrom typing import List, Set\nclass Node: x: Set"
)


@pytest.mark.parametrize(
    ("program", "imports"),
    [
        ("def f(x): return x", ["from heapq import *", "from typing import Set"]),
        (
            "def f(x: List): return np.sum(x)",
            ["import numpy as np", "from heapq import *", "from typing import List, Set"],
        ),
        ("eval('math.pi')", ["import math", "from heapq import *", "from typing import Set"]),
        ("fractionsx, numpy = 1, 2", ["from heapq import *", "from typing import Set"]),
    ],
)
def test_imports_that_no_name_of_the_program_needs_are_left_out(program: str, imports: list[str]) -> None:
    left = needed(PRELUDE, program.encode())
    assert left == "\n".join([*imports, "class Node:\n    x: Set"])
    assert read_program(program.encode(), PRELUDE).prelude == left


def test_what_may_not_be_there_is_always_imported() -> None:
    assert needed("import no_such_library\nfrom no_such import thing", b"") == (
        "import no_such_library\nfrom no_such import thing"
    )


def test_identifiers_in_other_letters_need_all() -> None:
    assert needed("import math", "\uff4dath.pi".encode()) == "import math"
