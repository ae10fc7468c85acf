"""Which programs may run all their tests in one process: those that cannot know whether another test ran there."""

from __future__ import annotations

import ast
import sys
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
    "import os, time, threading\nfrom dataclasses import dataclass\nprint(1)",
    "from dataclasses import dataclass, field\n@dataclass(order=True)\nclass P:\n    x: int\n    y: list = field(default_factory=list)\n"
    "    def __post_init__(self): self.z = self.x\nprint(P(1))",
    "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\nprint(dataclasses.replace(P(1), x=2))",
    "from enum import Enum, auto, unique\n@unique\nclass Color(Enum):\n    RED = auto()\n    BLUE = 'b'\nprint(Color.RED.name, "
    "Color('b').value, [c for c in Color])",
    "from abc import ABC, abstractmethod\nclass Shape(ABC):\n    @abstractmethod\n    def area(self): ...\nclass Square(Shape):"
    "\n    def __init__(self, a): self.a = a\n    def area(self): return self.a ** 2",
    "from typing import Dict, Generic, List, Optional, TypeVar\nT = TypeVar('T')\nclass Node(Generic[T]):\n    left: 'Optional[Node]'\n"
    "    def __init__(self, value: T, seen: Dict[str, List[int]] | None = None) -> None: self.value = value",
    "from functools import lru_cache, wraps\nclass Solution:\n    def f(self, n):\n        self.n = n\n        @lru_cache(None)\n"
    "        def g(k): return k\n        return g(n)\ndef twice(f):\n    @wraps(f)\n    def inner(*a): return 2 * f(*a)\n    return inner",
    "from contextlib import contextmanager\n@contextmanager\ndef nothing():\n    yield 1\nwith nothing() as x: print(x)",
    "from decimal import Decimal, getcontext\ngetcontext().prec = 50\nprint(Decimal(1) / 3)",
    "import os\nprint(os.path.join('a', 'b'), os.path.exists('in.txt'), os.environ.get('LOCAL'), os.getenv('X', 1), os.sep)",
    "import os.path as p\nfrom os.path import splitext\nfrom os import path\nprint(p.basename('a/b'), splitext('a.b'), path.isfile('a'))",
    "from io import StringIO\nimport statistics, queue\nq = queue.PriorityQueue()\nq.put(statistics.mean([1, 2]))\nprint(StringIO('x').read())",
    "from collections import ChainMap, Counter\nclass Bag(Counter): pass\nprint(ChainMap(Bag('ab'), {}))",
    "class E(ValueError): pass\ntry: int('x')\nexcept (ValueError, EOFError): raise RuntimeError('x') from E()",
    "def alike(xs): return all(isinstance(x, type(xs[0])) for x in xs)",
    "import random\nrandom.seed(4)\nprint(random.randint(1, 6))",
    "import numpy as np\na = np.array([1, 2]).reshape(2, 1)\nprint(a.sum(axis=0), np.where(a > 1, a, 0))",
    "import numpy as np, math\nfrom typing import List\ndef f(xs: List[int], *more, n=2): return np.array(xs, dtype=np.int64).sum() + n",
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
    "a generator's state": "import random\nprint(random.getstate())",
    "memory that numpy leaves as it was": "import numpy as np\nprint(np.add(1, 2, where=False))",
    "memory that numpy leaves as it was, by a name": "import numpy as np\nprint(np.add(1, 2, **{'wh' + 'ere': False}))",
    "memory of an empty array": "import numpy as np\nprint(np.empty(3))",
    "a gap between fields of numpy": "import numpy as np\nprint(np.ones(1, {'names': ['a'], 'formats': ['i1'], 'itemsize': 99}))",
    "a gap, by a comprehension": "import numpy as np\nprint(np.ones(1, {k: ('i1', 9) for k in 'a'}))",
    "a gap, by arguments": "import numpy as np\ndef ones(**fields): return np.ones(1, fields)\nones(a=('i1', 9))",
    "a gap, by a call": "import numpy as np\nprint(np.ones(1, dict(a=('i1', 9))))",
    "a gap, by a base": "import numpy as np\nclass D(dict): pass\nd = D()\nd['a'] = 'i1', 9\nprint(np.ones(1, d))",
    "a gap, by a counter": "import numpy as np, collections\nd = collections.Counter()\nd['a'] = 'i1', 9\nprint(np.ones(1, d))",
    "a gap, by typing": "import numpy as np\nfrom typing import Dict\nd = Dict()\nd['a'] = 'i1', 9\nprint(np.ones(1, d))",
    "a gap, by a match": "import numpy as np, re\nprint(np.ones(1, re.match('(?P<names>a)', 'a').groupdict()))",
    "a module of an array": "import numpy as np\nprint(np.zeros(3).ctypes._ctypes)",
    "a generator of numpy": "import numpy as np\nprint(np.random.rand())",
    "a file of numpy": "import numpy as np\nnp.zeros(3).tofile('/tmp/seen')",
    "the system": "import os\nprint(os.getpid())",
    "a signal of a context": "import decimal\ndef put(self): self.seen = 1\nfor s in decimal.getcontext().flags: put(s)",
    "a signal in an error": "from decimal import Decimal\ndef put(self): self.seen = 1\ntry: Decimal('x')\n"
    "except Exception as e: put(e.args[0][0])",
    "the context that others are made of": "import decimal\ndecimal.DefaultContext.prec = 3",
    "the environment by its method": "import os\nos.environ.update(SEEN='1')",
    "the environment by an alias": "import os\ne = os.environ",
    "the environment by its name": "from os import environ\nenviron['SEEN'] = '1'",
    "the path module": "import os\np = os.path\np.seen = 1",
    "the path module by its name": "from os import path\npath.seen = 1",
    "an attribute of a function of paths": "import os\ndef put(self): self.seen = 1\nput(os.path.join)",
    "modules of modules": "import os.path\nos.path.os.environ",
    "modules of modules by their name": "import os.path as p\np.sys.modules",
    "the module that has a module": "import os.path\nos.getpid()",
    "a size of a file": "import os\nprint(os.path.getsize('/tmp'))",
    "an attribute of a base": "from enum import Enum\ndef put(self): self.seen = 1\nput(Enum)",
    "a base of a class": "from enum import Enum\nclass C(Enum): A = 1\ndef put(self): self.seen = 1\nput(C.mro()[1])",
    "what a class inherits": "from enum import Enum\nclass C(Enum): A = 1\ndef put(self): self.seen = 1\nput(C.__str__)",
    "what a class inherits, by a pattern": "from enum import Enum\nclass C(Enum): A = 1\ndef put(self): self.seen = 1\n"
    "match C:\n    case object(_generate_next_value_=f): put(f)",
    "a method of the library": "from collections import Counter\nclass C(Counter): pass\ndef put(self): self.seen = 1\nput(C.elements)",
    "members of all enumerations": "from enum import Enum\nEnum._member_names_.append('seen')",
    "what wraps is made of": "from functools import wraps\nwraps(print).func.seen = 1",
    "the kind of a field": "from dataclasses import dataclass, field\nf = field()\n@dataclass\nclass A: x: int = f\nf._field_type.name = 1",
    "a property that a class inherits": "from collections import ChainMap\nclass C(ChainMap): pass\ndef put(self): self.seen = 1\n"
    "put(C.parents.fget)",
    "a value that is not there yet": "from enum import auto\ndef put(self): self.seen = 1\nput(auto().value)",
    "a mark of dataclasses": "from dataclasses import dataclass, field\ndef put(self): self.seen = 1\nput(field().default)",
    "a dataclass of the library's": "from dataclasses import dataclass\nfrom collections import Counter\nfor c in [Counter]: dataclass(c)",
    "a dataclass of what a class is not": "from dataclasses import dataclass\nfrom collections import Counter\nclass K:\n"
    "    def __new__(cls, *a, c=Counter): return c\n@dataclass\nclass A(K()): x: int",
    "an abstract function of the library": "from abc import abstractmethod\nfrom heapq import merge\nfor m in [merge]: abstractmethod(m)",
    "functions that total_ordering gives": "from functools import total_ordering\n@total_ordering\nclass A:\n    def __lt__(self, o): return 1",
    "what is registered": "from abc import ABC\nclass A(ABC): pass\nA.register(int)",
    "the address of an array": "from array import array\nprint(array('i').buffer_info())",
    "an annotation with a call": "import sys\ndef f(x: setattr(sys, 'seen', 1)): pass",
    "an annotation with a name": "import sys\nx: sys.modules = 1",
    "annotations": "x: int = 1\n__annotations__['y'] = 1",
    "another isinstance": "def isinstance(x, t): return t\nm = isinstance(1, type(int))",
    "a clock": "import time\nprint(time.process_time())",
    "a clock of datetime": "from datetime import datetime\nprint(datetime.now())",
    "the place in what is printed": "import sys\nprint(sys.stdout.tell())",
    "how a stream is read": "import sys\nsys.stdin.reconfigure(encoding='latin-1')",
    "a stream made again": "import sys\nsys.stdin.__init__(sys.stdin.buffer, 'latin-1')",
    "a flag of a stream": "import sys\nsys.stdin._finalizing = True",
    "addresses": "print(id(object()) % 4096)",
    "hashes of addresses": "print(hash(object()) % 4096)",
    "threads": "import threading\nthreading.Thread(target=print).start()",
    "a cache that compares its keys": "from fractions import Fraction\nFraction(1)",
    "flags of re": "import re\nre.I | 5",
    "a cache of formats": "from datetime import datetime\ndatetime.strptime('1', '%d')",
    "what wraps sets": "from functools import wraps\nfrom heapq import merge\nwraps(print)(merge)",
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
    "what named tuples of the library share": "from functools import cache\ncache(print).cache_info()._field_defaults['seen'] = 1",
    "what fields share": "from dataclasses import field\nclass K:\n    def __eq__(self, o): o['seen'] = 1\nfield().metadata == K()",
    "what unions share": "from typing import TypeVar\ndef put(self): self._getitem = 1\nput(TypeVar('T') | int)",
    "what unions share, by a method's argument": "from typing import List\nclass K:\n    def __eq__(self, o): o.seen = 1\nx: List[K()] = 1",
    "attributes by the places of a pattern": "class A:\n    __match_args__ = ('__class__',)\nmatch A():\n    case A(c): print(c)",
    "attributes by the places of a dataclass": "from dataclasses import dataclass\n@dataclass(init=False)\nclass A: gi_frame: int\n"
    "match A():\n    case A(f): print(f)",
    "attributes that wraps reads": "from functools import wraps\nwraps(print, ['__self__'])(lambda: 1)",
    "attributes that wraps reads, unpacked": "from functools import wraps\nwraps(*[print, ['__self__']])(lambda: 1)",
    "attributes that wraps reads, later": "from functools import wraps\nwraps(print)(lambda: 1, assigned=['__self__'])",
    "attributes that wraps reads, later and unpacked": "from functools import wraps\nwraps(print)(lambda: 1, **{'assigned': ['__self__']})",
    "what copy makes": "import copy\nfrom heapq import merge\nclass A(tuple):\n    def __new__(cls, *a): return merge",
    "a field's name, which becomes code": "from dataclasses import field\nfield().name = 'x=1): print(1)\\n#'",
    "a generator that ends late": "def f():\n    try: yield\n    finally: print('late')\nfor x in f(): break",
    "a catch of all": "def f():\n    try: 'x'.encode('cp437')\n    except: print('loaded now')",
    "a catch of depth": "try: f()\nexcept RecursionError: print('loaded now')",
    "a catch of memory": "try: x = [0] * 10**9\nexcept MemoryError: pass",
    "a catch by suppress": "from contextlib import suppress\nwith suppress(object): f()",
    "a catch of all by another name": "E = [Exception]\ntry: f()\nexcept E[0]: print('loaded now')",
    "a catch at the end": "def f():\n    try: f()\n    finally: return 1",
    "a catch by a context": "class A:\n    def __exit__(self, *a): return True",
    "a catch by a stream": "from io import StringIO\nclass A(StringIO):\n    def close(self): 'x'.encode('cp437')",
    "identifiers in other letters": "import sys\nsys.\uff53een = 1",
    "a private cache": "import re\nre._cache.clear()",
    "a wide import": "from sys import *\nmodules",
}


