"""Named random streams: a draw added in one stage moves no other stage's draws."""

import hashlib
import random


def stream_seed(run_seed: int, *name: str | int) -> int:
    """The 64-bit seed of the stream called `name` of this run, the same on every machine."""
    # A hash of the name: streams of neighbouring seeds or slots have nothing in common.
    key = "/".join(map(str, (run_seed, *name))).encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big")


def stream(run_seed: int, *name: str | int) -> random.Random:
    """The random stream called `name` of this run, the same on every machine."""
    return random.Random(stream_seed(run_seed, *name))


def torch_seed(run_seed: int, *name: str | int) -> int:
    """The seed of a training called `name`: 31 bits, which every generator and every database takes."""
    return stream_seed(run_seed, *name) % 2**31
