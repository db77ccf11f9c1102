"""Predictions of a trained program, which runs in a confined worker process."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gi.api.images import Pixels
from gi.core.errors import RunError
from gi.sandbox.isolation import Reach
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout

if TYPE_CHECKING:
    from gi.api.individuals import RunIndividual

Probabilities = NDArray[np.float64]
_PREDICT = "gi.train.predict_worker:handle"
_WALL_LIMIT_S = 3600.0
_MEMORY_MB = 8192
# The names in `gi.train.predict_worker`, which is not imported here because it imports torch.
_IMAGES, _WEIGHTS, _OUTPUTS = "images.npy", "weights.pt", "outputs.npy"


def probabilities(individual: "RunIndividual", pixels: Pixels) -> Probabilities:
    """The probability (n, classes) of each class for `pixels` (n, c, h, w): the softmax of the network's outputs.

    Raises `RunError` where the individual has no trained weights, where it fails, or its worker ends, `SourceError`
    where the gate refuses its program.
    """
    weights, preparation, entry = individual.trained_weights(), individual.prepared(), individual.config.entry
    individual.gate.require(individual.source, entry, f"program {individual.id[:8]}")
    num_classes = preparation.task.num_classes
    with tempfile.TemporaryDirectory(prefix="gi-predict-") as scratch:
        folder = Path(scratch).resolve()
        np.save(folder / _IMAGES, preparation.normalised(pixels))
        (folder / _WEIGHTS).write_bytes(weights if isinstance(weights, bytes) else weights.read_bytes())
        reach = Reach(writable=(str(folder),))
        with WarmWorker(_PREDICT, wall_limit_s=_WALL_LIMIT_S, memory_mb=_MEMORY_MB, reach=reach) as worker:
            try:
                said = worker.call(str(folder), individual.source, entry, num_classes)
            except (WorkerDied, WorkerTimeout) as error:
                said = str(error)
        if said:
            raise RunError(f"{individual.id[:8]} cannot predict: {' '.join(str(said).split())[:200]}")
        outputs = np.load(folder / _OUTPUTS, allow_pickle=False)
    # Checked, since the program ran in the process that wrote them.
    if outputs.shape != (len(pixels), num_classes) or outputs.dtype != np.float64 or not np.isfinite(outputs).all():
        raise RunError(f"{individual.id[:8]} cannot predict: its outputs are not finite numbers, one for each class.")
    return softmax(outputs)


def softmax(outputs: Probabilities) -> Probabilities:
    """The softmax of each row."""
    # Less the maximum, so that no power overflows.
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    result: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return result
