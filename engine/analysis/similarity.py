"""Compare a program with a reference by CodeBLEU's syntax match and data-flow match (Ren et al. 2020, section 3).

CodeBLEU asks how much of the reference is in the program and not what else is, so text from anywhere raises it.
`similarity` divides by the larger of the two. A program that is no larger than the reference has CodeBLEU's numbers.

Similarity rewards imitation, not correctness. Both numbers also exist for text that does not parse, because tree-sitter
recovers. `engine.analysis.worker` calls this in a process that may die of hostile text. The `codebleu` package has no
build for Python 3.13.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b

import tree_sitter_python
from tree_sitter import Language, Node, Parser

from engine.records import Similarity

_PARSER = Parser(Language(tree_sitter_python.language()))
_LEAVES = frozenset({"identifier", "integer", "float", "string", "true", "false", "none"})
_UNREAD = frozenset({"comment", "line_continuation"})
_LOOPS = frozenset({"for_statement", "while_statement"})
_COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
)

Flow = tuple[str, str, tuple[str, ...]]
"""(variable, `computed from` or `comes from`, where its value is from); names as in the text."""


def similarity(program: bytes, references: Iterable[bytes]) -> Similarity:
    """Give the best of each match over the references, as a share of the larger program. Zeros without one."""
    tree, flows = _features(program)
    wanted = [_features(reference) for reference in references]
    return Similarity(
        max((_share_of_larger(tree, each) for each, _ in wanted), default=0.0),
        max((_share_of_larger(flows, each) for _, each in wanted), default=0.0),
    )


def syntax_match(program: bytes, reference: bytes) -> float:
    """Compute the clipped share of the reference's syntax subtrees that the program has too (CodeBLEU eq. 4).

    A subtree is a named node with its named descendants' types. Names and literals do not count, and comments and
    docstrings are left out.
    """
    return _clipped_share(_subtrees(program), _subtrees(reference))


def dataflow_match(program: bytes, reference: bytes) -> float:
    """Compute the clipped share of the reference's data flows that the program has too (CodeBLEU eq. 5).

    Variables are numbered in order of appearance, so names do not matter. It is 0 for a reference without data flow.
    """
    return _clipped_share(_normalised(data_flows(program)), _normalised(data_flows(reference)))


def data_flows(program: bytes) -> list[Flow]:
    """Find where the value of each variable is from, in the order of the text (after GraphCodeBERT's extraction).

    An assigned variable, loop variables and defaults included, is `computed from` the names and literals on the other
    side. A read of a variable `comes from` an assignment of it before, or anywhere in a loop around it.

    Raises:
        RecursionError: The tree is deeper than Python's stack.
    """
    flows: list[Flow] = []
    _Reader(flows).read(_PARSER.parse(program).root_node)
    return flows


@lru_cache(maxsize=256)
def _features(program: bytes) -> tuple[Counter[object], Counter[object]]:
    """Give subtrees and data flows, cached because references come again and again."""
    return _subtrees(program), _normalised(data_flows(program))


def _clipped_share(found: Counter[object], wanted: Counter[object]) -> float:
    return (found & wanted).total() / wanted.total() if wanted else 0.0


def _share_of_larger(found: Counter[object], wanted: Counter[object]) -> float:
    return _clipped_share(found, wanted) * min(1.0, wanted.total() / max(found.total(), 1))


def _subtrees(program: bytes) -> Counter[object]:
    """Count every subtree with children, by a digest of its shape. Linear in the tree, however deep."""
    ordered, waiting = [], [_PARSER.parse(program).root_node]
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        waiting += _children(node)
    shapes: dict[int, str] = {}
    counted: Counter[object] = Counter()
    for node in reversed(ordered):  # children before parents
        children = [shapes[child.id] for child in _children(node)]
        shapes[node.id] = _digest(node.type, children)
        if children:
            counted[shapes[node.id]] += 1
    return counted


def _digest(kind: str, children: list[str]) -> str:
    return blake2b(" ".join((kind, *children)).encode(), digest_size=16).hexdigest()


def _children(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type not in _UNREAD and not _is_docstring(child)]


def _is_docstring(node: Node) -> bool:
    return node.type == "expression_statement" and [child.type for child in node.named_children] == ["string"]


def _normalised(flows: list[Flow]) -> Counter[object]:
    """Number the variables of flows as they appear, sources first, as CodeBLEU does."""
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    counted: Counter[object] = Counter()
    for name, relation, sources in flows:
        numbered = tuple(number(source) for source in sources)
        counted[(number(name), relation, numbered)] += 1
    return counted


class _Reader:
    """Walks a tree in the order of execution and notes flows; `assigned` holds the variables that have a value."""

    def __init__(self, flows: list[Flow]) -> None:
        self._flows = flows
        self._assigned: set[str] = set()

    def read(self, node: Node) -> None:
        kind = node.type
        if kind == "identifier":
            name = _text(node)
            if name in self._assigned:
                self._flows.append((name, "comes from", (name,)))
            return
        if kind in _LOOPS:
            self._assigned.update(_text(leaf) for leaf in _targets(node))  # the next round reads what this one assigns
        if kind in ("assignment", "augmented_assignment", "named_expression"):
            self._assignment(node, *(node.child_by_field_name(side) for side in _sides(kind)))
        elif kind in ("for_statement", "for_in_clause"):
            self._assignment(node, node.child_by_field_name("left"), node.child_by_field_name("right"))
            self._read_all(_of(node, "block", "else_clause"))
        elif kind in ("default_parameter", "typed_default_parameter"):
            self._assignment(node, node.child_by_field_name("name"), node.child_by_field_name("value"))
        elif kind in ("parameters", "lambda_parameters"):
            for child in node.named_children:
                if child.child_by_field_name("value") is not None:
                    self.read(child)
                else:  # the first name in `a`, `a: int`, `*a` and `**a` is the parameter's
                    self._assigned.update(_text(leaf) for leaf in list(_leaves(child))[:1])
        else:
            self._read_all(_in_order(node))

    def _read_all(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self.read(node)

    def _assignment(self, node: Node, left: Node | None, right: Node | None) -> None:
        if left is None or right is None:  # a declaration without a value
            return
        self.read(right)
        if node.type == "augmented_assignment":
            self.read(left)
        for target, value in _pairs(left, right):
            sources = tuple(_text(leaf) for leaf in _leaves(value))
            for leaf in _leaves(target):
                if leaf.type == "identifier":
                    self._flows.append((_text(leaf), "computed from", sources))
        self._assigned.update(_text(leaf) for leaf in _leaves(left) if leaf.type == "identifier")


def _in_order(node: Node) -> list[Node]:
    """Give what of a node is read, in the order of execution."""
    match node.type:
        case "attribute":
            return node.named_children[:1]
        case "keyword_argument":
            return node.named_children[1:]
        case kind if kind in _COMPREHENSIONS:  # the clauses run before what is written first
            clauses = _of(node, "for_in_clause")
            return [*clauses, *(child for child in node.named_children if child not in clauses)]
    return _children(node)


def _of(node: Node, *kinds: str) -> list[Node]:
    return [child for child in node.named_children if child.type in kinds]


def _sides(kind: str) -> tuple[str, str]:
    return ("name", "value") if kind == "named_expression" else ("left", "right")


def _pairs(left: Node, right: Node) -> list[tuple[Node, Node]]:
    """Split an assignment: `a, b = c, d` is two, and anything else is one."""
    lists = ("pattern_list", "tuple_pattern", "expression_list", "tuple")
    if left.type in lists and right.type in lists and len(left.named_children) == len(right.named_children):
        return list(zip(left.named_children, right.named_children, strict=True))
    return [(left, right)]


def _targets(node: Node) -> Iterator[Node]:
    """Find the variables assigned anywhere in a node."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.type in ("assignment", "augmented_assignment", "for_statement"):
            left = node.child_by_field_name("left")
            if left is not None:
                yield from (leaf for leaf in _leaves(left) if leaf.type == "identifier")
        waiting += node.named_children


def _leaves(node: Node) -> Iterator[Node]:
    """Give names and literals in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.type in _LEAVES:
            yield node
        else:
            waiting += reversed(_children(node))


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")
