r"""The page's server, spoken to by hand on a real socket.

Oracles: RFC 6455's own example; the requests that a foreign page, a second tab and a careless
client would send.
"""

import base64
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfr.live import pace
from mfr.live.__main__ import main
from mfr.live.server import (
    LARGEST,
    PICTURE,
    PORTRAIT,
    SOUND,
    UNSHOWN,
    Server,
    decoded,
    jpeg,
)
from mfr.live.websocket import WebSocket, accept_key

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(system, tmp_path_factory):
    person = tmp_path_factory.mktemp("people") / "ada.jpg"
    pixels = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(person)
    server = Server(system, [("ada", person)], 0, steps=1)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(server, path, method="GET", headers=(), body=b"", host=None):
    r"""(status, headers and body) of one request."""
    host = host or f"127.0.0.1:{server.server_port}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b""
        while part := line.recv(65536):
            answer += part
    return int(answer.split()[1]), answer


class Client:
    r"""A browser's end of the socket."""

    def __init__(self, server, origin=None):
        self.line = socket.create_connection(("127.0.0.1", server.server_port), timeout=60)
        self.file = self.line.makefile("rb")
        here = f"127.0.0.1:{server.server_port}"
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET /{server.token}/socket HTTP/1.1",
            f"Host: {here}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Origin: {origin or 'http://' + here}",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self.line.sendall("\r\n".join([*lines, "", ""]).encode())
        self.status = int(self.file.readline().split()[1])
        headers = b""
        while (line := self.file.readline()) not in (b"\r\n", b""):
            headers += line
        assert self.status != 101 or accept_key(key).encode() in headers

    def send(self, message, code=None, last=True, length=None):
        code = code if code is not None else 1 if isinstance(message, str) else 2
        data = message.encode() if isinstance(message, str) else message
        size = len(data) if length is None else length
        mask = os.urandom(4)
        head = struct.pack(">BBQ", 128 * last | code, 128 | 127, size)
        self.line.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        r"""(opcode, payload)."""
        head = self.file.read(2)
        if len(head) < 2:
            return None, b""
        length = head[1]
        if length >= 126:
            length = int.from_bytes(self.file.read(2 if length == 126 else 8), "big")
        return head[0] & 15, self.file.read(length)

    def words(self, name):
        r"""The next text message that holds a name, other messages left out."""
        for _ in range(500):
            code, content = self.receive()
            assert code in (1, 2), f"closed before {name}: {content}"
            if code == 1 and name in (found := json.loads(content)):
                return found[name]
        raise AssertionError(f"no {name}")

    def close(self):
        self.line.close()
        self.file.close()


@pytest.fixture
def client(server):
    client = Client(server)
    yield client
    client.close()
    for _ in range(100):  # until the server has noticed
        if server.one.acquire(blocking=False):
            server.one.release()
            break
        time.sleep(0.1)


def picture(at, value=100):
    pixels = np.full((48, 64, 3), value, np.uint8)
    return bytes([PICTURE]) + struct.pack("<d", at) + jpeg(pixels)


def test_key_is_accepted_as_the_rfc_says():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_page_and_people_are_answered(server):
    status, answer = ask(server, f"/{server.token}/")
    assert status == 200 and b"Nothing leaves this machine" in answer
    assert b"default-src 'self'" in answer and b"nosniff" in answer
    for name in ("page.js", "page.css", "microphone.js", "people.json", "people/0.jpg"):
        assert ask(server, f"/{server.token}/{name}")[0] == 200
    assert ask(server, f"/{server.token}/people.json")[1].endswith(b'["ada"]')


@pytest.mark.parametrize(
    "name", ["nothing.html", "../server.py", "..%2fserver.py", "people/1.jpg", "people/-1.jpg"]
)
def test_what_is_not_there_is_not_found(server, name):
    assert ask(server, f"/{server.token}/{name}")[0] == 404


