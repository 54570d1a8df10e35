r"""The page and its socket: camera and microphone in, the listener out, on this machine alone.

Bound to the loopback address; the address that is printed holds a token without which nothing is
answered, and other sites' requests are refused whatever they know. One tab is answered at a time.
"""

import io
import json
import os
import struct
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mfr.config import ATTITUDES, FPS
from mfr.live.framing import middle_square
from mfr.live.pace import Paced
from mfr.live.session import Live
from mfr.live.websocket import FULL, WebSocket, accept_key

PAGE = Path(__file__).parent / "page"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".jpg": "image/jpeg"}
LARGEST = 20 * 2**20  # of a message: a photo as it comes from a camera [bytes]
MOST_PIXELS = 50_000_000  # of a photo
SHOWN = 88  # quality of the listener's pictures [JPEG]
PICTURE, SOUND, PORTRAIT = 1, 2, 3  # first byte of a message
UNSHOWN = 5  # frames that may be on their way to the page: 170 ms
TELL_EVERY = 1.0  # how often the page is told how it goes [s]


class Server(ThreadingHTTPServer):
    r"""A server for one person's browser.

    Args:
        system: pipeline.System.
        people: list of (name, path of a picture) to choose from.
        port: 0 takes a free one.
        options: of session.Live, the same for everybody.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, system, people, port=0, **options):
        super().__init__(("127.0.0.1", port), Handler)
        self.system, self.people, self.options = system, people, options
        self.token = os.urandom(16).hex()
        self.one = threading.Lock()  # held by the tab that is answered
        self.conversation = None  # that tab's

    @property
    def address(self):
        r"""What to open in a browser."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def end(self):
        r"""Stop answering, also in the middle of a conversation."""
        if self.conversation is not None:
            self.conversation.end()
        self.server_close()

    def handle_error(self, request, client_address):
        r"""A browser that goes away in the middle of an answer is nothing to report."""


