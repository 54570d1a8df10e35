r"""A listener in real time: what comes goes in, frames come out when they are due, or not at all.

Frame i is due DELAY after the speaker's frame i ended. One thread sees, hears and moves, the other
renders; where that takes too long, frames are left out and the delay stays. How well a window is
drawn, and how many frames it waits for, is chosen beforehand, by what this machine can do.
"""

import threading
import time
from collections import deque
from typing import NamedTuple

import numpy as np

from mfr.config import FPS

DELAY = 0.34  # from the end of a speaker's frame until the listener's is due [s]
LIMIT = 0.40  # after which it is not given out any more [s]
BACKLOG = 512  # chunks that may wait to be seen and heard
REMEMBERED = 9000  # frames whose latency is remembered: five minutes
CHOICES = ((6, 8), (6, 5), (6, 3), (8, 2))  # (stride, steps), the best first: bench_live.py
BUSY = 0.8  # share of a core that a thread may need, so that it keeps up [1]
FORGET = 0.002  # the sender's clock is trusted to drift by at most this share


class Pace(NamedTuple):
    r"""What a machine needs for a stride and a number of steps."""

    stride: int  # frames that a window waits for [frames]
    steps: int  # of DDIM a window
    see: float  # and hear, of a frame [s]
    move: float  # a window [s]
    render: float  # a frame [s]

    @property
    def busy(self):
        r"""Share of a core of the thread that sees, hears and moves."""
        return FPS * (self.see + self.move / self.stride)

    @property
    def delay(self):
        r"""From the end of a stride's first frame until it is rendered [s]."""
        return (self.stride - 1) / FPS + self.see + self.move + self.render

    @property
    def rate(self):
        r"""Frames a second that can be rendered."""
        return min(FPS, 1 / self.render)

    def told(self):
        r"""A line for a person."""
        return (
            f"pace      {self.steps} steps a window, every {self.stride} frames; seeing, hearing, "
            f"moving need {100 * self.busy:.0f} % of a core, a frame {1000 * self.render:.0f} ms: "
            f"about {self.rate:.0f} of {FPS} a second"
        )


def chosen(start):
    r"""Try a listener out for a moment, and choose how its windows are drawn.

    The best of CHOICES with which seeing, hearing and moving keep up and the first frame of a
    stride is there when it is due; the last where none is.

    Args:
        start: function (stride, steps, say) -> session.Live.

    Returns:
        Pace.
    """
    stride, steps = CHOICES[0]
    see, move, render = _tried(start(stride=stride, steps=steps, say=lambda sentence: None), stride)
    for one in CHOICES:
        pace = Pace(*one, see, move * one[1] / steps, render)
        if pace.busy <= BUSY and pace.delay <= DELAY:
            break
    return pace


