"""Any torch network started from the trained kernels of an index."""

from pathlib import Path
from typing import TYPE_CHECKING

from gi.core.errors import WeightsError
from gi.core.types import SeededLayer
from gi.kernels.index.reader import Index

if TYPE_CHECKING:
    from torch import Tensor, nn


def seed_(model: "nn.Module", index: Index | str | Path, batch: "Tensor") -> tuple[SeededLayer, ...]:
    """Fills the 2-D convolutions of a model in place from the networks of an index that fit it best.

    What is copied is a connected part of a trained network: kernels with the channels between them, biases, and the
    BatchNormalization behind them; what of a donor does not fit is made up for on `batch`. Layers that no donor fits
    keep their values. Train the model afterwards, as ever.

    Args:
        model: Any model that takes `batch`; its class, hooks and mode stay as they are.
        index: An index of `gi index build`, open or its folder.
        batch: (n, c, h, w) float32 images of the data to come, normalised as in training; 32 or more, on the CPU as the
            model is.

    Returns:
        A record for each piece: the model's layer, the network and layer that it came from, how many channels, and how.
        Empty where nothing fits.

    Raises:
        WeightsError: There is no index, or a batch or model that it cannot be asked for.
    """
    from gi.kernels.donors.from_index import donors
    from gi.kernels.seed.seed import seed

    opened = index if isinstance(index, Index) else Index.open(index)
    if batch.ndim != 4 or not batch.is_floating_point():
        raise WeightsError(f"the batch is {tuple(batch.shape)} {batch.dtype}: pass float images (n, c, h, w).")
    if batch.device.type != "cpu" or any(p.device.type != "cpu" for p in model.parameters()):
        raise WeightsError("the model or the batch is not on the CPU: seed it there, and move it afterwards.")
    return seed(model, list(donors(opened)), batch)
