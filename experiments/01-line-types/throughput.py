"""Lines per CPU-second of `typed_lines` and of LibCST's parser alone, run in turn over torchvision and timm.

    python experiments/01-line-types/throughput.py [--runs 5]

Writes throughput.csv beside itself.
"""

import argparse
import csv
import importlib.util
import statistics
import time
from pathlib import Path

import libcst as cst

from gi.lines import decode, package_index, typed_lines

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    site = Path(importlib.util.find_spec("torchvision").origin).parent.parent
    paths = [path for package in ("torchvision", "timm") for path in sorted((site / package).rglob("*.py"))]
    texts = [(decode(p.read_bytes()), ".".join(p.relative_to(site).with_suffix("").parts)) for p in paths]
    num_lines = sum(text.count("\n") for text, _ in texts)

    def parse():
        for text, _ in texts:
            cst.parse_module(text)

    def type_lines():
        classes = package_index(site)  # anew: what it reads of other files counts
        for text, module in texts:
            typed_lines(text, module=module, classes=classes)

    rates = {"libcst parser alone": [], "typed_lines": []}
    for _ in range(runs):
        for found, work in zip(rates.values(), (parse, type_lines), strict=True):
            start = time.process_time()
            work()
            found.append(num_lines / (time.process_time() - start))
    print(f"{len(texts)} files, {num_lines} lines")
    with (HERE / "throughput.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["what", "files", "lines", "runs", "median_lines_per_cpu_s", "least", "most"])
        for name, found in rates.items():
            row = [name, len(texts), num_lines, runs, *(round(f(found)) for f in (statistics.median, min, max))]
            out.writerow(row)
            print(*row)


if __name__ == "__main__":
    main()
