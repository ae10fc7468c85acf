"""Which programs may run all their tests in one process: those that cannot know whether another test ran there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from engine import Judge, Limits, parse_problem
from engine.self_contained import self_contained

HONEST = [
    "n = int(input())\nprint(sum(map(int, input().split())))",
    "import sys\ninput = sys.stdin.readline\nfor line in sys.stdin: print(line.strip())",
    "import sys\nsys.setrecursionlimit(10**6)\nsys.stdout.write('x\\n')\nsys.exit()",
    "from sys import stdin, stdout\nstdout.write(str(len(stdin.read())))",
    "from collections import defaultdict, deque, Counter\nd = defaultdict(list)\nd[1].append(Counter('ab').most_common(1))",
    "from heapq import *\nq = []\nheappush(q, (1, 2))\nprint(heappop(q), nlargest(1, q))",
    "import math, itertools as it\nprint(math.gcd(4, 6), list(it.permutations([1, 2])))",
    "from math import *\nprint(sqrt(2), floor(pi))",
    "import re\ndef f(text): return re.findall(r'\\d+', text)",
    "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(n): return n if n < 2 else f(n - 1) + f(n - 2)",
    "from typing import List, Optional\nclass Solution:\n    def f(self, xs: List[int]) -> Optional[int]: return max(xs)",
    "class Stack:\n    def __init__(self, *a):\n        super().__init__()\n        self._items = list(a)\n    def __len__(self):"
    "\n        return len(self._items)",
    "class E(Exception): pass\ntry:\n    raise E('x')\nexcept E as error:\n    print(error.args, type(error).__name__)",
    "def f(x): return type(x) == int and isinstance(x, int) and x.__class__.__name__ == 'int'",
    "print('{:.2f} {}'.format(1.5, [1]), f'{2:>3}', '%d' % 3)",
    "if __name__ == '__main__':\n    main = lambda: exit()\n    main()",
    "import copy\nprint(copy.deepcopy([[1]]))",
    "from collections import namedtuple\nP = namedtuple('P', 'x y')\nprint(P(1, 2)._replace(x=3))",
    "from datetime import date, timedelta\nprint(date(2020, 1, 31) + timedelta(days=1))",
    "from operator import itemgetter\nprint(sorted([(2, 1)], key=itemgetter(1)))",
    "def numbers():\n    yield from range(3)\nprint(*numbers())",
]
TELLING = {
    "an attribute of a module": "import sys\nsys.seen = 1",
    "an attribute of a module by another name": "import math as m\ndef put(self): self.seen = 1\nput(m)",
    "one name for two modules": "import sys as m\nm.modules\ndef f():\n    import math as m",
    "one name for a module and a value": "from sys import modules as math\nimport math\nmath.pop('x')",
    "an attribute of a function": "import heapq\ndef put(self): self.seen = 1\nput(heapq.merge)",
    "an attribute of a class": "from collections import Counter\nCounter.seen = 1",
    "an attribute of an alias": "from typing import Optional\nOptional._name = 'x'",
    "an attribute set by a loop": "from functools import lru_cache\nfor lru_cache.seen in [1]: pass",
    "an attribute of exit": "exit.seen = 1",
    "setattr": "setattr(print, 'x', 1)",
    "setattr of object": "from heapq import merge\nobject.__setattr__(merge, 'seen', 1)",
    "builtins": "import builtins\nbuiltins.seen = 1",
    "builtins of a function": "print.__self__.seen = 1",
    "builtins by a pattern": "match print:\n    case object(__self__=module): module.seen = 1",
    "modules": "import fractions_of_nothing",
    "the environment": "import os\nos.environ['SEEN'] = '1'",
    "a file": "open('/tmp/seen', 'w').close()",
    "exec": "exec('import sys; sys.seen = 1')",
    "globals of a function": "from heapq import merge\nmerge.__globals__['seen'] = 1",
    "frames": "g = (g.gi_frame.f_back for _ in [1])\nnext(g)",
    "frames by a format": "g = (1 for _ in '1')\nprint('{0.gi_frame.f_back}'.format(g))",
    "frames by a format in a variable": "f = '{0.gi_frame.f_back}'\nprint(f.format(1))",
    "frames by a format of str": "print(str.format('{0.gi_frame}', 1))",
    "frames of an exception": "try: 1 / 0\nexcept Exception as e: print(e.__traceback__.tb_frame)",
    "frames by a pattern": "match (1 for _ in '1'):\n    case object(gi_frame=frame): print(frame)",
    "a registry": "import typing\ntyping.Iterable.register(int)",
    "a seed": "import random\nprint(random.random())",
    "a context": "import decimal\ndecimal.getcontext().prec = 3",
    "a clock": "import time\nprint(time.process_time())",
    "a clock of datetime": "from datetime import datetime\nprint(datetime.now())",
    "the place in what is printed": "import sys\nprint(sys.stdout.tell())",
    "how a stream is read": "import sys\nsys.stdin.reconfigure(encoding='latin-1')",
    "a stream made again": "import sys\nsys.stdin.__init__(sys.stdin.buffer, 'latin-1')",
    "a flag of a stream": "import sys\nsys.stdin._finalizing = True",
    "addresses": "print(id(object()) % 4096)",
    "hashes of addresses": "print(hash(object()) % 4096)",
    "threads": "import threading",
    "a cache that compares its keys": "from fractions import Fraction",
    "flags of re": "import re\nre.I | 5",
    "a cache of formats": "from datetime import datetime\ndatetime.strptime('1', '%d')",
    "what wraps sets": "from functools import wraps\nfrom heapq import merge\nwraps(print)(merge)",
    "code in a dataclass": "from dataclasses import dataclass",
    "what copy sets": "import copy\nclass A:\n    def __reduce__(self): return (lambda: copy.copy, (), {'seen': 1})\ncopy.copy(A())",
    "what copy sets, by another name": "import copy\nclass A:\n    for __reduce_ex__ in [1]: pass",
    "what copy sets, with a class made by hand": "import copy\ntype('A', (), {'__reduce__': 1})",
    "a metaclass": "from typing import List\nclass M(type): pass",
    "a metaclass by keyword": "class A(metaclass=max): pass",
    "a metaclass by an alias": "from typing import Type\nclass M(Type): pass",
    "the type of types": "class K:\n    def __eq__(self, other): return other\nt = type(int) == K()",
    "a finaliser": "class A:\n    def __del__(self): print(1)",
    "a class that says what it is": "class A:\n    __class__ = int",
    "globals": "globals()['x'] = 1",
    "an attribute by name": "getattr(print, '__self' + '__')",
    "attributes by name": "from operator import attrgetter\nattrgetter('__self__')(print)",
    "identifiers in other letters": "import sys\nsys.\uff53een = 1",
    "a private cache": "import re\nre._cache.clear()",
    "a wide import": "from sys import *\nmodules",
}


@pytest.mark.parametrize("program", HONEST)
def test_an_ordinary_program_is_self_contained(program: str) -> None:
    assert self_contained(ast.parse(program))


@pytest.mark.parametrize("program", TELLING.values(), ids=TELLING.keys())
def test_a_program_that_might_know_of_another_test_is_not(program: str) -> None:
    assert not self_contained(ast.parse(program))


def test_what_the_prelude_imports_counts_where_it_is_used() -> None:
    prelude = ast.parse("import sys, random\nimport numpy as np\nfrom heapq import *\nfrom typing import List")
    assert self_contained(ast.parse("def f(x: List[int]): return heappop(x)"), prelude)
    assert not self_contained(ast.parse("def f(x): return random.choice(x)"), prelude)
    assert not self_contained(ast.parse("def f(x): return np.sum(x)"), prelude)
    assert not self_contained(ast.parse("sys.seen = 1"), prelude)


# In the judge

ALIKE = parse_problem({"inputs": ["1\n"] * 5, "outputs": ["clean\n"] * 5})
KEEP = {
    "caches of typing": """
