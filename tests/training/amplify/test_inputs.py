"""New inputs look like the old ones: types, order, lengths, relations and counts are kept."""

from itertools import islice
from random import Random

import pytest

from training.quality.amplify.arguments import Calls
from training.quality.amplify.grammar import infer
from training.quality.amplify.stdin import Inputs


def calls(*examples, count=80):
    return list(islice(Calls(examples).propose(Random(0)), count))


def texts(*examples, count=60):
    return list(islice(Inputs(examples).propose(Random(0)), count))


def test_proposals_are_new_each_once_and_a_function_of_the_seed():
    examples = [([3, 1, 2], "ab"), ([5, 4], "cd")]
    found = calls(*examples)
    assert len({repr(each) for each in found}) == len(found) == 80
    assert not any(each in examples for each in found)
    assert found == calls(*examples)
    assert found != list(islice(Calls(examples).propose(Random(1)), 80))


def test_lists_that_are_sorted_in_all_tests_stay_sorted_and_others_do_not():
    for (items,) in calls(([1, 2, 2, 9],), ([3, 5, 8],), ([-1, 0, 4],)):
        assert items == sorted(items)
    for (items,) in calls(([9, 5, 5, 1],), ([8, 4, 2],), ([3, 2, 0],)):
        assert items == sorted(items, reverse=True)
    assert any(items != sorted(items) for (items,) in calls(([1, 3, 2],), ([3, 5, 8],)))


def test_a_length_an_index_and_an_order_between_arguments_are_kept():
    for items, n in calls(([3, 1, 2], 3), ([5, 4], 2), ([9], 1)):
        assert n == len(items)
    for items, i in calls(([3, 1, 2], 0), ([5, 4], 1), ([9, 7, 1, 2], 2)):
        assert 0 <= i < len(items)
    for low, high in calls((1, 5), (2, 9), (3, 4)):
        assert low < high
    for one, other in calls(("abc", "xyz"), ("de", "fg"), ("h", "i")):
        assert len(one) == len(other)
    for items, item in calls(([3, 1, 2], 2), ([5, 4], 5)):
        assert item in items


def test_numbers_keep_their_side_of_zero_and_flags_stay_flags():
    assert all(n > 0 for (n,) in calls((5,), (12,), (7,)))
    assert all(n >= 0 for (n,) in calls((0,), (12,)))
    assert any(n < 0 for (n,) in calls((-3,), (4,)))
    assert {bit for (bits,) in calls(([0, 1, 1],), ([1, 0],)) for bit in bits} == {0, 1}
    assert {start for _, start in calls(([3, 1], 0), ([2], 0))} == {0}


def test_kinds_are_kept_all_the_way_down_and_do_not_mix():
    for (value,) in calls(([1, 2],), (["a", "b"],)):
        assert len({type(item) for item in value}) <= 1
    for (rows,) in calls(([[1, 2], [3, 4]],), ([[5, 6, 7], [8, 9, 1]],)):
        assert len({len(row) for row in rows}) <= 1
    for (pairs,) in calls(([("a", 1), ("b", 2)],), ([("c", 3)],)):
        assert all(isinstance(name, str) and isinstance(number, int) for name, number in pairs)
    for (table,) in calls(({"a": 1, "b": 2},), ({"c": 3},)):
        assert all(isinstance(key, str) and isinstance(value, int) for key, value in table.items())


def test_no_list_stands_twice_in_one_call():
    for (rows,) in calls(([[1, 2], [3, 4], [5, 6]],), ([[7, 8], [9, 1], [2, 2]],)):
        assert len({id(row) for row in rows}) == len(rows)


def test_texts_keep_their_alphabet_and_their_pattern():
    assert all(set(text) <= set("01") for (text,) in calls(("0110",), ("101",)))
    for (date,) in calls(("2020-01-31",), ("1999-12-05",)):
        year, month, day = date.split("-")
        assert (len(year), len(month), len(day)) == (4, 2, 2)
        assert 1 <= int(month) <= 12
    assert any(not text for text, _ in calls(("", "x"), ("ab", "y")))
    assert all(text for text, _ in calls(("a", "x"), ("ab", "y")))


