"""Exports a part of an index as CSV files for bulk import into graph databases."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gi.core.errors import WeightsError
from gi.core.files import write_whole
from gi.core.quoting import cypher_string, shown
from gi.kernels.index.reader import Index
from gi.kernels.records import Ints, Layer, shape_name

LARGEST_EDGES = 20_000_000
_NEO4J_HEADERS = {
    "kernels": ["id:ID(Kernel)", "layer:long", "out:long", "in:long", "values:float[]"],
    "layers": ["id:ID(Layer)", "network:long", "name:string", "kind:string", "shape:string"],
    "networks": ["id:ID(Network)", "name:string", "licence:string", "origin:string"],
    "children": [":START_ID(Kernel)", ":END_ID(Kernel)"],
    "members": [":START_ID(Kernel)", ":END_ID(Layer)"],
    "parts": [":START_ID(Layer)", ":END_ID(Network)"],
}
_LADYBUG = """\
CREATE NODE TABLE Kernel(id INT64, layer INT64, out INT64, inp INT64, vals STRING, PRIMARY KEY(id));
CREATE NODE TABLE Layer(id INT64, network INT64, name STRING, kind STRING, shape STRING, PRIMARY KEY(id));
CREATE NODE TABLE Network(id INT64, name STRING, licence STRING, origin STRING, PRIMARY KEY(id));
CREATE REL TABLE CHILD(FROM Kernel TO Kernel);
CREATE REL TABLE OF(FROM Kernel TO Layer);
CREATE REL TABLE PART(FROM Layer TO Network);
COPY Kernel FROM {kernels} (HEADER=false);
COPY Layer FROM {layers} (HEADER=false);
COPY Network FROM {networks} (HEADER=false);
COPY CHILD FROM {children} (HEADER=false);
COPY OF FROM {members} (HEADER=false);
COPY PART FROM {parts} (HEADER=false);
"""
_NEO4J = """\
neo4j-admin database import full \\
  --nodes=Kernel=kernels-header.csv,kernels.csv --nodes=Layer=layers-header.csv,layers.csv \\
  --nodes=Network=networks-header.csv,networks.csv --relationships=PART=parts-header.csv,parts.csv \\
  --relationships=CHILD=children-header.csv,children.csv --relationships=OF=members-header.csv,members.csv \\
  --array-delimiter=';' neo4j
"""


@dataclass(frozen=True, slots=True)
class CsvCounts:
    """The numbers of written rows."""

    networks: int
    layers: int
    kernels: int
    edges: int


def export_csv(
    index: Index, folder: Path, *, networks: Sequence[str] = (), layers: int | None = None, kernels: int | None = None
) -> CsvCounts:
    """Writes networks, layers, kernels and child edges of a part of the index; load.cypher and import.sh load them.

    `networks` are parts of names, by default all; `layers` is the number of first layers of each network; `kernels` is
    the size of an even sample of each layer. Raises `WeightsError` for no kernels or more than 20 million edges.
    """
    chosen = [index.layer(layer) for layer in _chosen(index, networks, layers)]
    sampled = {layer.id: _sample(layer, kernels) for layer in chosen}
    ids = np.sort(np.concatenate(list(sampled.values()))) if chosen else np.zeros(0, np.int64)
    if not len(ids):
        raise WeightsError(f"no network has {' or '.join(networks) or 'a kernel'}: `gi index info` lists the names.")
    # Counted before writing, so that a refusal leaves no partial export.
    num_edges = sum(len(parents) * len(children) for parents, children in _edges(index, chosen, sampled, ids))
    if num_edges > LARGEST_EDGES:
        raise WeightsError(
            f"{num_edges:,} edges are more than {LARGEST_EDGES:,}: choose fewer by --networks, --layers or --kernels. "
            "The index itself needs none of them: children are arithmetic."
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, "kernels", _kernel_rows(index, chosen, sampled))
    _write(folder, "layers", ([x.id, x.network, shown(x.name), x.kind, shape_name(x.shape)] for x in chosen))
    of = [index.network(network) for network in sorted({layer.network for layer in chosen})]
    _write(folder, "networks", ([x.id, *map(shown, (x.name, x.licence, x.origin))] for x in of))
    _write(folder, "parts", ([layer.id, layer.network] for layer in chosen))
    _write(folder, "members", ([kernel, layer] for layer, members in sampled.items() for kernel in members.tolist()))
    edges = _edges(index, chosen, sampled, ids)
    pairs = ([p, c] for parents, children in edges for p in parents.tolist() for c in children.tolist())
    _write(folder, "children", pairs)
    files = {name: cypher_string((folder.resolve() / f"{name}.csv").as_posix()) for name in _NEO4J_HEADERS}
    # The scripts come last, so that the files which they load exist.
    write_whole(folder / "load.cypher", _LADYBUG.format(**files).encode())
    write_whole(folder / "import.sh", _NEO4J.encode())
    return CsvCounts(len(of), len(chosen), len(ids), num_edges)


def _chosen(index: Index, networks: Sequence[str], layers: int | None) -> Iterator[int]:
    for network, name in zip(index.column("networks", "id"), index.column("networks", "name"), strict=True):
        if not networks or any(part in name for part in networks):
            yield from index.layer_ids(int(network))[:layers].tolist()


def _sample(layer: Layer, most: int | None) -> Ints:
    """Evenly spaced kernels of a layer; the step is coprime to the row length, so that all channels occur."""
    step = max(1, -(-layer.num_kernels // most)) if most else 1
    width = layer.in_channels // layer.groups
    while step > 1 and np.gcd(step, width) > 1:
        step += 1
    return np.arange(layer.base, layer.base + layer.num_kernels, step)


def _edges(index: Index, chosen: Sequence[Layer], sampled: dict[int, Ints], ids: Ints) -> Iterator[tuple[Ints, Ints]]:
    """(parents, children): the kernels that read one input channel, and those that make it; each pair is an edge."""
    for layer in chosen:
        members = sampled[layer.id]
        width = layer.in_channels // layer.groups
        rows, inside = np.divmod(members - layer.base, width)
        channels = rows // (layer.out_channels // layer.groups) * width + inside
        for channel in np.unique(channels).tolist():
            parents = members[channels == channel]
            # All kernels that read one channel have the same children.
            children = index.kinship.children(int(parents[0]))
            there = children[np.isin(children, ids, assume_unique=False)]
            if len(there):
                yield parents, there


def _kernel_rows(index: Index, chosen: Sequence[Layer], sampled: dict[int, Ints]) -> Iterator[list[object]]:
    for layer in chosen:
        weight = index.weight(layer.id).reshape(layer.num_kernels, -1)
        width = layer.in_channels // layer.groups
        for kernel in sampled[layer.id].tolist():
            out, inside = divmod(kernel - layer.base, width)
            values = ";".join(f"{value:.6g}" for value in weight[kernel - layer.base].tolist())
            yield [kernel, layer.id, out, inside, values]


def _write(folder: Path, name: str, rows: Iterator[list[object]]) -> None:
    _write_csv(folder / f"{name}-header.csv", iter([_NEO4J_HEADERS[name]]))
    _write_csv(folder / f"{name}.csv", rows)


def _write_csv(path: Path, rows: Iterator[Sequence[object]]) -> None:
    def content(file: BinaryIO) -> None:
        text = TextIOWrapper(file, "utf-8", newline="")
        csv.writer(text).writerows(rows)
        text.detach()  # flushes, and leaves the file open for its owner

    write_whole(path, content)
