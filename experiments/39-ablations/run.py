"""What does each part of the search add? Runs of equal CPU seconds without it.

Usage: python experiments/39-ablations/run.py search --seeds 11 12 13 [--arms ...] [--budget 150] [--index DIR]
       python experiments/39-ablations/run.py table
One worker each, the arms in turn. `search` writes runs/ARM-SEED.json; `table` prints what is there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fronts import CAPS, final, test_errors, timed, trained_rows, volume

HERE = Path(__file__).parent
RUNS = HERE / "runs"
FINALS = ["--finals", "1", "--final-seeds", "1", "--final-images", "64"]
ARMS = {
    "all of it": [],
    "one rung": ["--images", "30000"],
    "NSGA-II": ["--survival", "nsga2"],
    "error not in logarithms": [],
    "no lag": ["--lag", "1"],
    "operators not adapted": ["--no-adapt"],
    "no crossover": [],
    "stock of the seed programs": [],
    "every third seed program": [],
    "cache of another seed's run": [],
    "index": [],
    "inheritance": ["--inherit"],
}
"""The options of each arm; where there are none `patched.py` takes the part out."""


def searched(arm: str, options: argparse.Namespace, seed: int) -> dict:
    """One run, and its front trained anew."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch, "run")
        more = ["--index", str(options.index)] if arm == "index" else ARMS[arm]
        if arm == "cache of another seed's run":
            environment = {**os.environ, "GI_CACHE": f"{scratch}/cache"}
            _evolve(arm, options, seed + 1000, Path(scratch, "first"), ["--cache"], environment)
            _evolve(arm, options, seed, run, ["--cache"], environment)
        else:
            _evolve(arm, options, seed, run, [*more, "--no-cache"], dict(os.environ))
        rows = trained_rows(run)
    volumes = [volume([r["values"] for r in timed([r for r in rows if r["cpu_s"] <= s * options.budget])])
               for s in (0.25, 0.5, 1.0)]  # fmt: skip
    trained = final(options.data, rows)
    return {"arm": arm, "seed": seed, "budget": options.budget, "trainings": len(rows), "volumes": volumes,
            "final volume": volume(trained), "test errors": test_errors(trained)}  # fmt: skip


def _evolve(
    arm: str, options: argparse.Namespace, seed: int, run: Path, more: list[str], environment: dict[str, str]
) -> None:
    command = [sys.executable, str(HERE / "patched.py"), arm, "evolve", "--dataset", options.data, "--seed", str(seed)]
    command += ["--budget", f"{options.budget}s", "--generations", "1000", "--workers", "1", "--out", str(run)]
    subprocess.run([*command, *FINALS, *more, "--json"], env=environment, check=True, stdout=subprocess.DEVNULL)


def search(options: argparse.Namespace) -> None:
    RUNS.mkdir(exist_ok=True)
    for seed in options.seeds:
        for arm in options.arms:  # in turn, so that the machine's other work meets every arm
            path = RUNS / f"{arm.replace(' ', '-')}-{seed}.json"
            if not path.exists():
                found = searched(arm, options, seed)
                path.write_text(json.dumps(found) + "\n")
                print(found, flush=True)


def table(_: argparse.Namespace) -> None:
    runs = [json.loads(path.read_text()) for path in sorted(RUNS.glob("*.json"))]
    caps = " / ".join("any" if cap == float("inf") else f"{cap:,}" for cap in CAPS)
    print(f"| arm | runs | hypervolume at 25, 50, 100 % | front trained anew, test | test error under {caps} |")
    print("| --- " * 5 + "|")
    for arm in ARMS:
        some = [run for run in runs if run["arm"] == arm]
        if some:
            volumes = ", ".join(f"{statistics.median(run['volumes'][n] for run in some):.2f}" for n in range(3))
            finals = sorted(run["final volume"] for run in some)
            spread = f"{statistics.median(finals):.2f} ({finals[0]:.2f} to {finals[-1]:.2f})"
            errors = [[run["test errors"][n] for run in some if run["test errors"][n]] for n in range(len(CAPS))]
            shown = " / ".join(f"{statistics.median(each):.2%}" if each else "-" for each in errors)
            print(f"| {arm} | {len(some)} | {volumes} | {spread} | {shown} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["search", "table"])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=[arm for arm in ARMS if arm != "index"])
    parser.add_argument("--index", type=Path, help="of the arm of that name")
    parser.add_argument("--budget", type=int, default=150, help="CPU seconds of each run")
    options = parser.parse_args()
    if "index" in options.arms and options.index is None:
        parser.error("the arm `index` needs --index DIR, as `gi index build` makes it")
    (search if options.what == "search" else table)(options)


if __name__ == "__main__":
    main()
