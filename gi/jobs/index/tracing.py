"""A program and its weights to ONNX for the index, in a confined process: normalisation kept apart, nothing folded.

Operators that ONNX does not have go into the file by torch's names: they end the graph there, like any unknown one.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from gi.trace.program.candidate import CandidateError, build, load

OPSET = 17
_ADAPTIVE_POOLS = ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
# Under which names training scripts keep the state dict beside optimizer and epoch.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")


def convert(text: str, weights: str, input_shape: list[int], entry: str, path: str) -> str:
    """Writes the ONNX model of a program with these weights to `path`; "" or why there is none."""
    try:
        net = build(load(text), entry)
        net.load_state_dict(state_dict(_loaded(weights)))
        write(net, input_shape, Path(path))
    except CandidateError as error:
        return f"{error.stage}: {error.reason}"
    except Exception as error:  # the worker's edge: whatever torch says goes back as text
        said = " ".join(" ".join(str(error).split("\n")[:2]).split())  # a state dict's misfit is in the second
        return f"{type(error).__name__}: {said[:200]}"
    return ""


def _loaded(path: str) -> Any:
    if path.endswith(".safetensors"):
        return load_file(path)
    # `weights_only`: a checkpoint of torch's is a pickle, and would run code otherwise.
    return torch.load(path, map_location="cpu", weights_only=True)


def state_dict(loaded: Any) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name: out of the wrappers that training programs put around them."""
    for name in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            loaded = loaded[name]
    if not isinstance(loaded, dict) or not any(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise TypeError(f"the checkpoint holds a {type(loaded).__name__} and no state dict")
    # What DataParallel and torch.compile put in front of every name.
    return {name.removeprefix("module.").removeprefix("_orig_mod."): value for name, value in loaded.items()}


def write(net: nn.Module, input_shape: list[int], path: Path) -> None:
    """Writes a network as ONNX with each BatchNormalization after its convolution, not folded into it."""
    for name in _ADAPTIVE_POOLS:
        # At run time, as the exporter keeps its table for the process.
        torch.onnx.register_custom_op_symbolic(f"aten::{name}", _adaptive_pool, OPSET)  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter on its own future, and on what it does not fold
        torch.onnx.export(
            net.eval(), (torch.zeros(1, *input_shape),), path, dynamo=False, opset_version=OPSET,
            # In evaluation mode and unfolded: the index keeps normalisations apart from the weights.
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
            operator_export_type=torch.onnx.OperatorExportTypes.ONNX_FALLTHROUGH,
        )  # fmt: skip


def _adaptive_pool(graph: Any, x: Any, sizes: Any) -> Any:
    """A pool to a fixed size, which ONNX has for some sizes only; the mapping needs no more than its name."""
    shape = torch.onnx.symbolic_helper._maybe_get_const(sizes, "is")
    known = [int(size) for size in shape] if isinstance(shape, list | tuple) else []
    return graph.op("gi::AdaptivePool", x, sizes_i=known)
