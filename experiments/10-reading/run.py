"""Reading real and hostile ONNX files: see README.md."""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import write_csv

from gi.jobs.index.sources import file_sources
from gi.kernels.index.build import build

HERE = Path(__file__).parent
BATCH = 500
MEMORY_MB = 2048


def main():
    options = parsed()
    real = read_real(options.onnx)
    write_csv(HERE / "files.csv", real)
    print(
        f"{len(real)} real files: {sum(bool(row['layers']) for row in real)} with layers, "
        f"{sum(bool(row['reason']) for row in real)} with a reason, "
        f"{sum(row['differs'] for row in real)} unlike the manifest"
    )
    fuzzed = fuzz(options)
    (HERE / options.out).write_text(json.dumps(fuzzed, indent=2) + "\n")
    print({key: fuzzed[key] for key in ("files", "crashes", "strangers", "taken", "refused", "peak_mb", "slowest_s")})
    bad = fuzzed["crashes"] or fuzzed["strangers"] or any(not (row["layers"] or row["reason"]) for row in real)
    return 1 if bad else 0


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--onnx", type=Path, default=os.environ.get("GI_ONNX"), required="GI_ONNX" not in os.environ)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="fuzz.json")
    return parser.parse_args()


def read_real(folder):
    """Each real file: what the index took from it, or why nothing; whether that is what the manifest counted."""
    folder = Path(folder)
    with (folder / "manifest.tsv").open(newline="") as file:
        manifest = {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}
    with tempfile.TemporaryDirectory() as scratch:
        started = time.process_time()
        built = build(file_sources([folder]), Path(scratch, "index"))
        print(f"read in {time.process_time() - started:.2f} CPU s")
    rows = []
    for taken in built.taken:
        told = manifest[taken.source.name]["conv_layers_with_weights"]
        network = taken.network
        differs = manifest[taken.source.name]["class"] == "trained" and int(told) != network.layers
        rows.append({
            "file": taken.source.name, "licence": taken.source.licence, "layers": network.layers,
            "kernels": network.kernels, "left_out": network.refused, "ends_at": network.opaque,
            "in_manifest": told, "differs": differs, "reason": taken.reason,
        })  # fmt: skip
    missing = set(manifest) - {row["file"] for row in rows}
    assert not missing, f"no row for {missing}"
    return rows


def fuzz(options):
    """All batches together."""
    total = Counter()
    found = {"reasons": Counter(), "kinds": Counter(), "unforeseen": [], "strangers": [], "crashes": []}
    peak = slowest = 0
    for number in range(-(-options.files // BATCH)):
        with tempfile.TemporaryDirectory() as scratch:
            count = min(BATCH, options.files - number * BATCH)
            command = [sys.executable, str(HERE / "batch.py"), str(options.onnx), f"{scratch}/work",
                       str(options.seed * 1_000_003 + number), str(count)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, preexec_fn=bounded, timeout=900)
        if done.returncode:
            found["crashes"].append({"batch": number, "status": done.returncode, "said": done.stderr[-2000:]})
            continue
        batch = json.loads(done.stdout)
        total.update({key: batch.get(key, 0) for key in ("files", "taken", "refused", "cpu_s")})
        for key in ("reasons", "kinds"):
            found[key].update(batch[key])
        found["unforeseen"] += batch["unforeseen"]
        found["strangers"] += batch["strangers"]
        peak, slowest = max(peak, batch["peak_mb"]), max(slowest, batch["slowest_s"])
        print(f"batch {number}: {batch['peak_mb']} MB, slowest {batch['slowest_s']} s", file=sys.stderr)
    return {**total, "peak_mb": peak, "slowest_s": slowest, "limit_mb": MEMORY_MB, "seed": options.seed, **found}


def bounded():
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB << 20, MEMORY_MB << 20))


if __name__ == "__main__":
    sys.exit(main())
