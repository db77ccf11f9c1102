"""The formats that a trained network is handed on in: weights alone, or a whole network for other programs."""

import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from gi.core.errors import RunError
from gi.core.files import write_whole
from gi.core.quoting import shown
from gi.core.types import Task
from gi.sandbox.isolation import Reach
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.source.gate.passing import STRICT, Gate

Format = Literal["weights", "onnx", "pt2"]
#: The suffix of each format's file, which stands beside the program under its name.
SUFFIXES: Mapping[Format, str] = {"weights": ".safetensors", "onnx": ".onnx", "pt2": ".pt2"}
#: What each is called where people read of it.
TITLES: Mapping[Format, str] = {"weights": "safetensors", "onnx": "ONNX", "pt2": "PT2"}
_CONVERT = "gi.export.conversion:convert"
_WALL_LIMIT_S = 600.0
_MEMORY_MB = 8192  # a network of the largest size that gi takes, a second one to compare with, and a file in the making


class Converted:
    """Checked files of a network, in a folder that is gone after `converted`."""

    def __init__(self, folder: Path, reasons: Mapping[Format, str]) -> None:
        self._folder = folder
        #: By format: "" for one that is there, else why the network cannot be written in it.
        self.reasons = reasons

    @property
    def kinds(self) -> tuple[Format, ...]:
        """The formats that the network is there in."""
        return tuple(kind for kind, reason in self.reasons.items() if not reason)

    def refuse_missing(self) -> None:
        """Raises `RunError` where the network could not be written in a format."""
        for kind, reason in self.reasons.items():
            if reason:
                raise RunError(f"the network cannot be written as {TITLES[kind]}: {shown(reason)}.")

    def write(self, kind: Format, path: Path) -> None:
        """Writes the file of one of `kinds` to `path`, whole. Raises `RunError` where the worker left none."""
        # A program ran where the file was made: a link there would give away what this process may read.
        descriptor = os.open(self._folder / kind, os.O_RDONLY | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RunError(f"the network cannot be written as {TITLES[kind]}: its worker left no file.")
            write_whole(path, lambda out: shutil.copyfileobj(file, out))


@contextmanager
def converted(
    text: str,
    weights: Path,
    task: Task,
    kinds: Collection[Format],
    *,
    entry: str = "Net",
    config: str = "{}",
    gate: Gate = STRICT,
) -> Iterator[Converted]:
    """The network of a program and its state dict in each of `kinds`, every file read back and compared.

    Outputs agree with PyTorch's within 1e-4 for batches of several sizes. `config` is JSON text on the network and its
    data, for the formats that have a place for it. Raises `SourceError` for a program that the `gate` refuses,
    `RunError` where the worker ends.
    """
    gate.require(text, entry, "the program")
    with tempfile.TemporaryDirectory(prefix="gi-export-") as scratch:
        yield Converted(Path(scratch), _reasons(text, weights, task, kinds, entry, config, scratch) if kinds else {})


def _reasons(
    text: str, weights: Path, task: Task, kinds: Collection[Format], entry: str, config: str, scratch: str
) -> Mapping[Format, str]:
    reach = Reach(readable=(str(weights.resolve()),), writable=(scratch,))
    with WarmWorker(_CONVERT, wall_limit_s=_WALL_LIMIT_S, memory_mb=_MEMORY_MB, reach=reach) as worker:
        try:
            answer = worker.call(
                text, str(weights.resolve()), list(task.input_shape), entry, scratch, list(kinds), config
            )
        except (WorkerDied, WorkerTimeout) as error:
            raise RunError(f"the network cannot be converted: its worker ended ({error}).") from error
    return {kind: str(answer[kind]) for kind in kinds}
