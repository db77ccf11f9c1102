"""The answers of `gi index info` and `gi index query`, as JSON objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gi.core.errors import WeightsError
from gi.kernels.index.nearest import Nearest
from gi.kernels.index.reader import Index
from gi.kernels.records import Floats, Ints, shape_name


def info(index: Index) -> dict[str, Any]:
    """The contents of an index: counts, shapes, licences, files."""
    rows = index.networks.to_pylist()
    taken = {(row["name"], row["origin"]) for row in rows if not row["reason"]}
    # A file that was refused once, as for lack of a connection, and added later does not count as refused.
    networks = [row for row in rows if not row["reason"] or (row["name"], row["origin"]) not in taken]
    refused = sum(1 for row in networks if row["reason"])
    return {
        "networks": len(networks) - refused,
        "refused_files": refused,
        "layers": index.layers.num_rows,
        "refused_layers": index.refused.num_rows,
        "segments": index.segments.num_rows,
        "copied_layers": int(index.column("layers", "copy").sum()),
        "kernels": index.num_kernels,
        "stored_kernels": {shape_name(shape): count for shape, count in index.shapes.items()},
        "licences": _counts([row["licence"] for row in networks if not row["reason"]]),
        "formats": _counts([row["format"] for row in networks if not row["reason"]]),
        "files": [
            {key: row[key] for key in ("name", "layers", "kernels", "refused", "opaque", "licence", "origin", "reason")}
            for row in networks
        ],
        "left_out": _left_out(index, networks),
    }


def _left_out(index: Index, networks: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Every refused layer of these networks, with the reason."""
    names = {row["id"]: row["name"] for row in networks}
    return [
        {"file": names[row["network"]], "layer": row["layer"], "reason": row["reason"]}
        for row in index.refused.to_pylist()
        if row["network"] in names
    ]


def kernel_answer(index: Index, kernel: int, *, limit: int, nearest: int, through: bool = True) -> dict[str, Any]:
    """One kernel: its place, values, children, parents, nearest others, and the filters that read it.

    Lists are cut at `limit`, with their whole lengths beside them. Raises `WeightsError` for an unknown id.
    """
    layer, out, channel = index.kinship.channels(kernel)
    children, parents = index.kinship.children(kernel, through=through), index.kinship.parents(kernel, through=through)
    values = np.array(index.kernel(kernel))
    return {
        **_place(index, kernel),
        "in_channel": channel,
        "values": values.tolist(),
        "children": _some(children, limit),
        "parents": _some(parents, limit),
        "next_filters": next_filters(index, layer, out, limit=limit, through=through),
        "nearest": nearest_to(index, values, nearest, but=kernel),
    }


def nearest_to(index: Index, values: Floats, count: int, *, but: int | None = None) -> list[dict[str, Any]]:
    """The nearest stored kernels to these values, without kernel `but`, each with its place; none for zeros.

    The measure is "similarity", the cosine; for 1x1 kernels, which are numbers, "difference".
    """
    if not count:
        return []
    if values.shape not in index.shapes:
        known = ", ".join(shape_name(shape) for shape in index.shapes) or "none"
        raise WeightsError(f"the index has no kernels of shape {shape_name(values.shape)}: it has {known}.")
    if values.size > 1 and not values.any():
        if but is None:
            raise WeightsError("the values are all zero: kernels are compared by direction, and zeros have none.")
        return []
    rows, near = Nearest(index, values.shape).search(values[None], count + 1)  # one more, since the kernel finds itself
    own = -1 if but is None else int(index.rows.of(np.array([but]))[0])
    # faiss returns -1 where its lists hold fewer.
    kept = [(int(row), float(score)) for row, score in zip(rows[0], near[0], strict=True) if row not in (own, -1)]
    measure = "difference" if values.size == 1 else "similarity"
    ids = index.rows.ids(values.shape, np.array([row for row, _ in kept], np.int64)).tolist()
    return [
        {**_place(index, id_), measure: float(f"{score:.5g}")}
        for id_, (_, score) in zip(ids[:count], kept[:count], strict=True)
    ]


def next_filters(index: Index, layer: int, out: int, *, limit: int, through: bool = True) -> list[dict[str, Any]]:
    """The layers that read an output channel, each with its filters' input maps: which channels of which layers.

    `maps` has for each run of input channels the layer and the channels that feed it; all filters of a layer, or of a
    group, read the same maps.
    """
    consumers = list(dict.fromkeys(index.kinship.consumers(layer, out, through=through)))
    segments = index.column("segments", "layer")
    answer = []
    for consumer, channel in consumers[:limit]:
        reader = index.layer(consumer)
        maps = index.segments.take(np.flatnonzero(segments == consumer)).drop_columns(["layer"]).to_pylist()
        width = reader.in_channels // reader.groups
        group = channel // width
        rows = reader.out_channels // reader.groups
        answer.append({
            "layer": consumer, "name": reader.name, "kind": reader.kind, "shape": shape_name(reader.shape),
            "filters": [group * rows, (group + 1) * rows - 1], "input_channel": channel,
            "in_channels": reader.in_channels, "first_kernel": reader.base + group * rows * width,
            "kernels_of_a_filter": width, "maps": maps[:limit],
        })  # fmt: skip
    return answer


def values_of(text: str, shape: str | None) -> Floats:
    """The kernel from a text such as "1,0,-1,..."; square unless `shape` is given ("3x5"). Raises `WeightsError`."""
    try:
        # With ";" as well, as `gi index export` writes them.
        values = np.array([float(part) for part in text.replace(";", ",").split(",")])
        if not (np.abs(values) < np.finfo(np.float32).max).all():  # false for NaN as well
            raise ValueError("not finite")
        sizes: Sequence[int] = tuple(map(int, shape.split("x"))) if shape else (round(values.size**0.5),) * 2
        return values.reshape(sizes).astype(np.float32)
    except ValueError as error:
        raise WeightsError(
            f"--values {text[:40]!r} are not the numbers of a kernel{' ' + shape if shape else ''}: write them row by "
            "row with commas, and --shape where it is not square."
        ) from error


def _place(index: Index, kernel: int) -> dict[str, Any]:
    layer = index.layer(index.kinship.layer_of(kernel))
    out, inside = divmod(kernel - layer.base, layer.in_channels // layer.groups)
    network = index.network(layer.network)
    return {
        "kernel": kernel, "network": network.name, "layer": layer.id, "layer_name": layer.name, "kind": layer.kind,
        "shape": shape_name(layer.shape), "out": out, "in": inside, "licence": network.licence,
        "origin": network.origin,
    }  # fmt: skip


def _some(ids: Ints, limit: int) -> dict[str, Any]:
    return {"count": len(ids), "ids": ids[:limit].tolist()}


def _counts(values: Sequence[str]) -> dict[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}
