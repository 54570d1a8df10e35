r"""The server's end of a WebSocket (RFC 6455), as far as one page needs it."""

import base64
import hashlib
import struct
import threading

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of the RFC
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
DONE, WRONG, TOO_BIG, FULL = 1000, 1002, 1009, 1013  # why a socket is closed


def accept_key(key):
    r"""Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()


class WebSocket:
    r"""Messages in and out.

    Args:
        reader: the connection's file to read from.
        writer: the connection's file to write to.
        limit: bytes of the longest message that is taken.
    """

    def __init__(self, reader, writer, limit):
        self.reader, self.writer, self.limit = reader, writer, limit
        self.open, self._lock = True, threading.Lock()

    def receive(self):
        r"""The next message.

        Returns:
            str or bytes, or None when the other end has closed or has broken the protocol or the
            limit.
        """
        whole, kind = b"", None
        while True:
            frame = self._frame(self.limit - len(whole))
            if frame is None:
                return None
            last, code, payload = frame
            if code == CLOSE:
                self.close()
                return None
            if code == PING:
                self._send(PONG, payload)
            if code >= CLOSE:
                continue
            if (code == 0) == (kind is None):
                self.close(WRONG)  # a part without a beginning, or a beginning in a part
                return None
            kind, whole = code or kind, whole + payload
            if last:
                return whole.decode("utf-8", "replace") if kind == TEXT else whole

    def send(self, message):
        r"""Send str or bytes; False once the other end is gone."""
        if isinstance(message, str):
            return self._send(TEXT, message.encode())
        return self._send(BINARY, message)

    def close(self, code=DONE):
        r"""Say good-bye, once."""
        if self.open:
            self._send(CLOSE, struct.pack(">H", code))
            self.open = False

    def _frame(self, limit):
        """(is the last, opcode, payload) of one frame, or None."""
        try:
            head = self.reader.read(2)
            if len(head) < 2:
                return None
            length = head[1] & 127
            if length >= 126:
                size = 2 if length == 126 else 8
                length = int.from_bytes(self.reader.read(size), "big")
            if head[0] & 0x70 or not head[1] & 128:
                self.close(WRONG)  # no extension was agreed on; a page's frames are masked
                return None
            if length > limit:
                self.close(TOO_BIG)
                return None
            mask, payload = self.reader.read(4), self.reader.read(length)
        except OSError:
            return None
        if len(mask) < 4 or len(payload) < length:
            return None
        return head[0] & 128, head[0] & 15, _unmasked(payload, mask)

    def _send(self, code, payload):
        length = len(payload)
        if length < 126:
            head = struct.pack(">BB", 128 | code, length)
        elif length < 2**16:
            head = struct.pack(">BBH", 128 | code, 126, length)
        else:
            head = struct.pack(">BBQ", 128 | code, 127, length)
        with self._lock:
            try:
                self.writer.write(head + payload)
                self.writer.flush()
            except (OSError, ValueError):
                self.open = False
        return self.open


def _unmasked(payload, mask):
    """payload XOR mask, mask, mask, ..."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    both = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return both.to_bytes(length, "big")
