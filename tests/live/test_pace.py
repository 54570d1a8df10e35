r"""A listener in time. Oracles: a clock of our own; the frames that two threads give in the end."""

import threading
import time

import numpy as np
import pytest

from mfr.live import pace
from mfr.live.pace import LIMIT, Paced, thinned
from mfr.live.session import STRIDE, LiveFrame


class Numbers:
    r"""A Live whose frames are numbers: as many as pictures came, whole strides of them."""

    def __init__(self, cost=0.0, push_cost=0.0):
        self.pushed, self.taken, self.cost, self.push_cost = 0, 0, cost, push_cost
        self.pictures = []

    @property
    def waiting(self):
        return self.pushed // STRIDE * STRIDE - self.taken

    def push(self, frames, sound, frames_at, sound_at):
        if sound is not None and np.isnan(sound).any():
            raise ValueError("no sound")
        time.sleep(self.push_cost)
        self.pictures += list(frames)
        self.pushed += 1

    def end(self):
        pass

    def skip(self, number):
        left_out = max(0, min(number, self.taken + self.waiting) - self.taken)
        self.taken += left_out
        return left_out

    def take(self):
        if not self.waiting:
            return None
        time.sleep(self.cost)
        self.taken += 1
        return LiveFrame(self.taken - 1, None)


def play(live, seconds, consumer=0.0):
    r"""30 chunks a second in real time; what came out and when, since the speaker's 0."""
    paced, begun = Paced(live), time.monotonic()

    def feed():
        for i in range(int(30 * seconds)):
            time.sleep(max(0, begun + (i + 1) / 30 - time.monotonic()))
            paced.put((i + 1) / 30, [i], None, i / 30)
        paced.end()

    feeder = threading.Thread(target=feed)
    feeder.start()
    found = []
    for frame in paced:
        found.append((frame.number, time.monotonic() - begun))
        time.sleep(consumer)
    feeder.join()
    paced.close()
    return paced, found


def test_frames_come_in_order_and_when_they_are_due():
    paced, found = play(Numbers(), 1.2)
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    late = [moment - (number + 1) / 30 for number, moment in found]
    assert max(late) < LIMIT + 0.05 and min(late) > pace.DELAY - 0.05  # the feeder's own delay
    assert paced.given == len(found) and paced.given + paced.dropped == 36
    assert pace.DELAY - 1e-3 < paced.summary()["median"] <= paced.summary()["late"] <= LIMIT


@pytest.mark.parametrize("slow", [{"cost": 0.08}, {"consumer": 0.08}])
def test_rate_gives_way_and_latency_does_not(slow):
    consumer = slow.pop("consumer", 0.0)
    paced, found = play(Numbers(**slow), 2.0, consumer)
    assert len(found) < 40 and paced.dropped > 20
    assert max(paced.latencies) <= LIMIT
    assert found[-1][0] > 40  # it does not fall behind


def test_trouble_reaches_the_consumer():
    paced = Paced(Numbers())
    paced.put(0.1, [], np.array([np.nan]))
    with pytest.raises(ValueError, match="no sound"):
        list(paced)
    paced.close()


def test_close_wakes_who_waits():
    paced = Paced(Numbers())
    paced.close()
    assert list(paced) == [] and not paced._worker.is_alive()
    assert paced.summary() == {"given": 0, "dropped": 0, "median": 0.0, "late": 0.0}


def test_pictures_that_waited_together_are_thinned_and_sounds_are_not():
    chunks = [([i], f"sound {i}", i / 30, i / 30) for i in range(6)]
    found = thinned(chunks)
    assert [chunk[0] for chunk in found] == [(), [1], (), [3], (), [5]]
    assert [chunk[1] for chunk in found] == [f"sound {i}" for i in range(6)]
    assert thinned(chunks[:3]) == chunks[:3]
    untimed = [([i], None, None, None) for i in range(6)]
    assert thinned(untimed) == untimed  # each follows the one before: none may be missing


def test_backlog_is_bounded():
    live = Numbers(push_cost=0.2)
    paced = Paced(live)
    for i in range(2 * pace.BACKLOG):
        paced.put(i / 30, [], None)
    assert len(paced._chunks) <= pace.BACKLOG
    paced.close()


def test_clock_is_that_of_the_quickest_chunk():
    now = [0.0]
    paced = Paced(Numbers(), clock=lambda: now[0])
    for now[0], until in ((10.3, 0.1), (10.2, 0.2), (10.9, 0.3)):
        paced.put(until)
    assert 10.0 <= paced._started <= 10.0 + pace.FORGET / 30 + 1e-9
    paced.close()
