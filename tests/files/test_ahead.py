r"""Threads that run ahead, what is said meanwhile. Oracles: order, counts, a clock in the test."""

import threading
import time

import pytest

from mfr.files.ahead import ahead
from mfr.files.progress import Progress, clock


def test_items_come_in_order_from_another_thread_that_is_never_far_ahead():
    made, taken, far = [], [], []

    def items():
        for i in range(50):
            far.append(i - len(taken))
            made.append(threading.get_ident())
            yield i

    for i in ahead(items(), 3):
        time.sleep(0.001)
        taken.append(i)
    assert taken == list(range(50)) and set(made) != {threading.get_ident()}
    assert max(far) <= 3 + 2  # those that wait, one in each hand


def test_an_error_comes_where_its_item_would_have():
    def items():
        yield 1
        raise ValueError("the third part is missing")

    taken = []
    with pytest.raises(ValueError, match="third part"):
        for i in ahead(items(), 5):
            taken.append(i)
    assert taken == [1]


def test_who_stops_taking_stops_the_thread():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    source = items()  # who still knows it does not keep it open
    endless = ahead(source, 2)
    next(endless)
    endless.close()
    assert closed.is_set() and threading.active_count() == before


def test_progress_says_rate_and_time_left_now_and_then():
    now, said = [100.0], []
    progress = Progress("speaker", every=10, now=lambda: now[0], say=said.append)
    for done in range(0, 1001, 10):
        progress(done, 1000)
        now[0] += 1
    assert said[0] == "speaker   100/1000 frames   10.0 frames/s   0:01:30 left"
    assert len(said) == 9  # every tenth call; the end is not said
    progress(5, 60, "steps")  # other work has a rate of its own
    now[0] += 10
    progress(25, 60, "steps")
    assert said[-1] == "speaker   25/60 steps   2.0 steps/s   0:00:17 left"


def test_counted_items_are_the_items():
    now, said = [0.0], []
    progress = Progress("a", every=2, now=lambda: now[0], say=said.append)
    for i, item in enumerate(progress.over("abcdef", 6)):
        assert item == "abcdef"[i]
        now[0] += 1
    assert len(said) == 2 and said[0].startswith("a         2/6 frames   1.0 frames/s")


def test_hours_minutes_and_seconds():
    assert [clock(s) for s in (0, 59.9, 3661)] == ["0:00:00", "0:00:59", "1:01:01"]