from typing import List
met = []
class Key:
    def __call__(self): pass
    def __hash__(self): return 1
    def __eq__(self, other):
        met.append(other)
        return True
List[Key()]  # compared with a few of typing's own, or with the key of the test before
print('clean' if met else 'seen')
""",
    "caches of re": """
import re
pattern = ''.join(['a', 'b', 'c'])
print('clean' if re.compile(pattern).pattern is pattern else 'seen')
""",
    "interned strings": """
from collections import namedtuple
name = ''.join(['q', 'w', 'z'])
print('clean' if namedtuple('P', [name])._fields[0] is name else 'seen')
""",
    "attributes of streams": """
import sys
def put(self): self.seen = 1
print('seen' if hasattr(sys.stdin, 'seen') or hasattr(sys.stdin.buffer, 'seen') else 'clean')
put(sys.stdin); put(sys.stdin.buffer)
""",
    "what a test began to read": """
import sys
print('clean' if next(sys.stdin) == '1\\n' else 'seen')
""",
    "generators that end late, one after another": """
def late(left):
    me = []
    def body(me):
        try: yield
        finally:
            if left: print('late') if left < 3 else late(left - 1)
    me.append(body(me)); next(me[0])
late(3)
print('clean')
""",
    "memory in a circle": """
circle = [[0] * (20 << 20)]
circle.append(circle)
print('clean')
""",
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(memory_bytes=300 << 20)) as judge:
        yield judge


@pytest.mark.parametrize("program", KEEP.values(), ids=KEEP.keys())
def test_no_test_meets_what_another_left_in_the_same_process(judge: Judge, program: str) -> None:
    assert self_contained(ast.parse(program))
    execution = judge.submit(program.encode(), ALIKE).result()
    assert [test.verdict for test in execution.tests[1:]] == [execution.tests[0].verdict] * 4
    assert execution.tests[0].verdict == "passed" or "late" in program


COUNTERS = {
    "sys": "import sys\nn = sys.n = getattr(sys, 'n', 0) + 1",
    "builtins": "import builtins\nn = builtins.n = getattr(builtins, 'n', 0) + 1",
    "environment": "import os\nn = int(os.environ.get('N', 0)) + 1\nos.environ['N'] = str(n)",
    "a library": "import heapq\nn = heapq.merge.n = getattr(heapq.merge, 'n', 0) + 1",
    "a file": "import os\nn = 1 + os.path.exists('/tmp/n')\ntry: open('/tmp/n', 'w').close()\nexcept OSError: pass",
    "modules": "import sys\nn = 1 + ('seen' in sys.modules)\nsys.modules['seen'] = sys",
    "printed before": "import os, sys\nn = 1 + bool(os.fstat(1).st_size) + bool(os.lseek(1, 0, os.SEEK_CUR))",
    "our own frames": "import sys\nn, f = 1, sys._getframe()\nwhile f:\n    n += int(f.f_locals.get('index') or 0)\n    f = f.f_back",
    "our own objects": "import gc\nn = 1\nfor o in gc.get_objects():\n"
    "    if type(o).__name__ == 'Recorder': n += o._index",
}


@pytest.mark.parametrize("count", COUNTERS.values(), ids=COUNTERS.keys())
@pytest.mark.parametrize("shape", ["stdin", "call", "assert", "referee"])
def test_every_test_is_the_first(judge: Judge, shape: str, count: str) -> None:
    call = f"{count}\ndef f(x): return n"
    programs = {"stdin": f"{count}\nprint(n)", "call": call, "assert": call, "referee": call}
    problems: dict[str, dict[str, object]] = {
        "stdin": {"inputs": ["1\n", "2\n", "3\n"], "outputs": ["1\n"] * 3},
        "call": {"fn_name": "f", "inputs": [[1], [2], [3]], "outputs": [1] * 3},
        "assert": {"test_list": [f"assert f({number}) == 1" for number in range(3)]},
        "referee": {"test_list": [f"assert abs(f({number}) - 1) == 0" for number in range(3)]},
    }
    execution = judge.submit(programs[shape].encode(), parse_problem(problems[shape])).result()
    assert [test.verdict for test in execution.tests] == ["passed"] * 3, execution
