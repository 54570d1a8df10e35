r"""A listener in real time: what comes goes in, frames come out when they are due, or not at all.

Frame i is due DELAY after the speaker's frame i ended. One thread sees, hears and moves, the other
renders; where that takes too long, frames are left out and the delay stays.
"""

import threading
import time
from collections import deque

import numpy as np

from mfr.config import FPS

DELAY = 0.34  # from the end of a speaker's frame until the listener's is due [s]
LIMIT = 0.40  # after which it is not given out any more [s]
BACKLOG = 512  # chunks that may wait to be seen and heard
REMEMBERED = 9000  # frames whose latency is remembered: five minutes
FORGET = 0.002  # the sender's clock is trusted to drift by at most this share


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
        self.work = {"see, hear and move": 0.0, "render": 0.0}  # processor time [s]
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

    def close(self):
        r"""Stop at once."""
        with self._condition:
            self._ended = self._done = True
            self._chunks.clear()
            self._condition.notify_all()
        self._worker.join(timeout=10)

    def __iter__(self):
        r"""LiveFrames, each when it is due, until end() and the last one.

        Raises what the thread that sees and hears met.
        """
        while self._wait_for_work():
            begun = time.thread_time()
            before = self.clock()
            # a frame that would be finished too late is not begun
            self.dropped += self.live.skip(self._first_in_time(before))
            frame = self.live.take()
            if frame is None:
                self._cost *= 0.9  # all were left out: perhaps it has become quicker
                continue
            self._cost += 0.2 * (self.clock() - before - self._cost)
            self.work["render"] += time.thread_time() - begun
            ended = self._started + (frame.number + 1) / FPS
            time.sleep(max(0.0, ended + DELAY - self.clock()))
            latency = self.clock() - ended
            if latency > LIMIT:
                self.dropped += 1
                continue
            self.given += 1
            self.latencies.append(latency)
            yield frame
        if self.trouble is not None:
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
            while not self.live.waiting:
                if self._done:
                    return False
                self._condition.wait()
        return True

    def _first_in_time(self, now):
        """The first frame that can still be finished in time."""
        spare = now + self._cost - self._started - LIMIT
        return int(np.ceil(spare * FPS)) - 1

    def _see_and_hear(self):
        try:
            while (chunks := self._next_chunks()) is not None:
                begun = time.thread_time()
                for chunk in chunks:
                    if self._done:
                        return
                    self.live.push(*chunk)
                self.work["see, hear and move"] += time.thread_time() - begun
                with self._condition:
                    self._condition.notify_all()
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
