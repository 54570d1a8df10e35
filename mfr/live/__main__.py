r"""A page in the browser: camera and microphone in, the listener out.

    python -m mfr.live
    python -m mfr.live --listener friend.jpg --no-browser

Everything stays on this machine: the page is answered on the loopback address alone.
"""

import argparse
import signal
import warnings
import webbrowser
from functools import partial
from pathlib import Path

import torch

from mfr import pipeline
from mfr.config import ATTITUDES
from mfr.files.whole import command, existing
from mfr.live.pace import chosen
from mfr.live.server import Server

DEMO = pipeline.WEIGHTS / "demo"


def main(arguments=None):
    r"""Parse the command line and serve until interrupted.

    Args:
        arguments: list of words, or None for the command line's own.

    Raises:
        ValueError: an option or a file is not what it should be.
    """
    options = parser().parse_args(arguments)
    warnings.formatwarning = lambda message, *_: f"warning   {message}\n"
    if not 0 <= options.port < 65536:
        raise ValueError(f"--port is {options.port}; allowed: 0 .. 65535")
    own = [(Path(path).stem, existing(path, "picture")) for path in options.listener or []]
    torch.set_num_threads(1)  # one thread sees and hears, the other renders
    system = pipeline.load(options.weights, options.device)
    listeners = own + people()
    pace = chosen(partial(system.live, system.look(str(listeners[0][1])), ATTITUDES[0]))
    print(pace.told(), flush=True)
    drawn = {"stride": pace.stride, "steps": pace.steps}
    try:
        server = Server(system, listeners, options.port, **drawn)
    except OSError as error:
        raise ValueError(
            f"--port {options.port}: cannot be had ({error.strerror}); is the page open already? "
            "allowed: another port, or 0 for a free one"
        ) from error
    print(f"mfr-net   live at {server.address}", flush=True)
    print("          on this machine alone; end it with Ctrl+C", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if not options.no_browser:
        webbrowser.open(server.address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.end()
        print("\nended", flush=True)


def people():
    r"""The bundled listeners.

    Returns:
        List of (name, path).
    """
    portraits = sorted((DEMO / "people").glob("*.jpg")) or [DEMO / "portrait.png"]
    return [(path.stem, path) for path in portraits]


def parser():
    r"""The command line.

    Returns:
        An ArgumentParser.
    """
    p = argparse.ArgumentParser(
        prog="python -m mfr.live",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    p.add_argument("--listener", metavar="PICTURE", nargs="+", help="more portraits to choose from")
    p.add_argument("--port", type=int, default=8730, help="0 takes a free one (8730)")
    p.add_argument("--no-browser", action="store_true", help="only print the address")
    p.add_argument("--weights", metavar="DIR", help="what train_mfr.py left (mfr/weights)")
    p.add_argument("--device", default="auto", help="auto, cpu, cuda (auto)")
    return p


if __name__ == "__main__":
    command(main)
