"""Which clusterer, and does the classifier tell more than frequency? See README.md."""

import argparse
import contextlib
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import sklearn.cluster  # noqa: F401 (libraries have to be loaded before their threads are limited)
from threadpoolctl import threadpool_limits

from gi.jobs.index.sources import file_sources
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index
from gi.kernels.mining.classes import directions
from gi.kernels.mining.classifier import fit, most_likely, sampled
from gi.kernels.mining.clustering import CLUSTERERS, assigned
from gi.kernels.mining.trees import Forest, ParentPositions, vocabulary

with contextlib.suppress(ImportError):
    import faiss  # noqa: F401

HERE = Path(__file__).parent
SHAPE = (3, 3)
K = 64
SEEDS = (0, 1, 2)
LARGE = 1_000_000
FIELDS = ("features", "parents", "layers", "channels", "groups")
LARGEST_LAYER = 64  # channels of a layer whose rank is taken


def main():
    options = parsed()
    started = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        build(file_sources([options.onnx]), Path(scratch, "index"))
        index = Index.open(Path(scratch, "index"))
        found = {
            "kernels": len(index.kernels(SHAPE)),
            "clusterers": clusterers(index),
            "classifier": [scored(index, depth, seed) for depth in (2, 3) for seed in SEEDS],
        }
    found["cpu_s"] = round(time.process_time() - started)
    (HERE / options.out).write_text(json.dumps(found, indent=1) + "\n")
    (HERE / options.out).with_suffix(".md").write_text(tables(found))
    print(tables(found))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=Path, default=os.environ.get("GI_ONNX"), required="GI_ONNX" not in os.environ)
    parser.add_argument("--out", default="results.json")
    return parser.parse_args()


def clusterers(index):
    """Each clusterer on the index's kernels, and on a million made of them."""
    own = directions(np.array(index.kernels(SHAPE)))
    own = own[own.any(axis=1)]
    rng = np.random.default_rng(0)
    many = own[rng.integers(len(own), size=LARGE)]
    many = directions(many + rng.normal(0, 0.1 / 3, many.shape).astype(np.float32))
    sets = [("the index's", own, 64), ("the index's", own, 256), ("made of them", many, 256)]
    return [clustered(name, divide, *each) for each in sets for name, divide in CLUSTERERS.items()]


def clustered(name, divide, what, vectors, k):
    seeds = SEEDS if len(vectors) < LARGE else SEEDS[:1]
    seconds, inertias, alike = [], [], []
    for seed in seeds:
        begun = time.process_time()
        made = divide(vectors, k, seed=seed)
        seconds.append(time.process_time() - begun)
        labels, distances = assigned(vectors, made.centres)
        inertias.append(float(distances.mean()))
        alike.append(float(np.bincount(labels, minlength=k).max() / len(vectors)))
    return {
        "clusterer": name, "kernels": what, "count": len(vectors), "k": k, "cpu_s": mean(seconds),
        "inertia": mean(inertias), "inertia_range": [round(min(inertias), 4), round(max(inertias), 4)],
        "largest_class": mean(alike),
    }  # fmt: skip


def scored(index, depth, seed):
    """The classifier on each group of networks in turn, which it has not seen."""
    words = vocabulary(index, SHAPE, k=K, seed=seed)
    classes = words.classes[SHAPE]
    sites = Forest(index, words).sites(SHAPE, depth=depth)
    flat = classes.centres.reshape(classes.k, -1)
    return {
        "depth": depth, "seed": seed,
        "groups": [
            held_out(index, classes, flat @ flat.T, sites, int(group), seed) for group in np.unique(sites.groups)
        ],
    }  # fmt: skip


def held_out(index, classes, cosines, sites, group, seed):
    train, test = part(sites, sites.groups != group), part(sites, sites.groups == group)
    predicted = fit(train, seed=seed).probabilities(test.features)
    frequency = train.parents.sum(axis=0) + 0.5
    prior = np.broadcast_to(frequency / frequency.sum(), predicted.shape)
    count = int(test.parents.sum())
    network = int(index.column("layers", "network")[test.layers[0]])
    answers = {"classifier": predicted, "frequency": prior}
    return {
        "network": str(index.column("networks", "name")[network]), "sites": len(test.layers), "parents": count,
        **{f"{name}_{what}": value for name, each in answers.items()
           for what, value in measured(each, test.parents, cosines, count).items()},
        "ranks": ranks(classes, predicted, test, index, seed),
    }  # fmt: skip


