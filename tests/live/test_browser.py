r"""The page in a real browser, with a camera and a microphone that play a clip of ours.

Debian's chromium and chromium-driver; without them the test is skipped. Oracle: what the page's
own canvas shows.
"""

import base64
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from mfr.live import pace
from mfr.live.server import Server

DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # of the WebDriver standard
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --mute-audio "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--use-fake-ui-for-media-stream --use-fake-device-for-media-stream "
    "--autoplay-policy=no-user-gesture-required --disable-dev-shm-usage"
)
needs_browser = pytest.mark.skipif(
    not (DRIVER and CHROMIUM), reason="no chromium: apt install chromium chromium-driver"
)


class Browser:
    r"""Chromium through its driver's plain HTTP."""

    def __init__(self, folder, *flags, size=(1280, 900)):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.driver = subprocess.Popen([DRIVER, f"--port={port}"], **quiet)
        self.base = f"http://127.0.0.1:{port}"
        words = [*FLAGS.split(), *flags, f"--user-data-dir={folder}"]
        words.append(f"--window-size={size[0]},{size[1]}")
        options = {"goog:chromeOptions": {"binary": CHROMIUM, "args": words}}
        for _ in range(100):
            try:
                self.ask("/status", None)
                break
            except OSError:
                time.sleep(0.2)
        found = self.ask("/session", {"capabilities": {"alwaysMatch": options}})
        self.base += f"/session/{found['sessionId']}"

    def ask(self, path, words):
        data = None if words is None else json.dumps(words).encode()
        request = urllib.request.Request(self.base + path, data)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def open(self, address):
        self.ask("/url", {"url": address})

    def run(self, script, *arguments):
        return self.ask("/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, seconds=90):
        r"""Until a script returns something true; that."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := self.run(script):
                return found
            time.sleep(0.25)
        raise AssertionError(f"after {seconds} s not true: {script}; said: {self.said()}")

    def said(self):
        return self.run("return document.getElementById('said').innerText")

    def press(self, key):
        self.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0]}))", key)

    def listener(self):
        r"""uint8 (256, 256, 3) of the listener's canvas."""
        script = """const c = document.getElementById('listener');
            return Array.from(c.getContext('2d').getImageData(0, 0, 256, 256).data)"""
        return np.array(self.run(script), np.uint8).reshape(256, 256, 4)[..., :3]

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.ask("/screenshot", None)))

    def close(self):
        try:
            request = urllib.request.Request(self.base, method="DELETE")
            urllib.request.urlopen(request, timeout=60).close()
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=30)


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.close()


@needs_browser
def test_a_conversation_in_the_browser(system, portrait, tmp_path, browser, monkeypatch):
    monkeypatch.setattr(pace, "LIMIT", 60.0)  # on a machine that does other things too
    faces = []
    for i in range(2):
        faces.append((f"face {i}", tmp_path / f"{i}.png"))
        Image.fromarray(np.roll(portrait.pixels, 9 * i, 0)).save(faces[-1][1])
    server = Server(system, faces, 0, steps=1)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.open(server.address)
        browser.wait("return document.querySelectorAll('#people img').length == 2")
        browser.run("document.getElementById('start').click()")
        browser.wait("return page.running && page.shown.length")
        first, until = browser.listener(), time.monotonic() + 90
        while np.array_equal(browser.listener(), first):  # it moves
            assert time.monotonic() < until, browser.said()
        assert "frames/s" in browser.wait(
            "const t = document.getElementById('pace').innerText; return t.includes('ms') && t"
        )

        browser.press("3")  # attitude by the keyboard
        pressed = "return document.querySelector('[aria-pressed=true][data-attitude]')"
        assert browser.run(pressed + ".dataset.attitude") == "negative"

        browser.press("r")
        browser.wait("return page.recorder && page.recorder.state == 'recording'")
        time.sleep(2)
        browser.press("r")
        browser.wait("return !document.getElementById('download').hidden")
        browser.run("""window.played = document.createElement('video');
            played.src = document.getElementById('download').href;
            played.muted = true; played.play()""")
        assert browser.wait("return played.videoWidth") == 512
        assert browser.wait("return played.currentTime > 0.2")  # it plays back

        browser.open("about:blank")  # the tab is left: its place is free
        for _ in range(200):
            if server.one.acquire(blocking=False):
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the tab that was closed still holds its place")
    finally:
        server.shutdown()
        server.server_close()
