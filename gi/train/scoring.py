"""A trained network's outputs for a split that is in memory, and its error there: for networks of gi's own."""

import torch
from torch import Tensor, nn

from gi.trace.program.candidate import CandidateError, blame, check_output
from gi.train.batches import Batches
from gi.train.metrics import error
from gi.train.shown_images import samples_at_once


def outputs(net: nn.Module, batches: Batches, *, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    """The network's outputs in evaluation mode for all samples: (n, classes), float64, on the CPU.

    Raises `CandidateError` for another shape, and for what is not finite.
    """
    size = samples_at_once(*batches.task.input_shape[1:])
    parts = []
    with blame("measure"), torch.inference_mode():
        net.eval()
        for start in range(0, batches.num_samples, size):
            images, labels = batches.take(slice(start, start + size))
            logits = net(images.contiguous(memory_format=layout))
            check_output(logits, len(labels), batches.task, "measure")
            if not bool(torch.isfinite(logits).all()):
                raise CandidateError("measure", "nan", "an output for a sample to score is not finite")
            parts.append(logits.to("cpu", torch.float64))
    return torch.cat(parts)


def error_rate(net: nn.Module, batches: Batches, *, layout: torch.memory_format = torch.contiguous_format) -> float:
    """The share of all samples that the network puts into a wrong class. Raises `CandidateError`."""
    return error(outputs(net, batches, layout=layout).numpy(), batches.labels.numpy())
