"""What isolation and scores that cannot be forged cost an evaluation, here and in a checkout of before. See README.md.

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
from results import put_table  # noqa: E402 (its folder must be on the path first)

BARE, BEFORE, TODAY = "one process, not isolated", "one process, isolated", "today"
LOW, HIGH = "lowest rung", "measured whole"
# Of a default run on MNIST, the mean of those of experiments/05-mnist: trainings of each kind, copied outcomes among
# them (8 offspring in each of 50 generations and 19 seed programs on the lowest rung; all others are measured whole),
# and CPU seconds.
RUNS = [json.loads(path.read_text())["summary"] for path in sorted((HERE.parent / "05-mnist").glob("results-*.json"))]
PROGRAMS = 8 * 50 + 19
TRAININGS = {LOW: PROGRAMS, HIGH: statistics.mean(run["evaluations"] + run["cached"] for run in RUNS) - PROGRAMS}
RUN_S = statistics.mean(run["cpu_s"] for run in RUNS)

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
kinds = {"lowest rung": {"timed": False, "scored": 2000}, "measured whole": {}}
rows = []
with LocalExecutor(dataset, RunConfig(dataset=name), workers=1) as executor:
    executor.submit(Job("warm", (folder / "dense_small_attribute.py").read_text(), 1, 64)).result()
    for path in sorted(folder.glob("*.py")):
        for kind, how in kinds.items():
            outcome = executor.submit(Job(path.stem, path.read_text(), 1, images, **how)).result()
            if isinstance(outcome, Scored):
                cost = outcome.cost
                figures = [outcome.values["error"], outcome.values["time"], cost.train_cpu_s, cost.cpu_s, cost.wall_s]
                rows.append([path.stem, kind, *figures])
print(json.dumps(rows))
"""


def evaluated(checkout: Path, isolation: str, dataset: str, images: int) -> list[list]:
    """Name, kind, error, time, training CPU seconds, whole ones and wall seconds of each seed program."""
    seeds = HERE.parents[1] / "corpus" / "seeds"
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE, str(seeds), dataset, str(images)],
        env={**os.environ, "PYTHONPATH": str(checkout), "GI_ISOLATION": isolation},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--images", type=int, default=640)  # what is beside the training does not depend on it
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    given = parser.parse_args()
    before, today = given.before.resolve(), HERE.parents[1]
    arms = {BARE: (before, "off"), BEFORE: (before, "auto"), TODAY: (today, "auto")}
    rounds = {arm: [] for arm in arms}
    for _ in range(given.rounds):  # in turn, so that the machine's other work meets every arm
        for arm, (checkout, isolation) in arms.items():
            rounds[arm].append(evaluated(checkout, isolation, given.dataset, given.images))
            record = {"system": platform.platform(), "load": os.getloadavg(), "images": given.images, "rounds": rounds}
            given.out.write_text(json.dumps(record) + "\n")
    text = "\n".join(table(rounds)) + "\n"
    print(text)
    put_table(given.out, Path(__file__), text)


def table(rounds: dict[str, list[list[list]]]):
    """CPU ms beside the training by arm and kind, their share of a default run, and how times compare and repeat."""
    beside = {(arm, kind): beside_ms(rounds[arm], kind) for arm in rounds for kind in TRAININGS}
    yield "| | CPU ms beside training, lowest rung | measured whole | more than bare, of a default run |"
    yield "| --- | --- | --- | --- |"
    for arm in rounds:
        more_s = sum(n * (beside[arm, kind] - beside[BARE, kind]) / 1e3 for kind, n in TRAININGS.items())
        cells = [f"{beside[arm, kind]:.0f}" for kind in TRAININGS]
        yield f"| {arm} | {' | '.join(cells)} | {more_s:.0f} s, {more_s / RUN_S:.1%} |"
    errors = {arm: {(r[0], r[1]): r[2] for r in rounds[arm][0]} for arm in rounds}
    both = errors[BEFORE].keys() & errors[TODAY].keys()
    unequal = [key for key in both if errors[BEFORE][key] != errors[TODAY][key]]
    yield ""
    yield f"Errors that differ from before: {len(unequal)} of {len(both)}."
    times = {arm: times_of(rounds[arm]) for arm in (BEFORE, TODAY)}
    ratios = [statistics.mean(times[TODAY][n]) / statistics.mean(times[BEFORE][n])
              for n in times[TODAY].keys() & times[BEFORE].keys()]  # fmt: skip
    yield f"Times by those of before: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}."
    for arm, found in times.items():
        spreads = [statistics.stdev(some) / statistics.mean(some) for some in found.values() if len(some) > 2]
        if spreads:
            yield f"Standard deviation of a time, {arm}: {statistics.median(spreads):.1%} (median of programs)."


def beside_ms(rounds: list[list[list]], kind: str) -> float:
    """The median over the rounds of the mean over the programs: CPU ms of all that is no training."""
    return 1e3 * statistics.median(statistics.mean(r[5] - r[4] for r in rows if r[1] == kind) for rows in rounds)


def times_of(rounds: list[list[list]]) -> dict[str, list[float]]:
    """The measured times of each program."""
    found: dict[str, list[float]] = {}
    for row in (row for rows in rounds for row in rows if row[1] == HIGH):
        found.setdefault(row[0], []).append(row[3])
    return found


if __name__ == "__main__":
    main()
