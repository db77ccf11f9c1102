"""The gallery of an index's standard kernels: a picture, or an HTML page with inlined pictures."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gi.core.errors import WeightsError
from gi.core.files import write_whole
from gi.core.quoting import html_text
from gi.kernels.index.reader import Index
from gi.kernels.mining.classes import minable_shapes
from gi.kernels.mining.exhibits import Exhibit, Room, room_of
from gi.kernels.mining.poster import LEGEND, poster, tile
from gi.kernels.records import Floats


def write_gallery(
    index: Index, out: Path, *, shapes: Sequence[tuple[int, ...]], k: int, seed: int = 0
) -> tuple[Room, ...]:
    """Writes the gallery to a .png or .html file and returns its rooms. Raises `WeightsError`.

    Without `shapes` it shows the most frequent 2-D shape other than 1x1.
    """
    if out.suffix not in (".png", ".html"):
        raise WeightsError(f"{out} is neither .png nor .html: the suffix chooses the format.")
    wanted = list(shapes) or list(minable_shapes(index))[:1]
    if not wanted:
        raise WeightsError("the index has no 2-D kernels larger than 1x1: there is nothing to show.")
    rooms = tuple(room_of(index, shape, k=k, seed=seed) for shape in wanted)
    networks = int((index.column("networks", "reason") == "").sum())
    title = f"Standard kernels of {networks} networks"
    content = poster(rooms, title) if out.suffix == ".png" else _page(rooms, title).encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, content)
    return rooms


def _page(rooms: Sequence[Room], title: str) -> str:
    parts = [_HEAD.format(title=html_text(title), legend=html_text(LEGEND))]
    for room in rooms:
        parts.append(f"<h2>{html_text(room.heading)}</h2><div class=room>")
        parts += [_card(exhibit) for exhibit in room.exhibits]
        parts.append("</div>")
    return "\n".join([*parts, "</body></html>\n"])


def _card(exhibit: Exhibit) -> str:
    names = "<br>".join(f"{html_text(name)} {share:.0%}" for name, share in exhibit.networks)
    near = "".join(
        f"<figure>{_image(kernel, 32)}<figcaption>{id_}</figcaption></figure>"
        for kernel, id_ in zip(exhibit.nearest, exhibit.nearest_ids.tolist(), strict=True)
    )
    return (
        f"<section>{_image(exhibit.centre, 72)}<div><b>class {exhibit.number}</b> {exhibit.share:.2%}"
        f"<p>{names}</p><div class=near>{near}</div></div></section>"
    )


def _image(kernel: Floats, size: int) -> str:
    """An image element with inlined pixels, at most `size` wide and high."""
    from PIL import Image

    pixels = (tile(kernel) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    # One pixel for each weight: the page scales them without smoothing (`image-rendering: pixelated`).
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    height, width = (max(1, round(size * side / max(kernel.shape))) for side in kernel.shape)
    numbers = "&#10;".join(" ".join(f"{value:.3g}" for value in row) for row in np.asarray(kernel).tolist())
    return f'<img src="data:image/png;base64,{data}" width={width} height={height} title="{numbers}" alt="">'


_HEAD = """<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>
<style>body{{font:14px sans-serif;margin:2em}} img{{image-rendering:pixelated;border:1px solid #999}}
.room{{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:12px}}
section{{display:flex;gap:10px;align-items:flex-start}} p{{margin:2px 0;font-size:12px;color:#444}}
.near{{display:flex;gap:4px}} figure{{margin:0}} figcaption{{font-size:9px;color:#666}}</style><body>
<h1>{title}</h1><p>{legend} The ids below the small ones are for <code>gi index query</code>; hover over a kernel for
its values.</p>"""
