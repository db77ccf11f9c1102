"""What scoring in a second process costs an evaluation, here and in an earlier checkout, in turn. See README.md.

python experiments/27-forgery/run.py --before CHECKOUT
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
ARMS = ("before", "after")
ROUNDS = 5

# Runs in the checkout that PYTHONPATH names, which may be one of before this experiment.
EVALUATE = """
import json, sys
from pathlib import Path
from gi.core.protocols import Job
from gi.core.settings import RunConfig, cache_folder
from gi.core.types import Scored
from gi.data.dataset import load_dataset
from gi.train.executor import LocalExecutor

folder, name, images = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
dataset = load_dataset(name, cache=cache_folder())
rows = []
with LocalExecutor(dataset, RunConfig(dataset=name), workers=1) as executor:
    executor.submit(Job("warm", (folder / "dense_small_attribute.py").read_text(), 1, 64)).result()
    for path in sorted(folder.glob("*.py")):
        outcome = executor.submit(Job(path.stem, path.read_text(), 1, images)).result()
        if isinstance(outcome, Scored):
            cost = outcome.cost
            figures = [outcome.values["error"], outcome.values["time"], cost.train_cpu_s, cost.cpu_s, cost.wall_s]
            rows.append([path.stem, *figures])
print(json.dumps(rows))
"""


def evaluated(checkout: Path, dataset: str, images: int) -> list[list]:
    """Each seed program's name, error, time, training's, whole CPU seconds and wall seconds by the gi of a checkout."""
    seeds = HERE.parents[1] / "corpus" / "seeds"
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE, str(seeds), dataset, str(images)],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--images", type=int, default=7500)  # of the lowest rung but one there, about
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    given = parser.parse_args()
    checkouts = {"before": given.before.resolve(), "after": HERE.parents[1]}
    rounds = {arm: [] for arm in ARMS}
    for _ in range(given.rounds):
        for arm in ARMS:
            rounds[arm].append(evaluated(checkouts[arm], given.dataset, given.images))
    errors = {arm: {row[0]: row[1] for row in rounds[arm][0]} for arm in ARMS}
    unequal = sorted(name for name in errors["before"] if errors["before"][name] != errors["after"].get(name))
    figures = {arm: summary(rounds[arm]) for arm in ARMS}
    text = "| | CPU ms an evaluation | of that beside training | wall ms | time |\n| --- | --- | --- | --- | --- |\n"
    text += "".join(f"| {arm} | {f[0]:.0f} | {f[1]:.0f} | {f[2]:.0f} | {f[3]:.3f} |\n" for arm, f in figures.items())
    more = figures["after"][0] - figures["before"][0]
    text += f"\nMore CPU: {more:.0f} ms, {100 * more / figures['before'][0]:.1f} %. "
    text += f"Unequal errors: {len(unequal)} of {len(errors['before'])}.\n"
    system = {"system": platform.platform(), "cores": os.cpu_count(), "images": given.images, "dataset": given.dataset}
    record = {**system, "unequal": unequal, "rounds": rounds}
    given.out.write_text(json.dumps(record, indent=1) + "\n")
    print(text)
    from results import put_table

    put_table(given.out, Path(__file__), text)


def summary(rounds: list[list[list]]) -> tuple[float, float, float, float]:
    """Medians over the rounds of the means over the programs: whole CPU ms, that beside training, wall ms, time."""
    means = [[statistics.mean(column) for column in zip(*(row[1:] for row in rows), strict=True)] for rows in rounds]
    _, time, train, cpu, wall = (statistics.median(column) for column in zip(*means, strict=True))
    return 1e3 * cpu, 1e3 * (cpu - train), 1e3 * wall, time


if __name__ == "__main__":
    main()
