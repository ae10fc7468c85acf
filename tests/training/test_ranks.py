"""What the processes of a run can rely on, be it one or (under test_processes.py) several."""

from __future__ import annotations

import pytest

from training.errors import ElsewhereError, Stopping
from training.learners import open_ranks


@pytest.fixture(scope="module")
def ranks():
    return open_ranks()


def test_every_item_is_in_one_share(ranks):
    for size in (0, 1, 2, 5):
        shares = ranks.gather(lambda size=size: ranks.share(range(size)))
        assert sorted(each for share in shares for each in share) == list(range(size))


def test_what_is_gathered_is_the_same_everywhere(ranks):
    assert ranks.gather(lambda: ranks.index) == list(range(ranks.count))


def test_the_first_alone_does_what_is_done_once(ranks):
    done = []
    assert ranks.first(lambda: done.append(1) or "by the first") == "by the first"
    assert done == ([1] if ranks.leads else [])


def test_what_is_kept_here_is_not_another_ones(ranks):
    assert ranks.together(lambda: {"mine": ranks.index}) == {"mine": ranks.index}


def test_work_that_is_spread_comes_back_in_order(ranks):
    assert ranks.spread(lambda items: [item * item for item in items], range(7)) == [n * n for n in range(7)]
    assert ranks.spread(list, []) == []


def test_who_fails_says_so_and_the_others_know(ranks):
    def work():
        if ranks.index == ranks.count - 1:
            raise OSError("no space left")

    with pytest.raises(OSError if ranks.index == ranks.count - 1 else ElsewhereError):
        ranks.gather(work)
    assert ranks.gather(lambda: "on we go") == ["on we go"] * ranks.count


def test_a_stop_asked_of_one_stops_all(ranks):
    def work():
        if ranks.leads:
            raise Stopping

    with pytest.raises(Stopping):
        ranks.gather(work)


def test_a_failure_is_told_rather_than_a_stop(ranks):
    def work():
        raise Stopping if ranks.index else OSError("worse")

    with pytest.raises(OSError if ranks.leads else ElsewhereError):
        ranks.gather(work)


def test_all_failing_alike_is_said_once(ranks):
    def work():
        raise OSError("the same disk")

    with pytest.raises(OSError if ranks.leads else ElsewhereError):
        ranks.gather(work)
