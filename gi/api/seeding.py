"""Initialises any torch network from the trained kernels of an index."""

from pathlib import Path
from typing import TYPE_CHECKING

from gi.core.errors import WeightsError
from gi.core.types import SeededLayer
from gi.kernels.index.reader import Index

if TYPE_CHECKING:
    from torch import Tensor, nn


def seed_(model: "nn.Module", index: Index | str | Path, batch: "Tensor") -> tuple[SeededLayer, ...]:
    """Fills the 2-D convolutions of a model in place from the networks of an index that match best.

    It copies connected parts of trained networks: kernels with the channels between them, biases, and the
    BatchNormalization after them; inputs that do not fit are compensated for on `batch`. Layers without a match keep
    their values. Train the model afterwards as usual.

    Args:
        model: Any model that takes `batch`; its class, hooks and mode do not change.
        index: An index of `gi index build`, open or its folder.
        batch: (n, c, h, w) float32 images of the data, normalised as in training; 32 or more, on the CPU like the
            model.

    Returns:
        A record for each piece: the model's layer, the network and layer of origin, the number of channels, and the way
        of transfer. Empty where nothing fits.

    Raises:
        WeightsError: There is no index, or the batch or model cannot be used.
    """
    from gi.kernels.donors.from_index import donors
    from gi.kernels.seed.seed import seed

    opened = index if isinstance(index, Index) else Index.open(index)
    if batch.ndim != 4 or not batch.is_floating_point():
        raise WeightsError(f"the batch is {tuple(batch.shape)} {batch.dtype}: pass float images (n, c, h, w).")
    if batch.device.type != "cpu" or any(p.device.type != "cpu" for p in model.parameters()):
        raise WeightsError("the model or the batch is not on the CPU: seed it there, and move it afterwards.")
    return seed(model, list(donors(opened)), batch)
