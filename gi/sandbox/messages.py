"""Messages between processes: length-prefixed JSON on a socket, so that nothing from a candidate is ever unpickled.

What is too large for JSON follows a message as bytes with a length of their own.
"""

import json
import re
import select
import socket
import struct
import time
from typing import Any

from gi.sandbox.wall_limit import SLICE_S, WallLimit

_HEADER = struct.Struct("!I")
_LONG_HEADER = struct.Struct("!Q")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
LARGEST_BYTES = 64 << 20


class PeerGoneError(Exception):
    """The peer closed the connection, or sent bytes that are no message."""


def send(connection: socket.socket, message: Any) -> None:
    """Sends one message. Raises `PeerGoneError`."""
    body = json.dumps(message).encode()
    try:
        connection.sendall(_HEADER.pack(len(body)) + body)
    except OSError as error:
        raise PeerGoneError(str(error)) from error


def receive(connection: socket.socket, deadline: "float | WallLimit | None" = None) -> Any:
    """The next message. Raises `PeerGoneError`, or `TimeoutError` past `deadline` (of `time.monotonic`)."""
    (length,) = _HEADER.unpack(_read(connection, _HEADER.size, deadline))
    if length > LARGEST_BYTES:
        raise PeerGoneError(f"a message of {length} bytes")
    try:
        return _parsed(_read(connection, length, deadline).decode())
    except ValueError as error:  # covers bytes that are no text and text that is no JSON
        raise PeerGoneError(f"no JSON: {error}") from error
    except RecursionError as error:
        raise PeerGoneError("JSON nested too deeply") from error


def send_bytes(connection: socket.socket, content: bytes) -> None:
    """Sends bytes. Raises `PeerGoneError`."""
    try:
        connection.sendall(_LONG_HEADER.pack(len(content)))
        connection.sendall(content)
    except OSError as error:
        raise PeerGoneError(str(error)) from error


def receive_bytes(connection: socket.socket, largest: int, deadline: "float | WallLimit | None" = None) -> bytes:
    """What `send_bytes` sent, at most `largest` of it. Raises `PeerGoneError`, or `TimeoutError` past `deadline`."""
    (length,) = _LONG_HEADER.unpack(_read(connection, _LONG_HEADER.size, deadline))
    if length > largest:
        raise PeerGoneError(f"{length} bytes, of which {largest} are allowed")
    return _read(connection, length, deadline)


def _parsed(text: str) -> Any:
    message = json.loads(text)
    if _SURROGATE.search(text):  # half a pair, as a program may put into an error: no database takes it
        message = json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))
    return message


def _read(connection: socket.socket, length: int, deadline: "float | WallLimit | None") -> bytes:
    parts = bytearray()
    while len(parts) < length:
        wait_readable(connection.fileno(), deadline)
        try:
            part = connection.recv(min(length - len(parts), 1 << 20))
        except OSError as error:
            raise PeerGoneError(str(error)) from error
        if not part:
            raise PeerGoneError("closed")
        parts += part
    return bytes(parts)


def wait_readable(descriptor: int, deadline: "float | WallLimit | None") -> None:
    """Returns when there is something to read. Raises `TimeoutError` past `deadline` (of `time.monotonic`)."""
    poller = select.poll()  # unlike select.select it takes descriptors of 1024 and more
    poller.register(descriptor, select.POLLIN)
    while True:
        moment = deadline.moment() if isinstance(deadline, WallLimit) else deadline
        left_s = None if moment is None else max(0.0, moment - time.monotonic())
        slice_s = left_s if left_s is None or not isinstance(deadline, WallLimit) else min(left_s, SLICE_S)
        # Asked past the limit too: an answer that lies there when a stopped driver goes on is an answer.
        if poller.poll(None if slice_s is None else int(slice_s * 1000) + 1):
            return
        if left_s == 0:
            raise TimeoutError