def test_what_a_module_that_is_not_here_exports_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numpy", raising=False)
    assert not self_contained(ast.parse("from numpy import *\nrandom.seed(1)"))


@pytest.mark.parametrize("program", HONEST)
def test_an_ordinary_program_is_self_contained(program: str) -> None:
    assert self_contained(ast.parse(program))


@pytest.mark.parametrize("program", TELLING.values(), ids=TELLING.keys())
def test_a_program_that_might_know_of_another_test_is_not(program: str) -> None:
    assert not self_contained(ast.parse(program))


def test_what_the_prelude_imports_counts_where_it_is_used() -> None:
    prelude = ast.parse("import sys, random\nimport numpy as np\nfrom heapq import *\nfrom typing import List")
    assert self_contained(ast.parse("def f(x: List[int]): return heappop(x)"), prelude)
    assert self_contained(ast.parse("def f(x): return random.choice(x)"), prelude)
    assert not self_contained(ast.parse("def f(x): return np.random.choice(x)"), prelude)
    assert not self_contained(ast.parse("sys.seen = 1"), prelude)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a syntax of Python 3.12")
@pytest.mark.parametrize("program", ["class A[T]: pass", "def f[*T](): pass", "type A[**P] = int"])
def test_type_parameters_lead_to_typing(program: str) -> None:
    assert not self_contained(ast.parse(program))