def test_what_does_not_look_like_the_tests_is_not_admitted():
    looks = Calls([([1, 2, 2, 9], 4), ([3, 5, 8], 3)])
    assert looks.admits(([4, 6], 2))
    for other in [([6, 4], 2), ([4, 6], 3), ([4, 6],), ([4, "6"], 2), ((4, 6), 2), ([-4, 6], 2), ([True, 6], 2)]:
        assert not looks.admits(other), other


@pytest.mark.parametrize(
    "examples",
    [
        [(None,), (3,)],
        [(b"a",), (b"b",)],
        [({},), ({},)],
        [([],), ([],)],
        [([[]],), ([[1]],)],
        [(set(),), ({1},)],
        [(1.5,), (float("inf"),)],
        [(1 + 2j,), (3j,)],
        [()],
        [((1, "a"),), ((2, "b", 3),)],
        [([10**30],), ([0],)],
    ],
)
def test_no_kind_of_value_is_a_problem(examples):
    for each in islice(Calls(examples).propose(Random(0)), 20):
        assert len(each) == len(examples[0])


def test_counts_on_standard_input_stay_what_they_count():
    for text in texts("3\n1 2 3\n", "2\n5 4\n"):
        n, row = text.splitlines()
        assert int(n) == len(row.split())
        assert text.endswith("\n")
    for text in texts("2\n3\n1 2 3\n2\n4 5\n"):
        first, *lines = text.splitlines()
        assert len(lines) == 2 * int(first)
        assert all(int(n) == len(row.split()) for n, row in zip(lines[::2], lines[1::2], strict=True))


def test_grids_and_edge_lists_are_understood():
    for text in texts("2 3\n.#.\n##.\n", "3 2\n..\n.#\n#.\n"):
        head, *grid = text.splitlines()
        height, width = map(int, head.split())
        assert (len(grid), {len(row) for row in grid}) == (height, {width})
        assert set("".join(grid)) <= {".", "#"}
    for text in texts("3\n1 2\n2 3\n", "4\n1 2\n2 3\n4 1\n"):
        n, *edges = text.splitlines()
        assert len(edges) == int(n) - 1
        assert all(1 <= int(label) <= int(n) for edge in edges for label in edge.split())


def test_large_numbers_cost_no_more_than_small_ones():
    examples = ["2 1000000000\n1000000000 5\n", "3 999999999\n7 999999999 4\n"]
    for text in texts(*examples):
        (n, most), row = (line.split() for line in text.splitlines())
        assert len(row) == int(n)
        assert max(map(int, row)) <= int(most)


def test_labels_that_no_block_says_twice_stay_distinct():
    for text in texts("4\n2\n4 7\n1 7\n", "5\n3\n2 1\n5 9\n1 1\n"):
        _, _, *lines = text.splitlines()
        labels = [line.split()[0] for line in lines]
        assert len(set(labels)) == len(labels)


def test_a_text_of_another_shape_is_not_admitted():
    inputs = Inputs(["3\n1 2 3\n", "2\n5 4\n"])
    assert inputs.admits("4\n1 1 1 1\n")
    assert not any(map(inputs.admits, ["4\n1 1\n", "x\n1\n", "1\n", "", "2\n1 2\n3\n"]))


def test_what_has_no_grammar_is_said_to_have_none_and_long_inputs_end():
    assert not Inputs(["1\n\n2\n"]).understood
    assert not Inputs(["a 1 b\n", "1 2\n3\n"]).understood
    assert infer(["\n".join(["1 2 3"] * 5000)]) is None
    assert infer(["\n".join(str(i % 7) for i in range(90))]) is not None
