r"""How far a long piece of work has come, how fast it goes, and how long it will still take."""

import time

EVERY = 10.0  # between two lines [s]


def clock(seconds):
    r"""Seconds as h:mm:ss."""
    left = int(seconds)
    return f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"


class Progress:
    r"""Prints a line now and then; call it with what is done.

    Args:
        what: the word that the lines begin with.
        every: seconds between two lines, and before the first one.
        now: a function that tells the time [s].
        say: a function that prints a line.
    """

    def __init__(self, what, every=EVERY, now=time.monotonic, say=print):
        self.what, self.every, self.now, self.say = what, every, now, say
        self.unit = self.begun = self.told = None

    def __call__(self, done, total, unit="frames"):
        r"""So much is done of so much; another unit is another piece of work."""
        now = self.now()
        if unit != self.unit:
            self.unit, self.begun, self.told = unit, (now, done), now
        since, before = self.begun
        if now - self.told < self.every or done >= total or done <= before:
            return
        self.told, pace = now, (done - before) / (now - since)
        left = clock((total - done) / pace)
        self.say(f"{self.what:<9} {done}/{total} {unit}   {pace:.1f} {unit}/s   {left} left")

    def over(self, items, total, unit="frames"):
        r"""The items of an iterable, counted as they are taken.

        Returns:
            Iterator of the same items.
        """
        for done, item in enumerate(items):
            self(done, total, unit)
            yield item
