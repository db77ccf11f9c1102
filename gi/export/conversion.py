"""Puts a program and its weights into the formats that networks are handed on in.

Each file is read back with the reader that its users have, and its outputs are compared with the network's, before it
counts as written. `convert` runs the program, so that only a confined worker calls it.
"""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gi.export.onnx_pools import register_adaptive_pools
from gi.export.weights_file import read_weights
from gi.trace.program.candidate import CandidateError, build, load
from gi.train.loop import seed_everything

OPSET = 17
TOLERANCE = 1e-4  # of an output, and of its size where that is above 1: what single precision leaves of a deep network
_BATCHES = (1, 2, 5)  # a batch size that a format fixed shows with another one
_SAID_LENGTH = 200


class CannotConvertError(Exception):
    """A format cannot hold the network; the message says why."""


def convert(
    text: str, weights: str, input_shape: list[int], entry: str, folder: str, kinds: list[str], config: str
) -> dict[str, str]:
    """Writes FOLDER/KIND for each of `kinds`; for each one "", or why it could not be written.

    `weights` is a state dict as torch saves it, `config` the JSON text that ONNX and PT2 files carry with them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporters on their own future, and on what they fold
            example = _Example(text, entry, _state(weights), input_shape)
    except Exception as error:  # the worker's edge: whatever torch and the program say goes back as text
        return dict.fromkeys(kinds, _said(error))
    return {kind: _written(_WRITERS[kind], example, Path(folder, kind), config) for kind in kinds}


class _Example:
    """A network with its weights, and what it answers to a few batches.

    Raises `CannotConvertError` where a second network with the same weights answers otherwise: what the state dict does
    not hold (plain tensors, numbers drawn when the network is built) is in no format either.
    """

    def __init__(self, text: str, entry: str, state: Mapping[str, Tensor], input_shape: Sequence[int]) -> None:
        generator = torch.Generator().manual_seed(0)
        self.batches = [torch.randn(n, *input_shape, generator=generator) for n in _BATCHES]
        self.state = state
        self._text, self._entry = text, entry
        self.net = self.built(state)
        self.answers = self.answered(self.net)
        if _distance(self.answers, self.answered(self.built(state, seed=1))) > TOLERANCE:
            raise CannotConvertError("its state dict does not hold all that its outputs depend on")

    def built(self, state: Mapping[str, Tensor], *, seed: int = 0) -> nn.Module:
        seed_everything(seed, "weights")
        net = build(load(self._text), self._entry).eval()
        net.load_state_dict(state)
        return net.requires_grad_(False)

    def answered(self, net: Callable[[Tensor], Any], *, seed: int = 0) -> list[Tensor]:
        """The outputs of a network, batch by batch; the generators stand at the same place each time."""
        seed_everything(seed, "training")
        with torch.no_grad():
            return [torch.as_tensor(net(batch)) for batch in self.batches]

    def check(self, answers: Sequence[Tensor]) -> None:
        """Raises `CannotConvertError` where the outputs of a file are not the network's."""
        distance = _distance(self.answers, answers)
        if distance <= TOLERANCE:
            return
        if _distance(self.answers, self.answered(self.net, seed=1)) > TOLERANCE:
            raise CannotConvertError("it draws random numbers for its outputs, also in evaluation mode")
        raise CannotConvertError(f"read back, its outputs differ by {distance:.2g}, more than {TOLERANCE:g}")


def _distance(expected: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """The largest difference of two outputs, a share of the expected one where that is above 1; infinite for NaN."""
    if [a.shape for a in expected] != [b.shape for b in found]:
        return float("inf")
    parts = [(a - b).abs() / a.abs().clamp_min(1) for a, b in zip(expected, found, strict=True)]
    return torch.cat([part.flatten() for part in parts]).nan_to_num(nan=float("inf")).max().item()


def _state(weights: str) -> dict[str, Tensor]:
    """A state dict of tensors that stand alone: each in its own memory, in the order of its dimensions."""
    loaded = torch.load(weights, map_location="cpu", weights_only=True)  # a pickle: nothing in it is run
    others = [name for name, value in loaded.items() if not isinstance(value, Tensor)]
    if others:
        raise CannotConvertError(f"its state dict holds more than tensors: {', '.join(others)}")
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in loaded.items()}


def _written(write: Callable[[_Example, Path, str], None], example: _Example, path: Path, config: str) -> str:
    """Writes one file; "", or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write(example, path, config)
    except Exception as error:  # the worker's edge again
        path.unlink(missing_ok=True)
        return _said(error)
    return ""


def _said(error: Exception) -> str:
    if isinstance(error, CandidateError):
        return f"{error.stage}: {error.reason}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines[:2])[:_SAID_LENGTH]  # of a state dict the second line names the misfit
    return said if isinstance(error, CannotConvertError) else f"{type(error).__name__}: {said}"


def _write_weights(example: _Example, path: Path, config: str) -> None:  # noqa: ARG001 - writers have one shape
    from safetensors.torch import save_file

    save_file(dict(example.state), path, metadata={"format": "pt"})
    example.check(example.answered(example.built(read_weights(str(path)))))


def _write_onnx(example: _Example, path: Path, config: str) -> None:
    import onnx
    from onnxruntime import InferenceSession, SessionOptions

    register_adaptive_pools(OPSET)
    # The tracing exporter: the newer one needs onnxscript, a large dependency for one format (decision 001).
    torch.onnx.export(
        example.net, (example.batches[1],), path, dynamo=False, opset_version=OPSET,
        input_names=["images"], output_names=["logits"], dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
    )  # fmt: skip
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in json.loads(config).items()})
    onnx.save(model, path)
    options = SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    example.check(example.answered(lambda images: session.run(["logits"], {"images": images.numpy()})[0]))


def _write_pt2(example: _Example, path: Path, config: str) -> None:
    # Traced with two samples: torch.export would take a batch of one for a constant.
    shapes = ({0: torch.export.Dim("n", min=1)},)
    program = torch.export.export(example.net, (example.batches[1],), dynamic_shapes=shapes)
    with path.open("wb") as file:  # by its name alone torch would ask for the suffix .pt2
        torch.export.save(program, file, extra_files={"config.json": config})
    with path.open("rb") as file:
        read = torch.export.load(file)
    example.check(example.answered(read.module()))


_WRITERS = {"weights": _write_weights, "onnx": _write_onnx, "pt2": _write_pt2}
