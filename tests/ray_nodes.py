"""A Ray cluster of several nodes on this machine, each a tree of processes that can be killed as a machine dies."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gi

ROOT = Path(gi.__file__).parents[1]
START_LIMIT_S = 240  # of a machine that does much else
PATIENT = {"RAY_raylet_start_wait_time_s": "200", "RAY_health_check_timeout_ms": "30000"}
TOKEN = "of-the-nodes-on-this-machine"


class Nodes:
    """The nodes; the first one, the head, runs until the context ends."""

    def __init__(self, cache, *, cpus=2):
        """`cache` is where the nodes keep what they are sent; each has so many CPUs by its word."""
        self._folder = Path(tempfile.mkdtemp(prefix="gi-ray-", dir="/tmp"))  # Ray's sockets need short names
        port, client = (free_port() for _ in range(2))
        self.address, self.client_address = f"127.0.0.1:{port}", f"ray://127.0.0.1:{client}"
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
        # Ray gives its workers the least priority by default: beside other tests they would hardly run.
        own = {"PYTHONPATH": str(ROOT), "GI_CACHE": str(cache), "RAY_worker_niceness": "0"} | PATIENT
        self._environment = {**os.environ, **self.environment, **own}
        self._cpus, self._started = cpus, []
        self._head = f"--head --port={port} --ray-client-server-port={client} --include-dashboard=false"
        self._start(f"{self._head} --temp-dir={self._folder}")

    def add(self):
        """Starts one more node, and waits until it is there; what `kill` takes."""
        return self._start(f"--address={self.address}")

    def kill(self, node):
        """Ends a node at once, with all that runs on it."""
        pids = tree(node.pid)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()

    def close(self):
        for node in self._started[::-1]:
            self.kill(node)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self, words):
        told = self._folder / f"node-{len(self._started)}.txt"
        options = f"{words} --node-ip-address=127.0.0.1 --num-cpus={self._cpus} --disable-usage-stats --block"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *options.split()]
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end:
            with told.open("wb") as file:
                node = subprocess.Popen(command, stdout=file, stderr=file, env=self._environment)
            self._started.append(node)
            # It gives up by itself where the head is slow to answer, as it is on a busy machine.
            while node.poll() is None and time.monotonic() < end:
                if "Ray runtime started" in told.read_text():
                    return node
                time.sleep(0.1)
            self.kill(node)
        raise RuntimeError(f"no node of Ray: {told.read_text()[-2000:]}")


def free_port():
    """A port that nobody listens on, away from those that Ray gives its workers."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)):
                return port


def tree(pid):
    """A process and everything that it started and that still runs, parents first."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pids += map(int, task.read_text().split())
    return pids
