"""The connection of this process to a Ray cluster, while a run needs it."""

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import urlsplit

from gi.core.errors import ConfigError

_AUTH_MODE, _ADDRESS = "RAY_AUTH_MODE", "RAY_ADDRESS"
_CLIENT_PORT = 10001  # where a head node takes connections from outside of the cluster
_REACH_LIMIT_S = 10.0
_TRIAL_LIMIT_S = 90.0
_TRIAL = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"
_TRIES = "RAY_NUM_REDIS_GET_RETRIES"  # Ray's own, of a second each; 20 by default
_WRONG_TOKEN = ("AuthenticationError", "Unauthenticated", "UNAUTHENTICATED", "InvalidAuthToken")


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connects this process to the cluster at `address` until the context ends; one that is connected stays so.

    `address` is HOST:PORT of a cluster that this machine is a node of, or ray://HOST[:PORT] from elsewhere; None stands
    for $RAY_ADDRESS, else for the cluster of this machine. Token authentication is on unless $RAY_AUTH_MODE says
    otherwise. What Ray prints of its own accord goes to stderr. Raises `ConfigError` where there is no Ray, no such
    cluster, or another token.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError("--executor ray: Ray is not installed here. Install it: pip install 'gi[ray]'.")
    # Before Ray is imported, which reads it once: without tokens, any client of a port of the cluster runs code there.
    os.environ.setdefault(_AUTH_MODE, "token")
    import ray

    if ray.is_initialized():
        yield
        return
    where = address or os.environ.get(_ADDRESS) or "auto"
    with _own_stdout(), _same_handler(signal.SIGTERM):
        try:
            _connect(where)
            yield
        finally:
            # Ray prints what it held back when it lets go.
            with contextlib.redirect_stdout(sys.stderr):
                ray.shutdown()


def slots(device: str) -> int:
    """How many slots the connected cluster has: one for each CPU, or each GPU where jobs run on `device` "cuda".

    Raises `ConfigError` for none.
    """
    import ray

    what = "CPU" if device == "cpu" else "GPU"
    count = int(ray.cluster_resources().get(what, 0))
    if not count:
        raise ConfigError(f"the cluster has no {what} yet: pass --workers N to wait for N of them.")
    return count


def _connect(address: str) -> None:
    if address != "auto":
        _refuse_unreachable(address)
    _try(_with_port(address))
    import ray

    ray.init(address=_with_port(address), log_to_driver=False, logging_level=logging.ERROR)


def _try(address: str) -> None:
    """Connects from a process of its own first: where that fails Ray tries for long, and says so in lines of its own.

    Raises `ConfigError`.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TRIAL, address],
            env={**os.environ, _TRIES: "2"},
            capture_output=True,
            text=True,
            timeout=_TRIAL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"the Ray cluster at {address} did not answer within {_TRIAL_LIMIT_S:.0f} s.") from error
    if done.returncode:
        raise ConfigError(_refusal(address, f"{done.stderr}\n{done.stdout}"))


def _refuse_unreachable(address: str) -> None:
    """Raises `ConfigError` for an address that does not answer: Ray would try for minutes, or for ever."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port or (_CLIENT_PORT if parts.scheme == "ray" else None)
    except ValueError:
        host = port = None
    if not host or port is None or parts.scheme not in ("", "ray"):
        raise ConfigError(f"--address {address!r} is no address: write HOST:PORT or ray://HOST:{_CLIENT_PORT}.")
    try:
        socket.create_connection((host, port), _REACH_LIMIT_S).close()
    except OSError as error:
        raise ConfigError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): is it up, and does a firewall let "
            f"port {port} through?"
        ) from error


def _with_port(address: str) -> str:
    plain = address.startswith("ray://") and urlsplit(address).port is None
    return f"{address.rstrip('/')}:{_CLIENT_PORT}" if plain else address


def _refusal(address: str, output: str) -> str:
    """One line on why there is no connection, from all that Ray printed."""
    if any(word in output for word in _WRONG_TOKEN):
        return (
            f"the Ray cluster ({address}) refuses this machine's token: put the cluster's own, which `ray "
            "get-auth-token` prints on its head node, into ~/.ray/auth_token or $RAY_AUTH_TOKEN."
        )
    if address == "auto":
        return "this machine belongs to no Ray cluster: name one with --address, or begin one with `ray start --head`."
    reason = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it did not say why")
    return (
        f"no connection to the Ray cluster at {address} ({reason[:300]}): HOST:PORT is for its own nodes, "
        f"ray://HOST:{_CLIENT_PORT} for other machines."
    )


@contextlib.contextmanager
def _own_stdout() -> Iterator[None]:
    """Leaves stdout to this thread: what any other prints goes to stderr.

    Ray prints its "(raylet)" lines from threads of its own, to stdout, whatever its logging settings.
    """
    before = sys.stdout
    sys.stdout = _OfOneThread(before)
    try:
        yield
    finally:
        sys.stdout = before


class _OfOneThread:
    """The stream for the thread that made it, stderr for all others."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._owner = stream, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream if threading.get_ident() == self._owner else sys.stderr, name)


@contextlib.contextmanager
def _same_handler(number: int) -> Iterator[None]:
    """Gives a signal the handler back that it had: Ray sets one of its own."""
    before = signal.getsignal(number)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other may set a handler
            signal.signal(number, before)