def test_only_the_loopback_address_listens(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address.startswith("http://127.0.0.1:")


def test_without_the_token_nothing_is_answered(server):
    for path in ("/", "/page.js", "/socket", "people.json", f"/{'0' * 32}/", f"/{server.token}"):
        assert ask(server, path)[0] == 404
    assert len(server.token) == 32


def test_other_origins_and_hosts_are_refused(server):
    page = f"/{server.token}/"
    for origin in ("http://evil.example", "https://127.0.0.1", "null"):
        assert ask(server, page, headers=[f"Origin: {origin}"])[0] == 403
        assert Client(server, origin).status == 403
    assert ask(server, page, host="evil.example")[0] == 403  # a name that was pointed at us
    assert ask(server, page, headers=[f"Origin: http://localhost:{server.server_port}"])[0] == 200


def test_a_body_of_a_gigabyte_is_refused_unread(server):
    begun, page = time.monotonic(), f"/{server.token}/"
    assert ask(server, page, "POST", ["Content-Length: 1073741824"], b"x" * 1000)[0] == 413
    assert ask(server, page, "POST", ["Content-Length: 3"], b"abc")[0] == 405
    assert ask(server, page, "GET", ["Content-Length: 1073741824"], b"x" * 1000)[0] == 413
    assert ask(server, page, "PUT", ["Transfer-Encoding: chunked"])[0] == 405
    assert time.monotonic() - begun < 30


def test_a_message_of_a_gigabyte_closes_the_socket(client):
    client.send(b"x" * 1000, length=2**30)
    code, content = client.receive()
    assert code == 8 and content == struct.pack(">H", 1009)


@pytest.mark.parametrize("first", [b"\x82\x05hello", b"\xf2\x80mask", b"\x80\x80mask"])
def test_broken_protocol_closes_the_socket(client, first):
    client.line.sendall(first)  # unmasked; an extension; a part without a beginning
    assert client.receive() == (8, struct.pack(">H", 1002))


def test_parts_and_pings():
    def frame(code, data, last):
        return bytes([128 * last | code, 128 | len(data)]) + b"\0\0\0\0" + data

    sent = io.BytesIO()
    parts = frame(1, b"hel", 0) + frame(9, b"ping", 1) + frame(0, b"lo", 1) + frame(8, b"", 1)
    web = WebSocket(io.BytesIO(parts), sent, 100)
    assert web.receive() == "hello" and web.receive() is None and not web.open
    assert sent.getvalue() == b"\x8a\x04ping" + b"\x88\x02\x03\xe8"
    small = WebSocket(io.BytesIO(frame(1, b"hel", 0) + frame(0, b"lo", 1)), io.BytesIO(), 4)
    assert small.receive() is None  # the limit counts all parts


def test_second_tab_is_told_and_gets_its_turn(server, client):
    client.send(json.dumps({"attitude": "neutral"}))
    second = Client(server)
    assert "Another tab" in second.words("busy") and second.receive()[0] == 8
    second.close()
    client.close()
    for _ in range(100):
        third = Client(server)
        third.send(json.dumps({"start": {"rate": 1}}))
        if b"busy" not in third.receive()[1]:
            break
        third.close()
        time.sleep(0.1)
    else:
        raise AssertionError("the first tab's end was not noticed")
    third.close()


def test_bad_orders_are_answered_and_the_conversation_goes_on(client):
    for order, message in (
        ({"start": {"rate": 16_000}}, "no portrait"),
        ({"start": {"rate": 3, "person": 0}}, "sample_rate 3 is not allowed"),
        ({"start": {"rate": 16_000, "person": 0, "attitude": "odd"}}, "attitude 'odd'"),
    ):
        client.send(json.dumps(order))
        assert message in client.words("error")
    client.send("no json")
    assert client.words("error")
    client.send(bytes([PORTRAIT]) + b"no picture")
    assert "not a picture" in client.words("error")
    client.send(json.dumps({"start": {"rate": 16_000, "person": 0}}))
    assert client.words("started")
    client.send(picture(-1.0))
    assert "time -1.0 is not allowed" in client.words("error")
    client.send(bytes([PICTURE]) + struct.pack("<d", 0.0) + b"no picture")
    assert "not a picture" in client.words("error")


def test_a_large_photo_is_refused_before_it_is_decoded():
    small = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(small, "PNG")
    assert len(small.getvalue()) < LARGEST
    with pytest.raises(ValueError, match="9000x9000; allowed: 50 million"):
        decoded(small.getvalue())


def test_conversation_with_ones_own_photo(client, monkeypatch):
    monkeypatch.setattr(pace, "LIMIT", 60.0)  # on a machine that does other things too
    client.send(bytes([PORTRAIT]) + jpeg(np.full((300, 280, 3), 90, np.uint8)))
    assert client.words("looked") is True
    client.send(json.dumps({"start": {"rate": 16_000, "attitude": "neutral"}}))
    assert client.words("started")
    client.send(json.dumps({"head": 0.5, "expression": 9, "attitude": "negative"}))
    begun, answered = time.monotonic(), []

    def speak():
        for i in range(90):
            time.sleep(max(0, begun + (i + 1) / 30 - time.monotonic()))
            silence = np.zeros((i + 1) * 16_000 // 30 - i * 16_000 // 30, "<i2").tobytes()
            client.send(picture(i / 30, i))
            client.send(bytes([SOUND]) + struct.pack("<d", i * 16_000 // 30 / 16_000) + silence)

    speaker = threading.Thread(target=speak)
    speaker.start()
    while len(answered) < 3 and time.monotonic() < begun + 50:
        code, content = client.receive()
        if code == 2:
            answered.append(struct.unpack_from("<d", content)[0])
            with Image.open(io.BytesIO(content[8:])) as image:
                assert image.size == (256, 256)
    speaker.join()
    assert len(answered) == 3 and answered == sorted(answered)
    client.send(json.dumps({"stop": True}))


def test_a_port_that_is_taken_is_named(server, weights):
    words = ["--no-browser", "--port", str(server.server_port), "--weights", str(weights)]
    with pytest.raises(ValueError, match=f"--port {server.server_port}: cannot be had .*allowed"):
        main(words)


def test_a_page_that_is_slow_gets_fewer_frames_and_not_later_ones(client, monkeypatch):
    monkeypatch.setattr(pace, "LIMIT", 60.0)  # on a machine that does other things too
    client.send(json.dumps({"start": {"rate": 16_000, "person": 0}}))
    assert client.words("started")
    for i in range(60):
        client.send(picture(i / 30, i))
        sound = np.zeros(534, "<i2").tobytes()
        client.send(bytes([SOUND]) + struct.pack("<d", i / 30) + sound)

    def frame(seconds):
        client.line.settimeout(seconds)
        while True:
            code, content = client.receive()
            if code == 2:
                return struct.unpack_from("<d", content)[0]

    shown = [frame(60) for _ in range(UNSHOWN)]
    assert shown == sorted(shown)
    with pytest.raises(TimeoutError):
        frame(1.0)
    client.file = client.line.makefile("rb")  # one that timed out reads no more
    client.send(json.dumps({"shown": shown[0]}))
    assert frame(60) > shown[-1]


def test_an_interrupt_ends_the_command(weights):
    words = ["-m", "mfr.live", "--no-browser", "--port", "0", "--weights", str(weights)]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen([sys.executable, *words], **quiet) as command:
        assert command.stdout.readline().startswith("pace ")
        address = command.stdout.readline().split()[-1]
        token, port = address.split("/")[3], int(address.split(":")[2].split("/")[0])
        client = Client(types.SimpleNamespace(token=token, server_port=port))
        client.send(json.dumps({"start": {"rate": 16_000, "person": 0}}))
        assert client.words("started")  # in the middle of a conversation
        client.send(picture(0.0))
        command.send_signal(signal.SIGINT)
        said, trouble = command.communicate(timeout=60)
    assert command.returncode == 0 and said.endswith("ended\n") and "Traceback" not in trouble
    client.close()
