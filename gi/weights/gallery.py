"""The standard kernels of an index as a picture: each class with its frequency, networks and nearest real kernels."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gi.errors import WeightsError
from gi.weights.classes import KernelClasses, directions, kernel_classes, minable_shapes
from gi.weights.clustering import assigned
from gi.weights.index import Index
from gi.weights.records import Floats, Ints, shape_name

_NEAREST = 4
_NAMED = 3  # networks that a class names
_CHUNK = 1 << 18
_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One class: its number, centre, share of all stored kernels of the shape, networks and nearest real kernels.

    `networks` are the names of those with the most of it, each with its share of the class; `nearest` (n, *shape).
    """

    number: int
    centre: Floats
    share: float
    networks: tuple[tuple[str, float], ...]
    nearest: Floats
    nearest_ids: Ints


def exhibits(index: Index, shape: tuple[int, ...], *, k: int, seed: int = 0) -> list[Exhibit]:
    """The classes of a shape, the most frequent first."""
    classes = kernel_classes(index, shape, k=k, seed=seed)
    labels, distances = _labelled(index, classes)
    owners = _networks(index, shape, len(labels))
    made = []
    for number in range(classes.k):
        rows = np.flatnonzero(labels == number)
        near = rows[np.argsort(distances[rows], kind="stable")[:_NEAREST]]
        ids = index.ids(shape, near) if len(near) else near
        names = _most_frequent(index, owners[rows])
        kernels = np.array(index.kernels(shape)[near])
        made.append(Exhibit(number, classes.centres[number], len(rows) / len(labels), names, kernels, ids))
    return sorted(made, key=lambda exhibit: -exhibit.share)


def write_gallery(index: Index, out: Path, *, shapes: Sequence[tuple[int, ...]], k: int, seed: int = 0) -> int:
    """Writes the gallery to a .png or .html file and returns how many classes it shows. Raises `WeightsError`."""
    if out.suffix not in (".png", ".html"):
        raise WeightsError(f"{out} is neither .png nor .html: name the file after the form that you want.")
    wanted = list(shapes) or list(minable_shapes(index))[:1]
    if not wanted:
        raise WeightsError("the index has no 2-D kernels larger than 1x1: there is nothing to show.")
    rooms = {shape: exhibits(index, shape, k=k, seed=seed) for shape in wanted}
    content = _png(rooms) if out.suffix == ".png" else _html(rooms, index).encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}")
    draft.write_bytes(content)
    draft.replace(out)
    return sum(map(len, rooms.values()))


def gallery_json(exhibit: Exhibit) -> dict[str, Any]:
    """One class as plain JSON values."""
    return {
        "class": exhibit.number,
        "share": round(exhibit.share, 5),
        "centre": np.round(exhibit.centre, 4).tolist(),
        "networks": [{"name": name, "share": round(share, 4)} for name, share in exhibit.networks],
        "nearest": exhibit.nearest_ids.tolist(),
    }


def _labelled(index: Index, classes: KernelClasses) -> tuple[Ints, Floats]:
    """The class of every stored kernel of the shape, and its squared distance to the centre."""
    kernels, centres = index.kernels(classes.shape), classes.centres.reshape(classes.k, -1)
    starts = range(0, len(kernels), _CHUNK)
    parts = [assigned(directions(kernels[start : start + _CHUNK]), centres) for start in starts]
    labels, distances = zip(*parts, strict=True)
    return np.concatenate(labels), np.concatenate(distances)


def _networks(index: Index, shape: tuple[int, ...], count: int) -> Ints:
    """The network of each stored kernel of the shape."""
    ids = index.ids(shape, np.arange(count))
    layers = np.searchsorted(index.column("layers", "base"), ids, side="right") - 1
    return np.asarray(index.column("layers", "network")[layers], np.int64)


def _most_frequent(index: Index, owners: Ints) -> tuple[tuple[str, float], ...]:
    found, counts = np.unique(owners, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_NAMED]
    names = index.column("networks", "name")
    return tuple((str(names[found[n]]), float(counts[n] / len(owners))) for n in order)


