"""One training step of a model on noise, in a confined worker: does what repair made train?"""

import contextlib
import io
import sys
import types
from typing import Any

import torch
from torch import nn

BATCH = 4


def handle(text: str, entry: str, shape: list[int], classes: int) -> str:
    """Why the model does not train, "" where one step gives a finite loss and changes weights."""
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        try:
            return _step(_built(text, entry), torch.randn(BATCH, *shape), torch.arange(BATCH) % classes)
        except BaseException as error:  # whatever somebody's program raises
            return f"{type(error).__name__}: {error}"[:120]


def _built(text: str, entry: str) -> Any:
    module = types.ModuleType("fitted")
    sys.modules["fitted"] = module
    exec(compile(text, "<fitted>", "exec"), module.__dict__)
    return eval(entry if entry.endswith(")") else f"{entry}()", module.__dict__)


def _step(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> str:
    torch.manual_seed(0)
    weights = [p for p in net.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in weights]
    optimizer = torch.optim.SGD(weights, lr=0.01)
    loss = nn.functional.cross_entropy(net.train()(images), labels)
    loss.backward()
    optimizer.step()
    if not torch.isfinite(loss):
        return f"the loss is {float(loss)}"
    return "" if any(not torch.equal(a, b) for a, b in zip(before, weights, strict=True)) else "no weight changes"