def measured(answer, parents, cosines, count):
    """Top-1, top-5, log loss, and the cosine of the true class's centre to the likeliest's and to a drawn one's."""
    order = np.argsort(-answer, axis=1, kind="stable")
    near = parents @ cosines  # (sites, k): the summed cosine of a centre to the true ones
    return {
        "top1": round(float(np.take_along_axis(parents, order[:, :1], 1).sum() / count), 4),
        "top5": round(float(np.take_along_axis(parents, order[:, :5], 1).sum() / count), 4),
        "log_loss": round(float(-(parents * np.log(np.maximum(answer, 1e-9))).sum() / count), 4),
        "likeliest_cosine": round(float(np.take_along_axis(near, order[:, :1], 1).sum() / count), 4),
        "drawn_cosine": round(float((near * answer).sum() / count), 4),
    }  # fmt: skip


def ranks(classes, predicted, test, index, seed):
    """The effective rank of layers as they are and as they are answered: exp of the entropy of squared singulars."""
    found = []
    for layer in np.unique(test.layers):
        rows = test.layers == layer
        record = index.layer(int(layer))
        width = min(LARGEST_LAYER, record.out_channels)
        if record.groups > 1 or width < 16:
            continue
        rng = np.random.default_rng(seed)
        real = np.array(index.weight(int(layer)))[:width][:, test.channels[rows]].transpose(1, 0, 2, 3)
        ways = {
            "real": real, "likeliest": most_likely(classes, predicted[rows], width),
            "drawn": sampled(classes, predicted[rows], width, rng),
        }  # fmt: skip
        found.append({name: round(effective_rank(weight), 2) for name, weight in ways.items()})
    return found


def effective_rank(weight):
    """Of (in, out, h, w) kernels as a matrix with a row for each output channel."""
    matrix = np.moveaxis(weight, 1, 0).reshape(weight.shape[1], -1)
    power = np.linalg.svd(matrix, compute_uv=False) ** 2
    share = power[power > 0] / power.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def part(sites, chosen):
    return ParentPositions(*(getattr(sites, name)[chosen] for name in FIELDS))


def mean(values):
    return round(float(np.mean(values)), 4)


def tables(found):
    lines = ["| clusterer | kernels | k | CPU s | inertia | range | largest class |", "| --- |" + " --- |" * 6]
    lines += [
        f"| {c['clusterer']} | {c['count']:,} {c['kernels']} | {c['k']} | {c['cpu_s']:.2f} | {c['inertia']:.4f} | "
        f"{c['inertia_range'][0]:.4f} to {c['inertia_range'][1]:.4f} | {c['largest_class']:.1%} |"
        for c in found["clusterers"]
    ]
    lines += ["", "| depth | what | top-1 | top-5 | log loss | likeliest's cosine | drawn one's cosine |",
              "| --- |" + " --- |" * 6]  # fmt: skip
    for depth in (2, 3):
        runs = [run for run in found["classifier"] if run["depth"] == depth]
        lines += [summary(depth, runs, name) for name in ("classifier", "frequency")]
    lines += ["", "| network held out | parents | classifier top-1 | majority top-1 | log loss | of frequencies |",
              "| --- |" + " --- |" * 5]  # fmt: skip
    last = [run for run in found["classifier"] if run["depth"] == 3]
    for number, group in enumerate(last[0]["groups"]):
        same = [run["groups"][number] for run in last]
        values = [mean([each[key] for each in same]) for key in
                  ("classifier_top1", "frequency_top1", "classifier_log_loss", "frequency_log_loss")]  # fmt: skip
        lines.append(f"| {group['network']} | {group['parents']:,} | {values[0]:.1%} | {values[1]:.1%} | "
                     f"{values[2]:.3f} | {values[3]:.3f} |")  # fmt: skip
    layers = [layer for run in last for group in run["groups"] for layer in group["ranks"]]
    count = len(layers) // len(SEEDS)
    lines += [
        "",
        f"| effective rank, median of {count} layers | real | likeliest | drawn |",
        "| --- | --- | --- | --- |",
    ]
    medians = [f"{np.median([layer[name] for layer in layers]):.1f}" for name in ("real", "likeliest", "drawn")]
    return "\n".join([*lines, f"| 16 to {LARGEST_LAYER} channels | {' | '.join(medians)} |", ""])


def summary(depth, runs, name):
    """Means over parents of all networks, and over seeds; for top-1 the range over seeds."""
    cells = []
    for key in ("top1", "top5", "log_loss", "likeliest_cosine", "drawn_cosine"):
        values = []
        for run in runs:
            weights = [group["parents"] for group in run["groups"]]
            values.append(np.average([group[f"{name}_{key}"] for group in run["groups"]], weights=weights))
        form = "{:.1%}" if key.startswith("top") else "{:.3f}"
        cells.append(form.format(np.mean(values)))
        if key == "top1":
            cells[-1] += f" ({form.format(min(values))} to {form.format(max(values))})"
    return f"| {depth} | {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
