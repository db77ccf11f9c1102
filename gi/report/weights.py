"""Tables of the weight-search index: added files, contents, one kernel."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from gi.core.quoting import shown
from gi.report.table import plain, table


def built_table(files: Sequence[Mapping[str, Any]]) -> Table:
    """Each file with its numbers of layers and kernels, or the reason of its refusal."""
    built = table("file", "layers", "kernels", "left out", "", right=("layers", "kernels", "left out"))
    for file in files:
        note = file["reason"] or ("known already" if file["known"] else "")
        counts = [f"{file[key]:,}" if file[key] else "" for key in ("layers", "kernels", "refused_layers")]
        built.add_row(plain(file["name"]), *counts, plain(note))
    return built


def info_tables(index: Mapping[str, Any]) -> Iterator[Table | str]:
    """The contents of an index: counts, kernels by shape, networks, refused files and layers."""
    yield (
        f"{index['networks']} networks, {index['layers']:,} layers, {index['kernels']:,} kernels; "
        f"{index['refused_files']} files and {index['refused_layers']} layers refused"
    )
    shapes = table("kernel", "stored", right=("stored",))
    for name, count in index["stored_kernels"].items():
        shapes.add_row(name, f"{count:,}")
    yield shapes
    yield _networks_table([file for file in index["files"] if not file["reason"]])
    if index["refused_files"]:
        refused = table("refused", "reason")
        for file in index["files"]:
            if file["reason"]:
                refused.add_row(plain(file["name"]), plain(file["reason"]))
        yield refused
    if index["left_out"]:
        yield _left_out_table(index["left_out"])


def _left_out_table(layers: Sequence[Mapping[str, str]]) -> Table:
    """The layers that were left out, one row for each file and reason."""
    rows: dict[tuple[str, str], list[str]] = {}
    for layer in layers:
        rows.setdefault((layer["file"], layer["reason"]), []).append(layer["layer"])
    left_out = table("file", "layers left out", "reason")
    for (file, reason), names in rows.items():
        left_out.add_row(plain(file), plain(", ".join(names)), plain(reason))
    return left_out


def _networks_table(files: Sequence[Mapping[str, Any]]) -> Table:
    """The networks, with the operators at which tracing of channels ends, licence and origin."""
    networks = table("network", "layers", "kernels", "ends at", "licence", "origin", right=("layers", "kernels"))
    for file in files:
        networks.add_row(
            plain(file["name"]), f"{file['layers']:,}", f"{file['kernels']:,}", plain(file["opaque"]),
            plain(file["licence"]), plain(_short_origin(file["origin"])),
        )  # fmt: skip
    return networks


# Only for GitHub's form: the parts of other origins have no known meaning.
def _short_origin(origin: str) -> str:
    """Repository and commit of a file on GitHub, any other origin unchanged; JSON answers hold it whole."""
    match = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/blob/([0-9a-f]{7})[0-9a-f]*/.*", origin)
    return f"github.com/{match[1]} {match[2]}" if match else origin


def kernel_tables(answer: Mapping[str, Any]) -> Iterator[Table | str]:
    """One kernel: its numbers, parents and children, nearest kernels, and the filters that read it."""
    if "kernel" in answer:
        layer = f"layer {answer['layer']} {answer['layer_name']} ({answer['kind']} {answer['shape']})"
        channels = f"output channel {answer['out']}, input channel {answer['in_channel']}"
        yield shown(f"kernel {answer['kernel']}: {answer['network']}, {layer}, {channels}")
    yield _numbers(answer["values"])
    for kin in ("children", "parents"):
        if kin in answer:
            ids = ", ".join(map(str, answer[kin]["ids"]))
            yield f"{answer[kin]['count']} {kin}{': ' if ids else ''}{ids}{_more(answer[kin])}"
    if answer.get("next_filters"):
        yield _filters_table(answer["next_filters"])
    if answer["nearest"]:
        yield _nearest_table(answer["nearest"])


def _numbers(values: Any) -> str:
    """A line for each row of a kernel, and an empty line between the planes of a 3-d one."""
    if not isinstance(values[0], list):
        return "  ".join(f"{value:9.4f}" for value in values)
    between = "\n\n" if isinstance(values[0][0], list) else "\n"
    return between.join(_numbers(part) for part in values)


def _more(kin: Mapping[str, Any]) -> str:
    return ", ..." if kin["count"] > len(kin["ids"]) else ""


def _filters_table(filters: Sequence[Mapping[str, Any]]) -> Table:
    readers = table("read by layer", "kernels", "filters", "input", "its input maps", title="next filters")
    for row in filters:
        maps = ", ".join(_map_text(one) for one in row["maps"])
        first, last = row["filters"]
        readers.add_row(
            plain(f"{row['layer']} {row['name']}"), f"{row['kind']} {row['shape']}", f"{first} to {last}",
            str(row["input_channel"]), plain(maps),
        )  # fmt: skip
    return readers


def _map_text(one: Mapping[str, Any]) -> str:
    last = one["start"] + one["step"] * (one["length"] - 1)
    by = f" by {one['step']}" if one["step"] != 1 else ""
    return f"{one['start']} to {last}{by} from layer {one['source']}{' through depthwise' if one['through'] else ''}"


def _nearest_table(nearest: Sequence[Mapping[str, Any]]) -> Table:
    measure = "difference" if "difference" in nearest[0] else "similarity"
    neighbours = table("kernel", measure, "network", "layer", "out", "in", right=("kernel", measure, "out", "in"),
                 title="nearest")  # fmt: skip
    for row in nearest:
        layer = plain(f"{row['layer']} {row['layer_name']}")
        neighbours.add_row(
            str(row["kernel"]), f"{row[measure]:.4g}", plain(row["network"]), layer, str(row["out"]), str(row["in"])
        )
    return neighbours
