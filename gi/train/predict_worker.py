"""Inside the worker: computes the outputs of a trained program's network for images."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from gi.core.types import Task
from gi.trace.program.candidate import CandidateError, blame, build, check_output, load
from gi.train.loop import seed_everything

IMAGES, WEIGHTS, OUTPUTS = "images.npy", "weights.pt", "outputs.npy"
_MOST_PIXELS = 1 << 20  # of one forward pass


def handle(folder: str, text: str, entry: str, num_classes: int) -> str:
    """Reads normalised float32 images (n, c, h, w) and a state dict, and writes outputs (n, num_classes), float64.

    All three lie in `folder`, under the names above. The answer is "", or what the program did wrong.
    """
    torch.set_num_threads(1)
    images = np.load(Path(folder, IMAGES), mmap_mode="r", allow_pickle=False)
    task = Task(tuple(images.shape[1:]), num_classes)
    try:
        outputs = _outputs(Path(folder), text, entry, images, task)
    except CandidateError as error:
        return error.description or error.reason
    np.save(Path(folder, OUTPUTS), outputs)
    return ""


def _outputs(folder: Path, text: str, entry: str, images: Any, task: Task) -> Any:
    seed_everything(0, "weights")
    net = build(load(text), entry)
    size = max(1, _MOST_PIXELS // int(np.prod(task.input_shape)))
    parts = [np.empty((0, task.num_classes))]
    with blame("measure"), torch.inference_mode():
        net.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))
        net.eval()
        for start in range(0, len(images), size):
            batch = torch.from_numpy(np.array(images[start : start + size]))
            logits = net(batch)
            check_output(logits, len(batch), task, "measure")
            parts.append(logits.to("cpu", torch.float64).numpy())
    return np.concatenate(parts)
