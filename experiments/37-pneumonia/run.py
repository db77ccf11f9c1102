"""PneumoniaMNIST within a budget of CPU minutes, judged on its official splits.

Usage: python experiments/37-pneumonia/run.py [--seeds 1 2 3 4 5] [--metric balanced-error] [--budget 15m]
Needs pneumoniamnist.npz below $GI_DATA. Writes a row for each run and the table of the README; runs that
results.csv holds are not run again.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import put_table, write_csv

from gi.archive import Archive, front_members
from gi.export import best_member

HERE = Path(__file__).parent
GI = str(Path(sys.executable).with_name("gi"))
MAX_PARAMS = 20_000
FIGURES = ("test_accuracy_mean", "test_auc_mean", "validation_accuracy_mean", "validation_auc_mean")


def row(seed: int, options: argparse.Namespace) -> dict:
    """One run, and the figures of the member that gi itself calls the best: by the validation mean of the finals."""
    file = Path(os.environ["GI_DATA"], "MedMNIST", "pneumoniamnist.npz")
    with tempfile.TemporaryDirectory() as scratch:
        command = [GI, "evolve", "--dataset", str(file), "--seed", str(seed), "--metric", options.metric]
        command += ["--budget", options.budget, "--max-params", str(MAX_PARAMS), "--generations", "1000", "--no-cache"]
        answer = subprocess.run([*command, "--json", "--out", f"{scratch}/run"], stdout=subprocess.PIPE, check=True)
        summary = json.loads(answer.stdout)
        with Archive.open(Path(scratch, "run")) as archive:
            best = best_member(front_members(archive), archive.run().objectives, "error")
    member = next(m for m in summary["front"] if m["id"] == best.id)
    taken = {
        "evaluations": summary["evaluations"],
        "cpu_min": summary["cpu_s"] / 60,
        "wall_min": summary["wall_s"] / 60,
    }
    figures = {name: member[name] for name in FIGURES}
    return {
        "seed": seed,
        "metric": options.metric,
        "params": member["params"],
        "finals": member["seeds"],
        **figures,
        **taken,
    }


def known(out: Path) -> list[dict]:
    """The runs of an earlier call, which are not run again."""
    if not out.exists():
        return []
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict]) -> str:
    lines = ["| metric | seeds | accuracy, test | AUC, test | parameters | evaluations | CPU minutes |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for metric in dict.fromkeys(r["metric"] for r in rows):
        some = [r for r in rows if r["metric"] == metric]
        accuracy, auc = ([float(r[name]) for r in some] for name in FIGURES[:2])
        params = sorted(round(float(r["params"])) for r in some)
        runs = statistics.median(int(r["evaluations"]) for r in some)
        cpu_min = statistics.median(float(r["cpu_min"]) for r in some)
        lines.append(
            f"| {metric} | {' '.join(str(r['seed']) for r in some)} | {shown(accuracy, '.2%')} | {shown(auc, '.3f')} "
            f"| {params[0]:,} to {params[-1]:,} | {runs:.0f} | {cpu_min:.1f} |"
        )
    return "\n".join(lines) + "\n"


def shown(values: list[float], form: str) -> str:
    """Mean, deviation and range of runs."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):{form}} ± {spread:{form}} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--metric", choices=["error", "balanced-error", "auc"], default="balanced-error")
    parser.add_argument("--budget", default="15m")
    parser.add_argument("--out", type=Path, default=HERE / "results.csv")
    options = parser.parse_args()
    rows = known(options.out)
    for seed in options.seeds:
        if not any((r["seed"], r["metric"]) == (str(seed), options.metric) for r in rows):
            rows.append(row(seed, options))
            print(rows[-1], flush=True)
            write_csv(options.out, rows)
    text = table(rows)
    print(text)
    put_table(options.out, Path(__file__), text)


if __name__ == "__main__":
    main()
