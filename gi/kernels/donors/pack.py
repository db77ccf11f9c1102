"""A pack of donors: one file that a worker maps into memory in a millisecond, without Parquet.

Eight bytes hold the length of a JSON header; the float32 arrays of all layers follow it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gi.core.errors import WeightsError
from gi.core.files import write_whole
from gi.kernels.donors.donors import DonorBatchNorm, DonorLayer, DonorNetwork, Floats, Link

PACK_BYTES = 64 << 20  # of weights in a pack; the smallest networks come first, since targets are small
_ALIGNED = 64


def write_pack(chosen: Sequence[DonorNetwork], path: Path, *, most_bytes: int = PACK_BYTES) -> int:
    """Writes the smallest donors, up to `most_bytes` of weights, and returns their number; atomic."""
    kept = _smallest(chosen, most_bytes)
    arrays: list[Floats] = []
    records = [_record(donor, arrays) for donor in kept]
    header = json.dumps({"values": sum(map(np.size, arrays)), "donors": records}).encode()
    # Padded, so that the mapped values are aligned.
    header += b" " * (-(len(header) + 8) % _ALIGNED)

    def content(file: BinaryIO) -> None:
        file.write(len(header).to_bytes(8, "little") + header)
        for array in arrays:
            file.write(np.ascontiguousarray(array, "<f4").tobytes())

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return len(kept)


def read_pack(path: Path) -> tuple[DonorNetwork, ...]:
    """The donors that `write_pack` wrote, mapped read-only. Raises `WeightsError` for a missing or damaged file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        values = np.zeros(0, np.float32)
        if header["values"]:  # numpy cannot map zero values
            values = np.memmap(path, "<f4", "r", offset=8 + length, shape=(header["values"],))
        return tuple(_donor(record, values) for record in header["donors"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise WeightsError(
            f"the pack of donors {path} cannot be read ({error}): run again with --index DIR."
        ) from error


def _smallest(chosen: Sequence[DonorNetwork], most_bytes: int) -> list[DonorNetwork]:
    """The smallest donors that fit into `most_bytes` together, in their original order."""
    sizes = [sum(layer.weight.nbytes for layer in donor.layers) for donor in chosen]
    kept, used = [], 0
    for n in np.argsort(sizes, kind="stable"):
        used += sizes[n]
        if used <= most_bytes:  # sizes ascend: after one that does not fit, no other does
            kept.append(int(n))
    return [chosen[n] for n in sorted(kept)]


def _record(donor: DonorNetwork, arrays: list[Floats]) -> dict[str, Any]:
    """The header's record of a donor; its arrays are appended to `arrays`."""
    place = sum(map(np.size, arrays))
    layers = []
    for layer in donor.layers:
        values = {"weight": layer.weight, "bias": layer.bias}
        if layer.norm is not None:
            norm = layer.norm
            values |= {"scale": norm.scale, "shift": norm.shift, "mean": norm.mean, "variance": norm.variance}
        places = {}
        for name, array in values.items():
            if array is not None:
                places[name] = [place, list(array.shape)]
                place += array.size
                arrays.append(array)
        layers.append({**_plain(layer), "arrays": places})
    return {"name": donor.name, "licence": donor.licence, "layers": layers}


def _plain(layer: DonorLayer) -> dict[str, Any]:
    return {
        "id": layer.id,
        "name": layer.name,
        "groups": layer.groups,
        "stride": layer.stride,
        "links": [[k.start, k.length, k.source, k.source_start, k.step] for k in layer.links],
        "epsilon": layer.norm.epsilon if layer.norm else None,
    }


def _donor(record: dict[str, Any], values: Floats) -> DonorNetwork:
    return DonorNetwork(record["name"], tuple(_layer(layer, values) for layer in record["layers"]), record["licence"])


def _layer(record: dict[str, Any], values: Floats) -> DonorLayer:
    arrays = {
        name: values[place : place + int(np.prod(shape))].reshape(shape)
        for name, (place, shape) in record["arrays"].items()
    }
    norm = None
    if "scale" in arrays:
        norm = DonorBatchNorm(arrays["scale"], arrays["shift"], arrays["mean"], arrays["variance"], record["epsilon"])
    return DonorLayer(
        id=record["id"],
        name=record["name"],
        weight=arrays["weight"],
        links=tuple(Link(*link) for link in record["links"]),
        bias=arrays.get("bias"),
        norm=norm,
        groups=record["groups"],
        stride=(record["stride"][0], record["stride"][1]),
    )