# In the judge

ALIKE = parse_problem({"inputs": ["1\n"] * 5, "outputs": ["clean\n"] * 5})
KEEP = {
    "caches of typing": """
from typing import List
shown = []
class Key(int):
    def __call__(self): pass
    def __repr__(self, shown=shown):
        shown.append(1)
        return 'key'
repr(List[Key()])
print('clean' if shown else 'seen')
""",
    "caches of re": """
import re
pattern = ''.join(['a', 'b', 'c'])
print('clean' if re.compile(pattern).pattern is pattern else 'seen')
""",
    "a cache of fractions": """
import statistics
class Number(float):
    def __init__(self, x, made=[]): made.append(x) or put(made[-1])
class Key(int):
    def __hash__(self): return 1
    def __eq__(self, other, met=[]): return not met.append(met or print('clean'))
def put(self):
    if not isinstance(self, float):
        self._numerator = Key(5)
        print('clean' if {self: 1} else 'seen')
statistics.mean([Number(1.0), Number(2.0)])
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
    "a context of decimal": """
from decimal import Decimal, getcontext
print('clean' if getcontext().prec == 28 and len(str(Decimal(1) / 3)) == 30 else 'seen')
getcontext().prec = 5
getcontext().Emax = 9
""",
    "an enumeration and a dataclass": """
from dataclasses import dataclass
from enum import Enum
class Color(Enum):
    RED = 1
@dataclass
class P:
    c: Color
    def __post_init__(self): self.d = Color(1)
print('clean' if P(Color.RED).d is Color.RED else 'seen')
""",
    "random's state": """
import random
print('clean' if random.random() == 0.8444218515250481 else 'seen')
random.seed(7)
""",
    "numpy": """
import numpy as np
print('clean' if np.sum(np.arange(4)) == 6 else 'seen')
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
    assert execution.tests[0].verdict == "passed"


def test_no_test_meets_a_template_of_re(judge: Judge) -> None:
    program = """
import re
class Key(str):
    def __hash__(self): return 1
    def __eq__(self, other): return self.seen
def f(x): return re.compile('x', 128).sub(Key('\\\\g<0>'), x)
"""
    assert self_contained(ast.parse(program))
    problem = parse_problem({"fn_name": "f", "inputs": [["x"], ["x"]], "outputs": ["x", "x"]})
    assert judge.submit(program.encode(), problem).result().verdict == "passed"


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
