r"""A listener in time. Oracles: a clock of our own; the frames that two threads give in the end."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from mfr.live import pace
from mfr.live import film
from mfr.live.pace import BUSY, CHOICES, DELAY, LIMIT, Pace, Paced, chosen, thinned
from mfr.live.session import STRIDE, Live, LiveFrame


class Numbers:
    r"""A Live whose frames are numbers: as many as chunks came, whole strides of them."""

    def __init__(self, cost=0.0, push_cost=0.0):
        self.pushed, self.taken, self.cost, self.push_cost = 0, 0, cost, push_cost
        self.sleep = time.sleep

    @property
    def waiting(self):
        return self.pushed // STRIDE * STRIDE - self.taken

    def push(self, frames, sound, frames_at, sound_at):
        if sound is not None and np.isnan(sound).any():
            raise ValueError("no sound")
        self.sleep(self.push_cost)
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
        self.sleep(self.cost)
        self.taken += 1
        return LiveFrame(self.taken - 1, None)


class World:
    r"""A clock of our own: it goes on when the consumer sleeps or waits, and chunks come by it."""

    def __init__(self, live, chunks):
        self.live, self.chunks, self.now, self.fed = live, chunks, 0.0, 0
        self.consumer = threading.current_thread()

    def sleep(self, seconds):
        until = self.now + seconds
        while self.fed < len(self.chunks) and (self.fed + 1) / 30 <= until:
            self.feed()
        self.now = until

    def feed(self):
        r"""The next chunk comes and is answered; or there is none."""
        if self.fed == len(self.chunks):
            self.paced.end()
            self.paced._worker.join()
            return
        self.fed += 1
        self.now = max(self.now, self.fed / 30)
        self.paced.put(self.fed / 30, *self.chunks[self.fed - 1])
        while self.live.pushed < self.fed:  # the other thread takes no time on our clock
            time.sleep(0.0005)

    def condition(self):
        r"""One on which the consumer waits by our clock."""
        condition = threading.Condition()
        wait = condition.wait

        def waiting():
            if threading.current_thread() is not self.consumer:
                return wait()
            condition.release()
            self.feed()
            condition.acquire()

        condition.wait = waiting
        return condition


def play(monkeypatch, live, chunks, consumer=0.0):
    r"""30 chunks a second; what came out and when, since the speaker's 0."""
    world = World(live, chunks)
    live.sleep = world.sleep
    threads = SimpleNamespace(Thread=threading.Thread, Condition=world.condition)
    monkeypatch.setattr(pace, "threading", threads)
    monkeypatch.setattr(pace, "time", SimpleNamespace(sleep=world.sleep))
    world.paced = paced = Paced(live, lambda: world.now)
    found = []
    for frame in paced:
        found.append((frame.number, world.now))
        world.sleep(consumer)
    paced.close()
    return paced, found


def pictures(seconds):
    return [([i], None, [i / 30], None) for i in range(round(30 * seconds))]


def test_frames_come_in_order_and_when_they_are_due(monkeypatch):
    paced, found = play(monkeypatch, Numbers(), pictures(1.2))
    assert [number for number, _ in found] == list(range(36))
    late = [moment - (number + 1) / 30 for number, moment in found]
    np.testing.assert_allclose(late, pace.DELAY, atol=1e-9)
    np.testing.assert_allclose(paced.latencies, late)
    assert (paced.given, paced.dropped) == (36, 0)
    assert paced.summary()["median"] == pytest.approx(pace.DELAY)


@pytest.mark.parametrize("slow", [{"cost": 0.08}, {"consumer": 0.08}])
def test_rate_gives_way_and_latency_does_not(monkeypatch, slow):
    live = Numbers(slow.get("cost", 0.0))
    paced, found = play(monkeypatch, live, pictures(4.0), slow.get("consumer", 0.0))
    assert paced.given == len(found) and paced.given + paced.dropped == 120
    assert max(paced.latencies) <= LIMIT
    assert 4 / 0.08 - 6 <= len(found) <= 4 / 0.08 + 1  # as many as it can
    assert found[-1][0] > 110  # it does not fall behind


class Counted(Live):
    r"""A Live that counts its chunks, and whose rendering takes a tenth of a second."""

    pushed = 0

    def push(self, *chunk):
        super().push(*chunk)
        self.pushed += 1

    def take(self):
        self.sleep(0.1)
        return super().take()


def test_a_slowed_renderer_gives_way_in_rate_and_says_so(
    unrendered, portrait, speaker, monkeypatch
):
    shown, sound = speaker
    cuts = [i * 16_000 // 30 for i in range(61)]
    chunks = [([shown[i]], sound[cuts[i] : cuts[i + 1]], None, None) for i in range(60)]
    live = Counted(unrendered, portrait, "positive", steps=1)
    paced, found = play(monkeypatch, live, chunks)
    assert paced.given + paced.dropped == 60 and 18 <= paced.given <= 23  # in 2.3 s
    assert max(paced.latencies) <= LIMIT
    said = film.told({**paced.summary(), "stopped": False, "work": live.work})
    assert f"{paced.given} frames given out in time, {paced.dropped} left out" in said
    assert f"({paced.given / 2:.1f} of 30 a second)" in said


def test_the_best_that_keeps_up_is_chosen(monkeypatch):
    asked = []

    def choice(see, move, render):
        monkeypatch.setattr(pace, "_tried", lambda live, stride: (see, move, render))
        return chosen(lambda **options: asked.append(options))

    stride, steps = CHOICES[0]
    assert choice(0.001, 0.01, 0.01)[:2] == CHOICES[0]
    assert asked[0]["stride"] == stride and asked[0]["steps"] == steps
    assert choice(0.5, 0.5, 0.5)[:2] == CHOICES[-1]  # nothing keeps up
    for move in np.linspace(0.01, 0.6, 60):  # a slower machine takes the next, never a better one
        for render in (0.02, 0.1):
            found = choice(0.005, move, render)
            assert found.move == pytest.approx(move * found.steps / steps)
            keeps_up = [
                30 * (0.005 + move * n / steps / s) <= BUSY
                and (s - 1) / 30 + 0.005 + render + move * n / steps <= DELAY
                for s, n in CHOICES
            ]
            first = keeps_up.index(True) if any(keeps_up) else -1
            assert found[:2] == CHOICES[first]
    slow = Pace(6, 8, 0.01, 0.06, 0.1)
    assert "60 % of a core, a frame 100 ms: about 10 of 30 a second" in slow.told()


def test_a_listener_is_tried_out(system, portrait):
    made = []

    def start(**options):
        made.append(Live(system, portrait, "positive", sample_rate=44_100, fps=15, **options))
        return made[0]

    found = chosen(start)
    assert found[:2] in CHOICES and min(found.see, found.move, found.render) > 0
    live = made[0]
    assert live.next_number > 40 and min(live.work.values()) > 0


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