def _tile(kernel: Floats) -> Floats:
    """(h, w, 3) colours of 0..1: red above zero, blue below, white at it."""
    level = np.clip(kernel / max(float(np.abs(kernel).max()), 1e-9), -1, 1)
    return np.stack([1 - np.maximum(-level, 0), 1 - np.abs(level), 1 - np.maximum(level, 0)], axis=-1)


def _png(rooms: dict[tuple[int, ...], list[Exhibit]]) -> bytes:
    from matplotlib.figure import Figure

    total = sum(-(-len(room) // _COLUMNS) for room in rooms.values())
    figure = Figure(figsize=(3.4 * _COLUMNS, 0.95 * total + 0.4), dpi=100)
    grid = figure.add_gridspec(max(1, total), _COLUMNS * (_NEAREST + 3), wspace=0.25, hspace=0.9)
    top = 0
    for shape, room in rooms.items():
        for n, exhibit in enumerate(room):
            row, column = top + n // _COLUMNS, n % _COLUMNS * (_NEAREST + 3)
            title = (
                f"{shape_name(shape)}: {exhibit.share:.1%}, {exhibit.networks[0][0][:22] if exhibit.networks else ''}"
            )
            axes = figure.add_subplot(grid[row, column : column + 2])
            axes.imshow(_tile(exhibit.centre))
            axes.set_title(title, fontsize=6, loc="left")
            axes.axis("off")
            for m, kernel in enumerate(exhibit.nearest):
                small = figure.add_subplot(grid[row, column + 2 + m])
                small.imshow(_tile(kernel))
                small.axis("off")
        top += -(-len(room) // _COLUMNS)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def _html(rooms: dict[tuple[int, ...], list[Exhibit]], index: Index) -> str:
    parts = [_HEAD.format(count=f"{index.num_kernels:,}", networks=index.networks.num_rows)]
    for shape, room in rooms.items():
        parts.append(f"<h2>{shape_name(shape)}: {len(room)} classes</h2><div class=room>")
        parts += [_card(exhibit) for exhibit in room]
        parts.append("</div>")
    return "\n".join([*parts, "</body></html>\n"])


def _card(exhibit: Exhibit) -> str:
    names = "<br>".join(f"{html.escape(name)} {share:.0%}" for name, share in exhibit.networks)
    near = "".join(
        f"<figure>{_image(kernel, 32)}<figcaption>{id_}</figcaption></figure>"
        for kernel, id_ in zip(exhibit.nearest, exhibit.nearest_ids.tolist(), strict=True)
    )
    return (
        f"<section>{_image(exhibit.centre, 72)}<div><b>class {exhibit.number}</b> {exhibit.share:.2%}"
        f"<p>{names}</p><div class=near>{near}</div></div></section>"
    )


def _image(kernel: Floats, size: int) -> str:
    """An image element that holds its own pixels."""
    from PIL import Image

    pixels = (np.atleast_3d(_tile(kernel)) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    numbers = html.escape(np.array2string(np.asarray(kernel), precision=2))
    return f'<img src="data:image/png;base64,{data}" width={size} height={size} title="{numbers}" alt="">'


_HEAD = """<!doctype html><html lang=en><meta charset=utf-8><title>Standard kernels</title>
<style>body{{font:14px sans-serif;margin:2em}} img{{image-rendering:pixelated;border:1px solid #999}}
.room{{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:12px}}
section{{display:flex;gap:10px}} p{{margin:2px 0;font-size:12px;color:#444}} .near{{display:flex;gap:4px}}
figure{{margin:0}} figcaption{{font-size:9px;color:#666}}</style><body>
<h1>Standard kernels</h1><p>Classes of the kernels of {networks} networks ({count} kernels), by direction. Large: the
centre of the class, with its share and the networks that have most of it. Small: the nearest real kernels with their
ids. Red is positive, blue negative, each kernel on its own scale.</p>"""
