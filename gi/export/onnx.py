"""Converts a program and its weights to ONNX. `convert` runs the program, so that only a confined worker calls it."""

import base64
import tempfile
import warnings
from pathlib import Path

from gi.core.errors import RunError
from gi.core.types import Task
from gi.sandbox.isolation import Reach
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout

OPSET = 17
_CONVERT = "gi.export.onnx:convert"
_WALL_LIMIT_S = 300.0
_MEMORY_MB = 4096


def onnx_bytes(text: str, weights: Path, task: Task, entry: str = "Net") -> bytes:
    """The trained network as an ONNX model with a free batch size. Raises `RunError` where it cannot be converted."""
    reach = Reach(readable=(str(weights.resolve()),))
    with WarmWorker(_CONVERT, wall_limit_s=_WALL_LIMIT_S, memory_mb=_MEMORY_MB, reach=reach) as worker:
        try:
            answer = worker.call(text, str(weights.resolve()), list(task.input_shape), entry)
        except (WorkerDied, WorkerTimeout) as error:
            raise RunError(f"the network cannot be written as ONNX: its worker ended ({error}).") from error
    if "error" in answer:
        raise RunError(f"the network cannot be written as ONNX: {answer['error']}.")
    return base64.b64decode(answer["onnx"])


def convert(text: str, weights: str, input_shape: list[int], entry: str = "Net") -> dict[str, str]:
    """Runs in the worker: the ONNX model of a program with these weights in base 64, or why there is none."""
    import torch

    from gi.trace.program.candidate import CandidateError, build, load

    try:
        net = build(load(text), entry).eval()
        net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # the exporter on its own future, and on what it folds
            path = Path(folder, "model.onnx")
            torch.onnx.export(
                net, (torch.zeros(1, *input_shape),), path, dynamo=False, opset_version=OPSET,
                input_names=["images"], output_names=["logits"], dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
            )  # fmt: skip
            return {"onnx": base64.b64encode(path.read_bytes()).decode()}
    except CandidateError as error:
        return {"error": f"{error.stage}: {error.reason}"}
    except Exception as error:  # the worker's edge: whatever the exporter says goes back as text
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"}
