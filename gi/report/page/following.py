"""Serves the page of a running search to the user's own browser.

Every process on this machine, and every page open in a browser on it, can send a request to a port on 127.0.0.1. So the
path holds a token that only the terminal shows; the Host header must be this server's, or a foreign name that resolves
to 127.0.0.1 could read the page; and requests that another page makes are refused. The run is only read.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gi.archive import Archive
from gi.archive.schema import run_file
from gi.core.errors import ConfigError, GiError
from gi.core.quoting import json_in_html
from gi.report.page.content import page_content
from gi.report.page.writing import page_text

ADDRESS = "127.0.0.1"
_EVERY_S = 2.0
_SHARE = 0.1  # of one core at most is used to read a large run repeatedly: the search needs it more
_IDLE_S = 30.0  # a browser opens connections that it may never use


@dataclass(frozen=True, slots=True)
class Reading:
    """The run's content when it was last read; a browser that has this `version` is sent only a later one."""

    version: int
    content: dict[str, Any]


class Followed:
    """A run that is read again when its files change. One thread calls `refresh`, any may use `reading`."""

    def __init__(self, folder: Path) -> None:
        """Reads the run. Raises `ArchiveError` where there is none."""
        self._folder, self._due_s, self.lost = folder, 0.0, ""
        self._files = self._state()
        self.reading = self._read(1)

    def refresh(self) -> None:
        """Reads the run again if its files changed and enough time passed since the last reading."""
        files = self._state()
        if files == self._files or time.monotonic() < self._due_s:
            return
        try:
            self.reading, self._files, self.lost = self._read(self.reading.version + 1), files, ""
        except GiError as error:  # may be temporary: the last reading stays
            self.lost = str(error)

    def _read(self, version: int) -> Reading:
        start_s = time.monotonic()
        with Archive.open(self._folder) as archive:
            content = {**page_content(archive), "version": version}
        end_s = time.monotonic()
        self._due_s = end_s + max(_EVERY_S, (end_s - start_s) / _SHARE)
        return Reading(version, content)

    def _state(self) -> list[tuple[int, int]]:
        """Time and size of the run file and of its write-ahead log: one of them changes with every write."""
        path = run_file(self._folder)
        files = (path, path.with_name(f"{path.name}-wal"))
        return [(stat.st_mtime_ns, stat.st_size) for stat in (file.stat() for file in files if file.exists())]


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser's idle connection must not hold up the end

    def __init__(self, followed: Followed, port: int) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.followed, self.token = followed, secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version, timeout = "gi", "", _IDLE_S

    def do_GET(self) -> None:
        refused = self._refusal()
        path = urlsplit(self.path)
        _, token, *name = path.path.split("/", 2) if path.path.startswith("/") else ("", "")
        followed = self.server.followed
        if refused:
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", refused)
        # In constant time: a comparison that ends at the first wrong character reveals how much of a guess is right.
        elif not hmac.compare_digest(token.encode(), self.server.token.encode()) or name not in ([""], ["content"]):
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", "no such page: take the address that gi printed.")
        elif name == [""]:
            self._answer(HTTPStatus.OK, "text/html", page_text(followed.reading.content, followed=True))
        elif followed.lost:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", followed.lost)
        elif parse_qs(path.query).get("after") == [str(followed.reading.version)]:
            self._answer(HTTPStatus.NO_CONTENT, "text/plain", "")
        else:
            self._answer(HTTPStatus.OK, "application/json", json_in_html(followed.reading.content))

    def _refusal(self) -> str:
        """The reason to refuse a request that neither this page nor its user sent; "" to answer it."""
        own = [f"{name}:{self.server.server_port}" for name in (ADDRESS, "localhost")]
        # All Host lines: of two, a proxy may take the other one.
        if self.headers.get_all("Host", []) not in [[host] for host in own]:
            return "this address is not this server's: take the one that gi printed."
        if self.headers.get_all("Origin", []) not in [[], *([f"http://{host}"] for host in own)]:
            return "asked by another page."
        return (
            "asked by another page."
            if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
            else ""
        )

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": "frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs no requests: the terminal shows the address alone."""


@contextmanager
def served(followed: Followed, port: int = 0) -> Iterator[str]:
    """Serves the page while the context lasts, and yields its address; port 0 takes any free one.

    Raises `ConfigError` for a port that is taken.
    """
    try:
        server = _Server(followed, port)
    except OSError as error:
        raise ConfigError(
            f"--port {port} cannot be used ({error.strerror}): leave it out for one that is free."
        ) from error
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def follow(folder: Path, port: int, tell: Callable[[str], None]) -> None:
    """Serves the page of the run in `folder` until Ctrl-C; `tell` is called with its address.

    Raises `ArchiveError` where there is no run, `ConfigError` where Plotly is missing or the port is taken.
    """
    followed = Followed(folder)
    page_text(followed.reading.content)  # raises at once where Plotly is missing
    with served(followed, port) as url:
        tell(url)
        try:
            while True:
                time.sleep(_EVERY_S)
                followed.refresh()
        except KeyboardInterrupt:
            return
