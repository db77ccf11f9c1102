"""One long run with one command, judged on the test split: MNIST, or CIFAR-10 from a folder of its images.

Usage: python experiments/40-long/run.py mnist --seed 21 [--time 2h]
       python experiments/40-long/run.py DIR/cifar10 --seed 21 [--time 2h]     DIR/cifar10/train/CLASS/*.jpg and test/
Writes results-NAME-SEED.json and, from all of these files, the table of the README.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import judged, put_table, test_error_text

HERE = Path(__file__).parent
GI = str(Path(sys.executable).with_name("gi"))
OPTIONS = {
    "mnist": ["--final-seeds", "5"],
    "cifar10": ["--epochs", "10", "--finals", "4", "--objectives", "error,params"],
}
ASKED = {"mnist": ((7_612, 0.0051), (1_936, 0.0090)), "cifar10": ((math.inf, 0.16),)}
"""Below how many parameters which test error is asked for."""


def evolved(dataset: str, seed: int, time: str, out: Path) -> dict:
    """What `gi evolve` answers."""
    command = [GI, "evolve", "--dataset", dataset, "--time", time, *OPTIONS[Path(dataset).name], "--seed", str(seed)]
    print(" ".join(command), file=sys.stderr)
    answer = subprocess.run([*command, "--no-cache", "--json", "--out", str(out)], stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)


def table(results: list[dict]) -> str:
    lines = [
        "| data | seed | below | asked | test error (final trainings) | parameters | programs | minutes | CPU minutes |"
    ]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for result in results:
        summary = result["summary"]
        for most, asked in ASKED[result["data"]]:
            best = judged(summary["front"], most)
            error = "none" if best is None else f"{test_error_text(best)} ({best['seeds']})"
            below = "any size" if math.isinf(most) else f"{most:,}"
            lines.append(
                f"| {result['data']} | {result['seed']} | {below} | {asked:.2%} | {error} "
                f"| {best['params'] if best else 0:,.0f} | {summary['evaluations']:,} | {summary['wall_s'] / 60:.0f} "
                f"| {summary['cpu_s'] / 60:.0f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", help="mnist, or a folder called cifar10; without it only the table")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--time", default="2h")
    parser.add_argument("--out", type=Path, help="the new run's folder")
    options = parser.parse_args()
    if options.dataset:
        data = Path(options.dataset).name
        out = options.out or HERE / "runs" / f"{data}-{options.seed}"
        out.parent.mkdir(parents=True, exist_ok=True)
        summary = evolved(options.dataset, options.seed, options.time, out)
        result = {"data": data, "seed": options.seed, "time": options.time, "summary": summary}
        (HERE / f"results-{data}-{options.seed}.json").write_text(json.dumps(result, indent=2) + "\n")
    results = [json.loads(path.read_text()) for path in sorted(HERE.glob("results-*.json"))]
    put_table(HERE / "results", Path(__file__), table(results))
    print(table(results))


if __name__ == "__main__":
    main()
