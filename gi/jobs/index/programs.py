"""PyTorch programs with weights as model files: runs of gi, checkpoints with their text, torchvision's own."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gi.core.errors import WeightsError
from gi.kernels.index.addition import IndexSource
from gi.source.gate.passing import STRICT, Gate

# Traced in a process apart: the program is foreign code, and its weights come from a pickle.
_CONVERT = "gi.jobs.index.tracing:convert"
_WALL_LIMIT_S = 300.0
_MEMORY_MB = 6144
OWN = "own"


def is_run(path: Path) -> bool:
    """Whether a path is a run of gi."""
    from gi.archive.schema import run_file

    return run_file(path).is_file() and (path.is_dir() or run_file(path) == path)


def run_sources(run: Path, scratch: Path, *, licence: str = "", trust: bool = False) -> Iterator[IndexSource]:
    """The networks of a run whose weights were kept: of each individual the first retraining.

    With `trust` the user vouches for what the run's seed programs hold.
    """
    from gi.archive import Archive
    from gi.data.dataset import run_dataset

    with Archive.open(run) as archive:
        config = archive.run().config
        # Reversed, so that of several seeds the first one's weights stay.
        kept = {r.individual: archive.folder / r.weights for r in reversed(archive.outcomes.retrainings()) if r.weights}
        there = {id_: path for id_, path in kept.items() if path.is_file()}
        if not there:
            raise WeightsError(
                f"{run} keeps no weights: only the front of a finished run is trained to the end. Go on with it by "
                f"`gi evolve --resume {run}`."
            )
        shape = run_dataset(config).task.input_shape
        gate = Gate(tuple(seed.text for seed in archive.seeds())) if trust else STRICT
        # By id, so that two builds of one run give the same index.
        for id_, weights in sorted(there.items()):
            text = archive.text(id_)
            yield checkpoint_source(
                text, weights, shape, config.entry, scratch,
                name=f"{archive.folder.name}/{id_[:8]}", origin=f"{run}#{id_}", licence=licence or OWN, format="run",
                trained=True, gate=gate,
            )  # fmt: skip


def checkpoint_source(
    text: str,
    weights: Path,
    input_shape: Sequence[int],
    entry: str,
    scratch: Path,
    *,
    trained: bool = False,
    gate: Gate = STRICT,
    **known: str,
) -> IndexSource:
    """A program's text and its state dict as a source; it is made into ONNX in a confined process, when needed.

    One that the `gate` refuses is not made into anything, and is a refused file of the index.
    """
    # Text and weights together: the same text trained again is another network.
    content = hashlib.sha256(text.encode())
    with weights.open("rb") as file:
        content.update(hashlib.file_digest(file, "sha256").digest())
    path = scratch / f"{content.hexdigest()}.onnx"
    prepare = partial(_convert, text, weights, list(input_shape), entry, path, gate)
    return IndexSource(path, content=content.hexdigest(), prepare=prepare, trained=trained, **known)


def _convert(text: str, weights: Path, input_shape: list[int], entry: str, path: Path, gate: Gate) -> None:
    from gi.sandbox.isolation import Reach
    from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout

    gate.require(text, entry, "the program")
    reach = Reach(readable=(str(weights.resolve()),), writable=(str(path.parent),))
    with WarmWorker(_CONVERT, wall_limit_s=_WALL_LIMIT_S, memory_mb=_MEMORY_MB, reach=reach) as worker:
        try:
            error = worker.call(text, str(weights.resolve()), input_shape, entry, str(path))
        except (WorkerDied, WorkerTimeout) as ended:
            error = f"its worker ended ({ended})"
    if error:
        raise WeightsError(f"cannot be traced: {error}")


def torchvision_sources(names: Sequence[str], scratch: Path) -> Iterator[IndexSource]:
    """Networks of torchvision by name, with its newest pretrained weights. Raises `WeightsError` for other names."""
    from gi.jobs.index.pretrained import known_names, weights_of

    for name in names:
        # An identifier only: the name becomes a file's in the scratch folder.
        if not name.isidentifier() or name not in known_names():
            raise WeightsError(
                f"torchvision has no network {name!r}: choose from {', '.join(sorted(known_names())[:8])}, ..."
            )
        weights: Any = weights_of(name)
        path = scratch / f"{name}.onnx"
        yield IndexSource(
            path, f"torchvision/{name}", origin=weights.url, licence="BSD-3-Clause", format="torchvision",
            content=f"torchvision:{weights}", prepare=partial(_pretrained, name, path), trained=True,
        )  # fmt: skip


def _pretrained(name: str, path: Path) -> None:
    from gi.jobs.index.pretrained import write_onnx

    # A file of an earlier try may be cut short.
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    write_onnx(name, path)
