"""What a trained network's answers are worth: its outputs for a split, and figures of them.

Each figure takes the outputs (n, classes) and labels (n,) of all samples, and is a share from 0 to 1.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from gi.trace.program.candidate import CandidateError, blame, check_output
from gi.train.batches import Batches

_MOST_SAMPLES, _MOST_PIXELS = 1_000, 1 << 20  # of one forward pass: calls cost a tenth of a small network's scoring


def outputs(net: nn.Module, batches: Batches, *, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    """What the network, put into evaluation mode, gives for all samples: (n, classes), float64, on the CPU.

    Raises `CandidateError` for another shape, and for what is not finite.
    """
    height, width = batches.task.input_shape[1:]
    size = max(1, min(_MOST_SAMPLES, _MOST_PIXELS // (height * width)))
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
    return error(outputs(net, batches, layout=layout), batches.labels)


def error(logits: Tensor, labels: Tensor) -> float:
    """The share of samples whose largest output is not their label."""
    return int((logits.argmax(dim=1) != labels).sum()) / len(labels)


def balanced_error(logits: Tensor, labels: Tensor) -> float:
    """The mean over the classes of the share of their samples that are wrong; classes without a sample are left out."""
    count = torch.bincount(labels)
    wrong = torch.bincount(labels[logits.argmax(dim=1) != labels], minlength=len(count))
    return float((wrong.double() / count)[count > 0].mean())


def auc(logits: Tensor, labels: Tensor) -> float:
    """The area under the ROC curve: how often a sample of a class gets a higher probability of it than another does.

    The mean over the classes of one against the rest, which of two classes is the one area that there is; equal
    probabilities count half (Fawcett 2006, "An introduction to ROC analysis", by ranks after Mann and Whitney). A
    class without samples, or with all of them, is left out; 0.5 where none is left.
    """
    scores = logits.log_softmax(dim=1)  # of float64: probabilities near 1 differ where their logarithms do
    if scores.shape[1] == 2:
        scores = scores - scores.flip(1)  # the log odds, which never saturate
    scores = scores.T.contiguous()
    ordered = scores.sort(dim=1).values
    below, upto = (torch.searchsorted(ordered, scores, right=right) for right in (False, True))
    ranks = (below + upto + 1).double() / 2
    is_in = labels == torch.arange(len(scores))[:, None]
    inside = is_in.sum(dim=1).double()
    outside = len(labels) - inside
    areas = ((ranks * is_in).sum(dim=1) - inside * (inside + 1) / 2) / (inside * outside)
    areas = areas[(inside > 0) & (outside > 0)]
    return float(areas.mean()) if len(areas) else 0.5


METRICS: Mapping[str, Callable[[Tensor, Tensor], float]] = {
    "error": error,
    "balanced-error": balanced_error,
    "auc": lambda logits, labels: 1.0 - auc(logits, labels),
}
