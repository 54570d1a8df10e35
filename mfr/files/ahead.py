r"""Two things at once: one thread makes what another one takes, and is never far ahead of it."""

import queue
import threading

PATIENCE = 0.1  # between two looks whether anybody still takes [s]
LEAVE = 2.0  # what a thread has to end its item in when nobody takes it any more [s]


def ahead(items, count):
    r"""The items of an iterable, made by a thread of their own while the last ones are used.

    Decoding, reconstruction, rendering and encoding so run side by side, and what lies between
    two of them is bounded. An error of the thread comes out where its item would have; who stops
    taking stops the thread.

    Args:
        items: iterable, used by the thread alone.
        count: how many may wait to be taken.

    Returns:
        Iterator of the same items in the same order.
    """
    waiting, stopped = queue.Queue(count), threading.Event()

    def put(entry):
        while not stopped.is_set():
            try:
                return waiting.put(entry, timeout=PATIENCE)
            except queue.Full:
                continue

    def make():
        source = iter(items)
        try:
            for item in source:
                put((item, None, False))
                if stopped.is_set():
                    break
            put((None, None, True))
        except BaseException as error:
            put((None, error, True))
        finally:
            if hasattr(source, "close"):
                source.close()  # here: a generator may not be closed while it runs

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    try:
        while True:
            item, error, over = waiting.get()
            if error is not None:
                raise error
            if over:
                return
            yield item
    finally:
        stopped.set()
        maker.join(LEAVE)
