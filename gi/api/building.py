"""Builds a program's network in the caller's own process, as importing it would."""

import io
import linecache
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gi.core.compat import allow_torchvision
from gi.core.errors import SourceError
from gi.source.tree.entry import plain_entry_call


def built(id_: str, text: str, entry: str, weights: Path | bytes | None) -> nn.Module:
    """The network that `entry` builds, on the CPU: with `weights` in evaluation mode, without them untrained.

    This runs the text in this process, with all its rights. Raises `SourceError` where it fails.
    """
    # Written anew from literals: the entry of a stranger's run must not bring code of its own.
    call = plain_entry_call(entry)
    try:
        net = eval(call, _module(id_, text).__dict__)
        if weights is not None:
            # Tensors alone (`weights_only`): unpickling anything else could run code.
            file = io.BytesIO(weights) if isinstance(weights, bytes) else weights
            net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
            net.eval()
    except Exception as error:  # a program may raise anything
        said = " ".join(str(error).split())[:200]
        raise SourceError(f"{id_[:8]} cannot be built: {type(error).__name__}: {said}") from error
    if not isinstance(net, nn.Module):
        raise SourceError(f"{id_[:8]} cannot be built: {call} gives a {type(net).__name__}, not an nn.Module.")
    return net


def tensor(inputs: NDArray[np.float32]) -> Tensor:
    """The array as a tensor."""
    return torch.from_numpy(inputs)


def _module(id_: str, text: str) -> ModuleType:
    """The executed module of a text, in `sys.modules` and `linecache`, for `inspect`, tracebacks and pickling."""
    allow_torchvision()  # a program may import it
    name = f"gi_individual_{id_}"
    file = f"<{name}>"
    # Without a modification time, so that `linecache` does not look for a file and drop the entry.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = file
    exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
    return module
