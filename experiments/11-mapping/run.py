"""Children and parents of the index against the truth: see README.md."""

import argparse
import csv
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
import random_graphs
from networks import (
    DYNAMO,
    MORE,
    OWN,
    TIMM,
    TORCHVISION,
    export,
    export_dynamo,
    timm_network,
    torchvision_network,
)
from results import write_csv
from truth import Truth

from gi.kernels.channels.mapping import Mapped, map_channels
from gi.kernels.index.addition import IndexSource
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index
from gi.kernels.onnx.convolutions import is_convolution
from gi.kernels.onnx.reading import read_model

HERE = Path(__file__).parent
REAL = (
    "trained/yunet_s_dynamic.onnx", "trained/ultraface_RFB_320_simplified.onnx", "trained/cifar_deep_kw.onnx",
    "trained/ultraface_slim_320_simplified.onnx", "trained/espcn_nn_resize.onnx", "trained/trt_residual_block.onnx",
    "trained/super_resolution_op10.onnx", "trained/cntk_mnist_op8.onnx", "trained/rten_mnist.onnx",
    "trained/keras2onnx_mnist2.onnx", "trained/traffic_classifier64.onnx", "trained/atmega_mnist.onnx",
    "odd/light_densenet121.onnx", "odd/light_squeezenet.onnx",
)  # fmt: skip


def main():
    options = parsed()
    rows = known_rows(HERE / options.out) if options.resume else []
    known = {row["network"] for row in rows}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files(Path(folder), options, known):
            try:
                rows.append(tested(name, path, Path(folder, "index", name.replace("/", "-")), options))
            except Exception as error:  # what onnxruntime does not run has no truth
                print(f"{name}: no truth: {type(error).__name__} {str(error)[:300]}", file=sys.stderr)
                continue
            print(rows[-1], file=sys.stderr)
            write_csv(HERE / options.out, rows)
    wrong = sum(row["wrong"] for row in rows)
    print(
        f"{len(rows)} networks, {sum(row['pairs'] for row in rows)} layer pairs, "
        f"{sum(row['channels'] for row in rows)} channels changed, {sum(row['named'] for row in rows)} named as not "
        f"followed, {wrong} wrong"
    )
    return 1 if wrong else 0


def known_rows(path):
    """The rows of an earlier run, their counts as numbers."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: int(value) if value.isdigit() else value for key, value in row.items()} for row in rows]


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--channels", type=int, default=3, help="channels changed in each producing layer")
    parser.add_argument("--producers", type=int, default=1000, help="about how many producing layers of each network")
    parser.add_argument("--random", type=int, default=200, help="how many random graphs")
    parser.add_argument("--only", default="", help="networks whose name has this in it")
    parser.add_argument("--onnx", type=Path, default=os.environ.get("GI_ONNX"), help="a folder of real ONNX files")
    parser.add_argument("--resume", action="store_true", help="leave networks that the results have as they are")
    parser.add_argument("--out", default="results.csv")
    return parser.parse_args()


def files(folder, options, known):
    """Each network's name and ONNX file, made on the way."""
    torch.manual_seed(options.seed)
    for seed in range(options.random):
        path = folder / f"random-{seed}.onnx"
        if options.only in path.stem and path.stem not in known:
            random_graphs.write(seed, path)
            yield path.stem, path
    for name in REAL if options.onnx else ():
        if options.only in name and name not in known:
            yield name, Path(options.onnx, name)
    for name, size in {**dict.fromkeys(MORE, 32), **dict.fromkeys(OWN, 32), **TIMM, **TORCHVISION}.items():
        for dynamo in (False, True) if name in DYNAMO else (False,):
            whole = f"{name} (torch.export)" if dynamo else name
            path = folder / f"{whole.replace(' ', '-')}.onnx"
            if options.only not in whole or whole in known or not made(name, size, path, dynamo=dynamo):
                continue
            yield whole, path
            path.unlink()


def made(name, size, path, *, dynamo):
    """Whether the exporter could write the network."""
    network = torchvision_network(name) if name in TORCHVISION else None
    network = timm_network(name) if name in TIMM else network
    network = OWN[name]() if name in OWN else MORE[name]() if name in MORE else network
    try:
        if dynamo:
            export_dynamo(network, size, path)
        else:
            export(network, size, path, opset=13 if name in OWN else 17)
    except Exception as error:
        print(f"{path.name} is not written: {type(error).__name__} {str(error)[:200]}", file=sys.stderr)
    return path.exists()


def tested(name, path, folder, options):
    """Compares one network: every consuming layer, for some channels of every producing layer."""
    started = time.process_time()
    build([IndexSource(path, name)], folder, keep_untrained=True)
    built = time.process_time() - started
    index = Index.open(folder)
    layers = [index.layer(layer) for layer in range(index.layers.num_rows)]
    whole, known = Truth(path, options.seed), None
    rng = np.random.default_rng(options.seed)
    counts = {"channels": 0, "pairs": 0, "named": 0, "wrong": 0}
    for producer in layers[:: max(1, len(layers) // options.producers)]:
        count = min(options.channels, producer.out_channels)
        for channel in rng.choice(producer.out_channels, count, replace=False).tolist():
            moved, followed = whole.moved(producer.writes, channel), None
            counts["channels"] += 1
            for consumer in layers:
                said, true = claimed(index, producer, consumer, channel), moved.get(consumer.reads, set())
                counts["pairs"] += bool(said or true)
                if said == true:
                    continue
                known = known or Truth(path, options.seed, ends_of(path, layers))
                followed = followed or known.moved(producer.writes, channel)
                is_named = said == followed.get(consumer.reads, set())
                counts["named" if is_named else "wrong"] += 1
                if not is_named:
                    print(
                        f"{name}: {producer.writes}[{channel}] -> {consumer.reads}: said {sorted(said)[:8]}, "
                        f"true {sorted(true)[:8]}",
                        file=sys.stderr,
                    )
    network = index.network(0)
    return {
        "network": name, "layers": len(layers), "left_out": network.refused, "kernels": network.kernels,
        "segments": index.segments.num_rows, "opaque": network.opaque, "build_cpu_s": round(built, 2), **counts,
    }  # fmt: skip


def ends_of(path, layers):
    """The outputs of the operators that the index names as those that channels ended at."""
    graph = read_model(path).graph
    by_output = {layer.writes: layer for layer in layers}
    operators = [operator for operator in graph.operators if is_convolution(operator)]
    mapped = [Mapped(each, by_output[each.outputs[0]]) for each in operators if each.outputs[0] in by_output]
    return [name for operator in map_channels(graph, mapped).ends for name in operator.outputs]


def claimed(index, producer, consumer, channel):
    """The input channels of `consumer` that the index says are fed by a channel, from children and parents alike."""
    kernel = producer.base + channel * (producer.in_channels // producer.groups)
    width = consumer.in_channels // consumer.groups
    parents = index.kinship.parents(kernel)
    ours = parents[(parents >= consumer.base) & (parents < consumer.base + consumer.num_kernels)] - consumer.base
    found = set()
    for row, inside in {(int(place) // width, int(place) % width) for place in ours.tolist()}:
        found.add(row // (consumer.out_channels // consumer.groups) * width + inside)
        if len(found) <= 2:
            assert kernel in index.kinship.children(consumer.base + row * width + inside), (
                "children and parents disagree"
            )
    return found


if __name__ == "__main__":
    sys.exit(main())
