"""Adds model files to an index: one row for each, with its layers or the reason of its refusal."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from gi.core.errors import GiError
from gi.kernels.index.addition import Addition, IndexSource
from gi.kernels.index.layout import State
from gi.kernels.index.writer import Store, opened
from gi.kernels.onnx.reading import ModelError
from gi.kernels.onnx.tensors import TensorError
from gi.kernels.records import Network, plain

__all__ = ["Built", "Taken", "build", "file_content"]


@dataclass(frozen=True, slots=True)
class Taken:
    """The result for a source: its new `network` row, or None; `known` if the index had it before."""

    source: IndexSource
    network: Network | None
    known: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """The results of an addition, and the state of the index after it."""

    taken: tuple[Taken, ...]
    state: State


def build(
    sources: Iterable[IndexSource],
    folder: Path,
    *,
    keep_untrained: bool = False,
    on_progress: Callable[[IndexSource], None] = lambda _: None,
) -> Built:
    """Adds model files to the index in `folder`, made where there is none; known files are skipped.

    A file that cannot be read becomes a row with the reason, and the others go on. Raises `WeightsError` where the
    folder cannot be used, `RunError` where the disk is full: earlier commits stay.
    """
    taken = []
    with opened(folder) as store:
        for source in sources:
            on_progress(source)
            taken.append(_take(store, source, keep_untrained))
    return Built(tuple(taken), store.state)


def _take(store: Store, source: IndexSource, keep_untrained: bool) -> Taken:
    try:
        content = source.content or file_content(source.path)
    except (OSError, ValueError) as error:
        return Taken(source, None, reason=f"cannot be read: {getattr(error, 'strerror', '') or error}")
    if store.knows(content):
        return Taken(source, None, known=True)
    mark = store.mark()
    try:
        if source.prepare is not None:
            source.prepare()
        network = Addition(store, source, content, keep_untrained).run()
        # Checked again: the digest of a file with external data is complete only after reading it.
        if not store.knows(network.content, network.reason):
            store.add_network(network)
            return Taken(source, network, reason=network.reason)
        store.back_to(mark)
        return Taken(source, None, known=True, reason=network.reason)
    except (ModelError, TensorError, GiError) as error:
        reason = plain(str(error))
    except OSError:  # an error of the index: those of the model are `ModelError`s
        store.back_to(mark)
        raise
    except Exception as error:  # a hostile file must not stop the others, whatever it raises
        reason = plain(f"cannot be read: {type(error).__name__} {str(error)[:80]}")
    store.back_to(mark)
    return _refused(store, source, content, reason)


def file_content(path: Path) -> str:
    """The SHA-256 of a file. Raises `OSError`, and `ValueError` for other than a regular file."""
    if not path.is_file():
        raise ValueError("no regular file" if path.exists() else "there is no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refused(store: Store, source: IndexSource, content: str, reason: str) -> Taken:
    """Adds the row of a refused file, unless the index has it already."""
    if store.knows(content, reason):
        return Taken(source, None, known=True, reason=reason)
    network = Network(
        store.state.num_networks, source.name, source.origin, source.licence, content, source.format,
        producer="", opset=0, layers=0, kernels=0, refused=0, opaque="", reason=reason,
    )  # fmt: skip
    store.add_network(network)
    return Taken(source, network, reason=reason)
