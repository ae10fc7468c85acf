"""Places of libcst nodes, against those that libcst gives."""

from __future__ import annotations

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from engine.analysis.bindings import descendants
from engine.analysis.places import byte_places

SOURCES = [
    "é = 'ü'; b = zz # è\n\n\nclass A(B, c=1):\n    x: int = 1\n    @d.e(1)\n    def f(\n        self,\n    ):\n        pass\n",
    "if (a) :\n\tx = ( 1 ,\n\t\t2 )\nelif b: pass\nelse:\n  for i in y: print(f'{q!r:>{w}}')\n",
    "try:\n    raise X from y\nexcept (A, B) as e:\n    del e\nelse: ...\nfinally:\n    return_ = lambda *a: [i for i in a if i]\n",
    "match m:\n    case [a, *rest] if zzz: pass\n    case _: global g\nwith open(x) as (a, b), c: pass\nwhile True: break",
]


@pytest.mark.parametrize("source", SOURCES)
@given(chance=st.randoms(use_true_random=False))
def test_every_node_lies_where_libcst_says(source: str, chance) -> None:
    module = cst.parse_module(source)
    spans = MetadataWrapper(module, unsafe_skip_copy=True).resolve(ByteSpanPositionProvider)
    every = [node for node in descendants(module) if node in spans and node is not module]
    nodes = chance.sample(every, chance.randrange(1, min(len(every), 12)))
    found = byte_places(module, nodes)
    for node in nodes:
        end = spans[node.params if isinstance(node, cst.FunctionDef) else node]
        assert found[node] == (spans[node].start, end.start + end.length)