def _tried(live, stride):
    """Seconds of seeing and hearing a frame, of moving a window and of rendering a frame.

    Six strides of a grey picture and silence; before them a window's length of these at one go.
    """
    warm, picture = live.system.motion.config.window, np.full((480, 640, 3), 128, np.uint8)
    starts = [0, *range(warm, warm + 6 * stride, stride)]
    live.hurried, found = True, []
    for start, end in zip(starts, [*starts[1:], starts[-1] + stride]):
        shown = range(start, end) if start else (start, end - 1)
        sound = np.zeros((end - start) * live.sample_rate // FPS + 1, np.float32)
        before, begun = dict(live.work), time.perf_counter()
        live.push([picture for _ in shown], sound, [k / FPS for k in shown], start / FPS)
        live.skip(end - 2)
        count = len(list(live))
        spent = {stage: live.work[stage] - before[stage] for stage in before}
        slowed = (time.perf_counter() - begun) / max(sum(spent.values()), 1e-9)  # by others
        see = (spent["see"] + spent["hear"]) / (end - start)
        found.append(slowed * np.array([see, spent["move"], spent["render"] / max(count, 1)]))
    _, move, render = np.median(found[1:], axis=0)
    return np.mean(found[1:], axis=0)[0], move, render  # a face is looked for now and then


class Paced:
    r"""A Live that is kept in time.

    Args:
        live: session.Live; nobody else may push to it or take from it.
        clock: a function that tells the time [s].
    """

    def __init__(self, live, clock=time.monotonic):
        self.live, self.clock = live, clock
        self.latencies = deque(maxlen=REMEMBERED)  # of the frames given out [s]
        self.given = self.dropped = 0  # frames
        self.stopped = False  # by somebody, before the end
        self.trouble = None  # an exception of the thread that sees and hears
        self._started = None  # the clock's time of the sender's 0, at the earliest
        self._chunks, self._condition = deque(), threading.Condition()
        self._ended = self._done = False
        self._cost = 1 / FPS  # of a frame, about [s]
        live.hurried = True
        self._worker = threading.Thread(target=self._see_and_hear, daemon=True)
        self._worker.start()

    def put(self, until, frames=(), sound=None, frames_at=None, sound_at=None):
        r"""Hand over what came, at once; it is seen and heard in a while.

        Args:
            until: when the chunk ends on the sender's clock [s].
            frames: as in Live.push.
            sound: as in Live.push.
            frames_at: as in Live.push.
            sound_at: as in Live.push.
        """
        with self._condition:
            self._set_clock(self.clock() - until)
            if len(self._chunks) >= BACKLOG:
                self._chunks.popleft()  # its place is taken by silence and the last picture
            self._chunks.append((list(frames), sound, frames_at, sound_at))
            self._condition.notify_all()

    def end(self):
        r"""Nothing more comes; the frames that are due are still given out."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def stop(self):
        r"""No frame any more, at once; may be called by a signal."""
        with self._condition:
            self.stopped = self._ended = True
            self._chunks.clear()
            self._condition.notify_all()

    def close(self):
        r"""Stop, and wait until nothing is under way."""
        self.stop()
        self._worker.join(timeout=10)

    def __iter__(self):
        r"""LiveFrames, each when it is due, until end() and the last one.

        Raises what the thread that sees and hears met.
        """
        while self._wait_for_work():
            before = self.clock()
            # a frame that would be finished too late is not begun
            self.dropped += self.live.skip(self._first_in_time(before))
            frame = self.live.take()
            if frame is None:
                self._cost /= 2  # all were left out: perhaps it has become quicker
                continue
            spent = self.clock() - before
            # a late frame is work for nothing: quick to believe the worse, slow the better
            self._cost = max(spent, 0.8 * self._cost + 0.2 * spent)
            ended = self._started + (frame.number + 1) / FPS
            time.sleep(max(0.0, ended + DELAY - self.clock()))
            latency = self.clock() - ended
            if latency > LIMIT:
                self.dropped += 1
                continue
            self.given += 1
            self.latencies.append(latency)
            yield frame
        if self.trouble is not None and not self.stopped:
            raise self.trouble

    def summary(self):
        r"""What was given out in time.

        Returns:
            dict: given, dropped [frames], median and late (99 %) [s], 0 before the first frame.
        """
        known = np.array(self.latencies) if self.latencies else np.zeros(1)
        return {
            "given": self.given,
            "dropped": self.dropped,
            "median": float(np.median(known)),
            "late": float(np.quantile(known, 0.99)),
        }

    def _set_clock(self, started):
        """The sender's 0 lies where the quickest chunk says; slower ones were on their way."""
        if self._started is None or started < self._started:
            self._started = started
        else:
            self._started += FORGET * min(started - self._started, 1 / FPS)

    def _wait_for_work(self):
        """Until a frame waits to be rendered; False when there will be none."""
        with self._condition:
            while not (self.live.waiting or self._done or self.stopped):
                self._condition.wait()
            return bool(self.live.waiting) and not self.stopped

    def _first_in_time(self, now):
        """The first frame that can still be finished in time."""
        spare = now + self._cost - self._started - LIMIT
        return int(np.ceil(spare * FPS)) - 1

    def _see_and_hear(self):
        try:
            while (chunks := self._next_chunks()) is not None:
                for chunk in chunks:
                    if self.stopped:
                        break
                    self.live.push(*chunk)
                with self._condition:
                    self._condition.notify_all()
            if not self.stopped:
                self.live.end()
        except Exception as error:  # the other thread must not wait for ever
            self.trouble = error
        with self._condition:
            self._done = True
            self._condition.notify_all()

    def _next_chunks(self):
        """All that came meanwhile; None when nothing will."""
        with self._condition:
            while not self._chunks and not self._ended:
                self._condition.wait()
            if not self._chunks:
                return None
            chunks = list(self._chunks)
            self._chunks.clear()
        return thinned(chunks)


def thinned(chunks):
    r"""Chunks that have waited together, with fewer pictures where too many did.

    Looking at a picture takes a while; one that has waited is worth less than one that has not.

    Args:
        chunks: list of (frames, sound, frames_at, sound_at), each with at most one picture to be
            thinned.

    Returns:
        A list of the same sounds; every picture, or of more than three every second one and the
        last.
    """
    shown = [i for i, chunk in enumerate(chunks) if len(chunk[0])]
    if len(shown) <= 3 or any(chunk[2] is None for chunk in chunks if len(chunk[0])):
        return chunks
    kept = set(shown[::-2])
    return [
        chunk if i in kept or not len(chunk[0]) else ((), chunk[1], None, chunk[3])
        for i, chunk in enumerate(chunks)
    ]
