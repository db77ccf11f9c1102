"""Files that jobs read go to a cluster once, into Ray's object store, and from there once to each node."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import ray

from gi.core.errors import WorkerError

_MOST_PARENTS = 256  # whose weights stay in the object store: today's parents, and those of a generation before


@dataclass(frozen=True, slots=True)
class Shipment:
    """Files by name, each as a reference into the object store; `name` is equal for equal contents."""

    name: str
    files: Mapping[str, Any]


def shipped(files: Iterable[Path]) -> Shipment:
    """The files as a shipment, read and put into the object store now."""
    digest, refs = hashlib.sha256(), {}
    for path in files:
        content = np.fromfile(path, np.uint8)
        # With its size, or a byte that moves from one file to the next would leave the digest as it is.
        digest.update(f"{path.name}\0{content.size}\0".encode())
        digest.update(content.data)
        refs[path.name] = ray.put(content)
    return Shipment(digest.hexdigest()[:16], refs)


def unpacked(shipment: Shipment, root: Path) -> Path:
    """The folder in `root` that holds the files, fetched by the first of this machine's processes that asks.

    Raises `WorkerError` where there is no room for them.
    """
    folder = root / shipment.name
    try:
        root.mkdir(parents=True, exist_ok=True)
        # All slots of a node start at one moment, and each would fetch a data set of gigabytes.
        with (root / f".{shipment.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                _unpack(shipment, folder)
    except OSError as error:
        raise WorkerError(
            f"{root} on {os.uname().nodename} takes no data ({error.strerror or error}): make room there, or name "
            "another cache folder with $GI_CACHE where its node is started."
        ) from error
    return folder


def _unpack(shipment: Shipment, folder: Path) -> None:
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".draft-"))
    try:
        for name, ref in shipment.files.items():
            ray.get(ref).tofile(draft / name)
        draft.rename(folder)  # whole: a folder of this name is taken as it is
    finally:
        shutil.rmtree(draft, ignore_errors=True)


class ParentWeights:
    """Trained weights that children start from: each file is put into the object store once, however many read it."""

    def __init__(self) -> None:
        # By time and size, too: a resumed run may train a parent anew.
        self._ref = lru_cache(_MOST_PARENTS)(_put)

    def ref(self, path: str) -> Any | None:
        """A reference to the file's bytes; None where it cannot be read, as for a parent of which nothing was kept."""
        try:
            stat = os.stat(path)  # noqa: PTH116 (a job names its files by text)
            return self._ref(path, stat.st_mtime_ns, stat.st_size)
        except OSError:
            return None


def _put(path: str, _time_ns: int, _size: int) -> Any:
    return ray.put(Path(path).read_bytes())
