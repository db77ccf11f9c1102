"""The places along one axis that feed each new place, for windows, pads and resizes, as arrays of indices.

Each array has one index for each new place, -1 for none; several arrays are several places for each.
"""

import numpy as np
import numpy.typing as npt

from gi.kernels.onnx.graphs import Operator
from gi.kernels.records import Ints

Reals = npt.NDArray[np.float64]
NOWHERE = -1
_PAD_MODES = ("reflect", "edge", "wrap")


def window_places(size: int, new_size: int, kernel: int, stride: int, dilation: int, before: int) -> list[Ints]:
    """One array for each place of a window of `kernel` places; `before` is the leading pad."""
    starts = np.arange(new_size) * stride - before
    inner = [starts + tap * dilation for tap in range(kernel)]
    return [np.where((places >= 0) & (places < size), places, NOWHERE) for places in inner]


def padded_places(size: int, before: int, after: int, mode: str) -> Ints | None:
    """The places of a padded axis; negative pads crop. None for an unknown mode."""
    kept = np.arange(max(0, -before), size - max(0, -after))
    around = (max(0, before), max(0, after))
    if mode == "constant":
        return np.pad(kept, around, constant_values=NOWHERE)
    return np.pad(kept, around, mode=mode) if mode in _PAD_MODES and len(kept) else None  # type: ignore[call-overload]


def resized_places(operator: Operator, size: int, new_size: int, scale: float) -> list[Ints] | None:
    """The places that a nearest or linear resize reads; None for other modes."""
    mode = operator.text("mode", "nearest")
    where = _original(operator, size, new_size, scale)
    if where is None or operator.int("antialias"):  # its filter reads more than two places
        return None
    if mode == "nearest":
        return [np.clip(_rounded(operator, where), 0, size - 1)]
    if mode != "linear":
        return None
    low = np.floor(where)
    taps = [low, np.where(where > low, low + 1, low)]  # exactly at a place, the next one has no weight
    return [np.clip(tap, 0, size - 1).astype(np.int64) for tap in taps]


def _original(operator: Operator, size: int, new_size: int, scale: float) -> Reals | None:
    """The coordinate of each new place on the old axis; None for an unknown transformation."""
    at = np.arange(new_size, dtype=np.float64)
    form = operator.text("coordinate_transformation_mode", "half_pixel")
    # Before opset 11 ONNX had one formula and no attribute for it.
    if operator.type == "Upsample" or operator.opset < 11 or form == "asymmetric":
        return at / scale
    if form == "align_corners":
        return at * (size - 1) / max(new_size - 1, 1)
    if form == "half_pixel" or (form == "pytorch_half_pixel" and new_size > 1):
        return (at + 0.5) / scale - 0.5
    if form == "tf_half_pixel_for_nn":
        return (at + 0.5) / scale
    return at * 0 if form == "pytorch_half_pixel" else None


def _rounded(operator: Operator, where: Reals) -> Ints:
    mode = operator.text("nearest_mode", "round_prefer_floor")
    if operator.type == "Upsample" or operator.opset < 11 or mode == "floor":
        return np.floor(where).astype(np.int64)
    if mode == "ceil":
        return np.ceil(where).astype(np.int64)
    return (np.ceil(where - 0.5) if mode == "round_prefer_floor" else np.floor(where + 0.5)).astype(np.int64)
