"""Shared memory in which the driver shows images to a scoring process; one that was not shown cannot be read there."""

import mmap
import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

_MOST_SAMPLES, _MOST_PIXELS = 1_000, 1 << 20  # of one forward pass: calls cost a tenth of a small network's scoring
FLOAT_BYTES = 4

Pixels = NDArray[np.uint8]
Images = NDArray[np.float32]


def samples_at_once(height: int, width: int) -> int:
    """How many images of this size are scored in one forward pass."""
    return max(1, min(_MOST_SAMPLES, _MOST_PIXELS // (height * width)))


def normaliser(mean: Sequence[float], std: Sequence[float]) -> Callable[[Pixels], Images]:
    """A function that gives pixels (n, c, h, w) as a training has them, to the last bit: see `gi.train.batches`."""
    shape = (-1, 1, 1)
    means = np.array(mean, np.float32).reshape(shape)
    scales = np.float32(1) / np.array(std, np.float32).reshape(shape)

    def normalised(pixels: Pixels) -> Images:
        images = pixels.astype(np.float32)
        images -= means
        images *= scales
        return images

    return normalised


class ShownImages:
    """The driver's end: a file without a name, of `size` bytes. Use it as a context manager."""

    def __init__(self, size: int) -> None:
        self.size = size
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("gi-images")
        else:
            with tempfile.TemporaryFile() as file:
                self._descriptor = os.dup(file.fileno())
        os.truncate(self._descriptor, size)

    def give_to(self, connection: socket.socket) -> None:
        """Sends the file to the process at the other end, which takes it with `shown_memory`."""
        socket.send_fds(connection, [b"+"], [self._descriptor])

    def show(self, images: Images) -> None:
        """Puts images where those before them were."""
        # Written, not mapped: a process that cuts the file short would end a driver that has it mapped.
        content = np.ascontiguousarray(images).data.cast("B")
        assert len(content) <= self.size
        done = 0
        while done < len(content):
            done += os.pwrite(self._descriptor, content[done:], done)

    def __enter__(self) -> "ShownImages":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def shown_memory(connection: socket.socket, size: int) -> mmap.mmap:
    """In the other process: the memory that `ShownImages.give_to` sent. A network may change its input in place."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
    return mmap.mmap(descriptors[0], size)