class Handler(BaseHTTPRequestHandler):
    r"""One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # of a silent connection [s]

    def do_GET(self):
        r"""The page's files, the people's pictures and the socket."""
        if not self._welcome():
            return
        name = self.path.split("?")[0].removeprefix(f"/{self.server.token}/")
        if name == "socket":
            self._socket()
        elif name == "people.json":
            names = [name for name, _ in self.server.people]
            self._answer(json.dumps(names).encode(), "application/json")
        elif name.startswith("people/") and name.endswith(".jpg"):
            self._person(name[len("people/") : -len(".jpg")])
        else:
            self._file(name or "index.html")

    def refuse(self):
        r"""Nothing is sent to this server but through its socket."""
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > LARGEST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = refuse

    def log_message(self, *_):
        r"""Requests are not worth a line."""

    def _welcome(self):
        """Whether the request comes from our own page; else it is answered here."""
        port = self.server.server_port
        here = {f"127.0.0.1:{port}", f"localhost:{port}"}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in here or (
            origin is not None and origin.removeprefix("http://") not in here
        ):
            self._turn_away(HTTPStatus.FORBIDDEN)
        elif not self.path.startswith(f"/{self.server.token}/"):
            self._turn_away(HTTPStatus.NOT_FOUND)
        elif self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.refuse()
        else:
            return True
        return False

    def _turn_away(self, status):
        self.close_connection = True
        self.send_error(status)

    def _answer(self, content, kind):
        port = self.server.server_port
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
            f"connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        )
        self.end_headers()
        self.wfile.write(content)

    def _file(self, name):
        files = {path.name: path for path in PAGE.iterdir() if path.suffix in KINDS}
        if name not in files:
            self._turn_away(HTTPStatus.NOT_FOUND)
            return
        self._answer(files[name].read_bytes(), KINDS[files[name].suffix])

    def _person(self, number):
        if not number.isdigit() or int(number) >= len(self.server.people):
            self._turn_away(HTTPStatus.NOT_FOUND)
            return
        with Image.open(self.server.people[int(number)][1]) as image:
            square = ImageOps.fit(image.convert("RGB"), (256, 256), Image.Resampling.LANCZOS)
        self._answer(jpeg(np.asarray(square)), "image/jpeg")

    def _socket(self):
        key = self.headers.get("Sec-WebSocket-Key")
        upgrade = self.headers.get("Upgrade", "").lower() == "websocket"
        if not key or not upgrade or self.headers.get("Origin") is None:
            self._turn_away(HTTPStatus.BAD_REQUEST)
            return
        self.send_response(HTTPStatus.SWITCHING_PROTOCOLS)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept_key(key))
        self.end_headers()
        self.close_connection = True
        self.connection.settimeout(None)  # a page may be silent for as long as it likes
        socket = WebSocket(self.rfile, self.wfile, LARGEST)
        if not self.server.one.acquire(blocking=False):
            socket.send(json.dumps({"busy": "Another tab is in conversation; close it first."}))
            socket.close(FULL)
            return
        try:
            self.server.conversation = Conversation(self.server, socket)
            self.server.conversation.run()
        finally:
            self.server.conversation = None
            self.server.one.release()


class Conversation:
    r"""What one tab says and hears.

    Args:
        server: Server.
        socket: WebSocket.
    """

    def __init__(self, server, socket):
        self.server, self.socket = server, socket
        self.paced = self.thread = self.portrait = self.room = None

    def run(self):
        r"""Answer until the tab is closed."""
        try:
            while (message := self.socket.receive()) is not None:
                try:
                    self._hear(message)
                except (ValueError, KeyError, TypeError, OSError, struct.error) as error:
                    self._tell(error=" ".join(str(error).split()))
        finally:
            self._stop()
            self.socket.close()

    def end(self):
        r"""Say good-bye and stop, from another thread."""
        self.socket.close()
        self._stop()

    def _tell(self, **words):
        return self.socket.send(json.dumps(words))

    def _hear(self, message):
        if isinstance(message, str):
            self._obey(json.loads(message))
            return
        kind, content = message[0] if message else 0, message[1:]
        if kind == PORTRAIT:
            self._look(content)
        elif kind in (PICTURE, SOUND) and self.paced is not None:
            (at,) = struct.unpack_from("<d", content)
            self._pass_on(kind, at, content[8:])

    def _pass_on(self, kind, at, content):
        """A picture or a stretch of sound to the listener; at [s], on the page's clock."""
        if not 0 <= at < 1e6:
            raise ValueError(f"time {at} is not allowed; it is 0 .. 1e6 s")
        if kind == PICTURE:
            self.paced.put(at, [decoded(content)], None, [at])
            return
        samples = np.frombuffer(content[: len(content) // 2 * 2], "<i2")
        if len(samples):
            self.paced.put(at + len(samples) / self.rate, (), samples, None, at)

    def _obey(self, order):
        """One order of the page: start, stop, or a setting."""
        if "start" in order:
            self._start(order["start"])
        if "stop" in order:
            self._stop()
        if self.paced is None:
            return
        if "shown" in order:
            self._make_room()
        live = self.paced.live
        if "attitude" in order:
            live.attitude = order["attitude"]
        for name in ("head", "expression"):
            if name in order:
                setattr(live, name, min(2.0, max(0.0, float(order[name]))))

    def _start(self, order):
        self._stop()
        self.rate = int(order["rate"])
        person = order.get("person")
        if person is not None:
            picture = self.server.people[int(person)][1]
            self.portrait = self.server.system.look(str(picture))
        if self.portrait is None:
            raise ValueError("no portrait; choose a listener first")
        attitude = order.get("attitude", ATTITUDES[0])
        live = Live(
            self.server.system,
            self.portrait,
            attitude,
            fps=float(order.get("fps", FPS)),
            sample_rate=self.rate,
            say=lambda sentence: self._tell(said=sentence),
            **self.server.options,
        )
        self.paced = Paced(live)
        self.room = threading.BoundedSemaphore(UNSHOWN - 1)
        show = (self.paced, self.room)
        self.thread = threading.Thread(target=self._show, args=show, daemon=True)
        self.thread.start()
        self._tell(started=True)

    def _look(self, content):
        """One's own photo as the listener."""
        self._stop()
        picture, system = decoded(content), self.server.system
        if system.finder is None:
            picture = middle_square(picture)
        self.portrait = system.look(picture)
        self._tell(looked=True, unfamiliar=round(self.portrait.unfamiliar, 2))

    def _show(self, paced, room):
        """The listener's frames to the page, when they are due and it has shown those before."""
        told, before = time.monotonic(), 0
        try:
            for frame in paced:
                head = struct.pack("<d", frame.number / FPS)
                if not self.socket.send(head + jpeg(frame.pixels)):
                    break
                room.acquire()  # a page that is slow gets fewer frames, not later ones
                now = time.monotonic()
                if now - told > TELL_EVERY:
                    known = paced.summary()
                    rate = (known["given"] - before) / (now - told)
                    self._tell(pace={"fps": round(rate, 1), **known})
                    told, before = now, known["given"]
        except Exception as error:  # tell the page, whose reader goes on
            self._tell(error=" ".join(str(error).split()))

    def _stop(self):
        paced, thread, self.paced = self.paced, self.thread, None
        if paced is not None:
            paced.stop()
            self._make_room()
            paced.close()
            thread.join(timeout=10)

    def _make_room(self):
        with suppress(ValueError):  # more is said to be shown than was sent
            self.room.release()


def jpeg(pixels):
    r"""uint8 (H, W, 3) -> the bytes of a .jpg."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=SHOWN)
    return file.getvalue()


def decoded(content):
    r"""The bytes of a picture -> uint8 (H, W, 3).

    Raises:
        ValueError: they are none, or of too large a picture.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"the picture is {width}x{height}; allowed: 50 million pixels")
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("this is not a picture that can be read") from error
