"""The donors of an index: its networks with weights and the links between their layers."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from gi.core.errors import WeightsError
from gi.kernels.donors.donors import IMAGE, DonorBatchNorm, DonorLayer, DonorNetwork, Link
from gi.kernels.donors.pack import write_pack
from gi.kernels.index.reader import Index
from gi.kernels.records import Layer, Network


def donors(index: Index) -> Iterator[DonorNetwork]:
    """Each network of the index with at least one 2-D convolution of known scale that reads the image, in order."""
    segments = _segments(index)
    for row in range(index.networks.num_rows):
        network = index.network(row)
        donor = _donor(index, network, segments)
        if any(IMAGE in layer.sources for layer in donor.layers):
            yield donor


def index_pack(index: Index, folder: Path) -> Path:
    """The pack of an index's donors in `folder`, written if there is none of exactly these networks.

    Raises `WeightsError` for an index without a network that a training could start from.
    """
    contents = "\n".join(index.column("networks", "content"))
    path = folder / f"{hashlib.sha256(contents.encode()).hexdigest()[:16]}.pack"
    if not path.exists() and not write_pack(list(donors(index)), path):
        path.unlink()  # an empty pack would be reused next time
        raise WeightsError(
            f"no network of the index {index.folder} can start a training: none has a 2-D convolution that reads the "
            "image. Add networks with `gi index build`, or leave --index out."
        )
    return path


def _donor(index: Index, network: Network, segments: dict[int, list[Link]]) -> DonorNetwork:
    layers = [index.layer(int(id_)) for id_ in index.layer_ids(network.id)]
    # The index does not store inputs of networks: that of the first convolution is assumed to be the image.
    image = layers[0].reads if layers else ""
    flat = [x for x in layers if len(x.shape) == 2 and x.scaled and x.kind != "transposed"]
    donor_layers = tuple(_layer(index, layer, segments.get(layer.id, []), layer.reads == image) for layer in flat)
    return DonorNetwork(network.name, donor_layers, network.licence)


def _layer(index: Index, layer: Layer, links: list[Link], reads_image: bool) -> DonorLayer:
    if not links and reads_image:
        links = [Link(0, layer.in_channels, IMAGE)]
    norm = index.batchnorm(layer.id)
    return DonorLayer(
        id=layer.id,
        name=layer.name,
        weight=index.weight(layer.id),
        links=tuple(links),
        bias=index.bias(layer.id),
        norm=None if norm is None else DonorBatchNorm(*norm, layer.epsilon),
        groups=layer.groups,
        stride=(layer.strides[0], layer.strides[1]) if len(layer.strides) == 2 else (1, 1),
    )


def _segments(index: Index) -> dict[int, list[Link]]:
    """The direct links of every layer, one for each input channel where a segment has gaps."""
    links_of: dict[int, list[Link]] = {}
    for row in index.segments.to_pylist():
        # Channels that pass a depthwise layer are linked through that layer, which has its own links.
        if row["through"]:
            continue
        links = links_of.setdefault(row["layer"], [])
        if row["step"] == 1:
            links.append(Link(row["start"], row["length"], row["source"], row["source_start"], row["stride"]))
        else:
            links += [
                Link(row["start"] + k * row["step"], 1, row["source"], row["source_start"] + k * row["stride"])
                for k in range(row["length"])
            ]
    return links_of
