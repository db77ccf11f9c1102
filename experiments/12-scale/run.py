"""How large an index may grow, and what a question costs then: see README.md."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

HERE = Path(__file__).parent
NETWORKS = (
    "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "vgg16", "densenet201", "googlenet", "mobilenet_v2",
    "mobilenet_v3_large", "shufflenet_v2_x1_0", "efficientnet_b0", "regnet_y_3_2gf", "squeezenet1_1", "resnext50_32x4d",
)  # fmt: skip


def main():
    options = parsed()
    files = exported(options.models, options.networks.split(","))
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        found = measured(files, Path(scratch))
    (HERE / options.out).write_text(json.dumps(found, indent=2) + "\n")
    rows = judged(found)
    (HERE / options.out).with_suffix(".md").write_text(table(rows))
    print(table(rows))
    return 0 if all(row[-1] for row in rows) else 1


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="a folder for the exported models (2 GB)")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--scratch", type=Path, help="a folder for the index (2 GB)")
    parser.add_argument("--out", default="results.json")
    return parser.parse_args()


def exported(folder, names):
    """The networks with random weights as ONNX, made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not (folder / f"{name}.onnx").exists()]
    if missing:
        import torch

        from gi.core.compat import allow_torchvision

        allow_torchvision()
        import torchvision
    for name in missing:
        torch.manual_seed(0)
        more = {"init_weights": False} if name == "googlenet" else {}
        net = torchvision.models.get_model(name, weights=None, **more).eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            part = folder / f".{name}.part"
            torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), part, dynamo=False, opset_version=17)
            part.replace(folder / f"{name}.onnx")
    return [folder / f"{name}.onnx" for name in names]


def measured(files, scratch):
    """All stages, one process each."""
    one, whole = scratch / "one", scratch / "whole"
    return {
        "one file": stage("build_index", one, files[0]),
        "build": stage("build_index", whole, *files),
        "kin": stage("ask_kin", whole, 20_000),
        "nearest": stage("ask_nearest", whole, 2000),
        "k-means": stage("cluster", whole, 1_000_000, 256),
        "databases": stage("ask_databases", one, scratch, "resnet50", 12, 300),
        "index_mb": round(sum(f.stat().st_size for f in whole.rglob("*") if f.is_file()) / 1e6),
    }  # fmt: skip


def stage(*arguments):
    print(arguments[0], file=sys.stderr)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, str(HERE / "stages.py"), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **threads})
    return json.loads(done.stdout)


def judged(found):
    """What was asked, what was found, and whether it holds."""
    one, build, kin, near, means = (found[key] for key in ("one file", "build", "kin", "nearest", "k-means"))
    data = found["databases"]
    peak = max(found[key]["peak_mb"] for key in ("build", "kin", "nearest"))
    return [
        ("ResNet-50 exploded", "under 1 s", f"{one['cpu_s']} CPU s, {one['wall_s']} s", one["cpu_s"] < 1),
        ("its peak memory", "under 400 MB", f"{one['peak_mb']} MB", one["peak_mb"] < 400),
        ("kernels in the index", "at least 50 million", f"{build['kernels']:,}", build["kernels"] >= 50e6),
        ("built at", "over 5 million / CPU s", f"{build['kernels_per_cpu_s']:,}", build["kernels_per_cpu_s"] > 5e6),
        ("children, p50", "under 50 us", f"{kin['children_us']['p50']} us", kin["children_us"]["p50"] < 50),
        ("parents, p50", "-", f"{kin['parents_us']['p50']} us", True),
        ("nearest, p50", "under 1 ms", f"{near['nearest_us']['p50']} us of {near['stored_3x3']:,}",
         near["nearest_us"]["p50"] < 1000),
        ("its recall at 10", "at least 0.95", f"{near['recall_at_10']}", near["recall_at_10"] >= 0.95),
        ("peak memory of build and queries", "under 2 GB", f"{peak} MB", peak < 2048),
        ("k = 256 over 1 M kernels", "under 1 s", f"{means['cpu_s']} CPU s, {means['wall_s']} s of {means['points']:,}",
         means["cpu_s"] < 1 and means["points"] >= 1e6),
        ("children in Ladybug, p50", "-", f"{data['ladybug_us']['p50']} us, load {data['ladybug_load_s']} s", True),
        ("children in DuckDB, p50", "-", f"{data['duckdb_us']['p50']} us, load {data['duckdb_load_s']} s", True),
        ("the same here, p50", "-", f"{data['here_us']['p50']} us, {data['edges']:,} edges, none stored", True),
    ]  # fmt: skip


def table(rows):
    lines = ["| what | asked | found | holds |", "| --- | --- | --- | --- |"]
    lines += [f"| {what} | {asked} | {got} | {'yes' if holds else 'no'} |" for what, asked, got, holds in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
