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

sys.path.insert(0, str(Path(__file__).parent))
from networks import TORCHVISION, export, own, torchvision_network
from truth import Truth

from gi.kernels.index.addition import ModelFile
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index

HERE = Path(__file__).parent
REAL = (
    "trained/yunet_s_dynamic.onnx", "trained/ultraface_RFB_320_simplified.onnx", "trained/cifar_deep_kw.onnx",
    "trained/ultraface_slim_320_simplified.onnx", "trained/espcn_nn_resize.onnx", "trained/trt_residual_block.onnx",
)  # fmt: skip


def main():
    options = parsed()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files(Path(folder), options):
            rows.append(tested(name, path, Path(folder, "index", name.replace("/", "-")), options))
            print(rows[-1], file=sys.stderr)
            write_csv(HERE / options.out, rows)
    wrong = sum(row["wrong"] for row in rows)
    print(
        f"{len(rows)} networks, {sum(row['pairs'] for row in rows)} layer pairs, "
        f"{sum(row['channels'] for row in rows)} channels changed, {wrong} wrong"
    )
    return 1 if wrong else 0


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--channels", type=int, default=3, help="channels changed in each producing layer")
    parser.add_argument("--only", default="", help="networks whose name has this in it")
    parser.add_argument("--onnx", type=Path, default=os.environ.get("GI_ONNX"), help="a folder of real ONNX files")
    parser.add_argument("--out", default="results.csv")
    return parser.parse_args()


def files(folder, options):
    """Each network's name and ONNX file, made on the way."""
    torch.manual_seed(options.seed)
    for name, size in TORCHVISION.items():
        if options.only in name:
            export(torchvision_network(name), size, folder / f"{name}.onnx")
            yield name, folder / f"{name}.onnx"
    for name, (network, size) in own().items():
        if options.only in name:
            export(network, size, folder / f"{name}.onnx", opset=13)
            yield name, folder / f"{name}.onnx"
    for name in REAL if options.onnx else ():
        if options.only in name:
            yield name, Path(options.onnx, name)


def tested(name, path, folder, options):
    """Compares one network: every consuming layer, for some channels of every producing layer."""
    started = time.process_time()
    build([ModelFile(path, name)], folder, keep_untrained=True)
    built = time.process_time() - started
    index = Index.open(folder)
    layers = [index.layer(layer) for layer in range(index.layers.num_rows)]
    truth = Truth(path, options.seed)
    rng = np.random.default_rng(options.seed)
    pairs = channels = wrong = 0
    for producer in layers:
        count = min(options.channels, producer.out_channels)
        for channel in rng.choice(producer.out_channels, count, replace=False).tolist():
            moved = truth.moved(producer.writes, channel)
            channels += 1
            for consumer in layers:
                said, true = claimed(index, producer, consumer, channel), moved.get(consumer.reads, set())
                pairs += bool(said or true)
                if said != true:
                    wrong += 1
                    print(
                        f"{name}: {producer.writes}[{channel}] -> {consumer.reads}: said {sorted(said)[:8]}, "
                        f"true {sorted(true)[:8]}",
                        file=sys.stderr,
                    )
    network = index.network(0)
    return {
        "network": name, "layers": len(layers), "kernels": network.kernels, "segments": index.segments.num_rows,
        "opaque": network.opaque, "build_cpu_s": round(built, 2), "channels": channels, "pairs": pairs, "wrong": wrong,
    }  # fmt: skip


def claimed(index, producer, consumer, channel):
    """The input channels of `consumer` that the index says are fed by a channel, from children and parents alike."""
    kernel = producer.base + channel * (producer.in_channels // producer.groups)
    width = consumer.in_channels // consumer.groups
    parents = index.parents(kernel)
    ours = parents[(parents >= consumer.base) & (parents < consumer.base + consumer.num_kernels)] - consumer.base
    found = set()
    for row, inside in {(int(place) // width, int(place) % width) for place in ours.tolist()}:
        found.add(row // (consumer.out_channels // consumer.groups) * width + inside)
        if len(found) <= 2:
            assert kernel in index.children(consumer.base + row * width + inside), "children and parents disagree"
    return found


if __name__ == "__main__":
    sys.exit(main())
