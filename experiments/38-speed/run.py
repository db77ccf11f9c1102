"""How much of a fifth of the CPU seconds does it take to reach what commit afe7b36 found, and what does evolution add?

Usage: python experiments/38-speed/run.py search --data mnist --seeds 2 3 4 [--budget 300] [--arms before now tpe]
       python experiments/38-speed/run.py table
`search` writes runs/DATA-ARM-SEED.json, one for each run; `table` prints the README's tables of those that are there.
Arms: `before` is commit afe7b36 in a work tree of its own with trainings on 30,000 images, `now` this tree with its own
rungs, `tpe` the seed programs of the run of `now` with that seed and then Optuna's TPE over a hand-written space of
convolutional networks, each trial trained by this tree on 30,000 images. One worker each; needs optuna for `tpe`.
"""

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fronts import final, objective_values, test_errors, timed, trained_rows, volume

HERE = Path(__file__).parent
TREE = HERE.parents[1]
RUNS = HERE / "runs"
BEFORE = "afe7b36"
IMAGES = 30_000
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)


def evolved(tree: Path, data: str, seed: int, budget: int, options: list[str]) -> list[dict]:
    """The trainings of one run of `gi evolve`, in the order in which they ended, with the CPU seconds used by then."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch, "run")
        command = [str(Path(sys.executable).with_name("gi")), "evolve", "--dataset", data, "--seed", str(seed)]
        command += ["--budget", f"{budget}s", "--generations", "1000", "--workers", "1", "--out", str(run), "--json"]
        cache = os.environ.get("GI_CACHE") or str(Path(tempfile.gettempdir(), f"gi-cache-38-{tree.name}"))
        environment = {**os.environ, "PYTHONPATH": str(tree), "GI_CACHE": cache}
        subprocess.run([*command, *options], env=environment, check=True, stdout=subprocess.DEVNULL)
        return trained_rows(run)


def tpe(data: str, seed: int, budget: int, seeds: list[dict]) -> list[dict]:
    """The rows of the seed programs, then those of Optuna's trials until the budget is used up."""
    import optuna
    from space import sample

    from gi.core.protocols import Job
    from gi.core.settings import RunConfig, cache_folder
    from gi.core.types import Scored
    from gi.data.dataset import load_dataset
    from gi.train.executor import LocalExecutor

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=["minimize"] * 3, sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
    )
    dataset = load_dataset(data, cache=cache_folder())
    rows, spent_s, known = list(seeds), seeds[-1]["cpu_s"], {}
    start = time.process_time()
    with LocalExecutor(dataset, RunConfig(dataset=data, images=IMAGES), workers=1) as executor:
        while spent_s + time.process_time() - start < budget:
            trial = study.ask()
            text = sample(trial, dataset.task)
            if text not in known:
                known[text] = executor.submit(Job(str(len(known)), text, 1000 + seed, IMAGES)).result()
                spent_s += known[text].cost.cpu_s
            outcome = known[text]
            values = objective_values(outcome.values) if isinstance(outcome, Scored) else None
            study.tell(
                trial, [0.0, 7.0, 3.0] if values is None else [math.log10(max(v, 1e-4)) for v in values.values()]
            )
            rows.append({"cpu_s": spent_s + time.process_time() - start, "values": values, "text": text,
                         "generation": None, "images": IMAGES})  # fmt: skip
    return rows


def search(options: argparse.Namespace) -> None:
    RUNS.mkdir(exist_ok=True)
    for seed in options.seeds:
        for arm in options.arms:  # in turn, so that the machine's other work meets every arm
            path = RUNS / f"{Path(options.data).name}-{arm}-{seed}.json"
            if not path.exists():
                rows = _searched(arm, options.data, seed, options.budget)
                found = {"arm": arm, "seed": seed, "budget": options.budget, "rows": rows}
                path.write_text(json.dumps({**found, "final": final(options.data, rows)}) + "\n")
                print(line(json.loads(path.read_text())), flush=True)


def _searched(arm: str, data: str, seed: int, budget: int) -> list[dict]:
    one_seed = ["--final-images", "64", "--final-seeds", "1"]
    if arm == "now":
        # With its own finals: a run sends what may be the best of its size to the top rung when it ends.
        return evolved(TREE, data, seed, budget, ["--no-cache"])
    if arm == "tpe":
        now = json.loads((RUNS / f"{Path(data).name}-now-{seed}.json").read_text())
        return tpe(data, seed, budget, of_seeds(now["rows"]))
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, BEFORE)
        subprocess.run(
            ["git", "worktree", "add", "--detach", str(tree), BEFORE], cwd=HERE, check=True, capture_output=True
        )
        try:
            return evolved(tree, data, seed, budget, [*one_seed, "--images", str(IMAGES)])
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=HERE, check=True)


def of_seeds(rows: list[dict]) -> list[dict]:
    """The trainings before the first child's: what evolution and TPE both begin with."""
    return list(itertools.takewhile(lambda row: row["generation"] == 0, rows))


def line(run: dict) -> dict:
    """The figures of one run."""
    rows, budget = run["rows"], run["budget"]
    by_share = [volume([r["values"] for r in timed([r for r in rows if r["cpu_s"] <= s * budget])]) for s in SHARES]
    seeds = volume([row["values"] for row in timed(of_seeds(rows))])
    return {"arm": run["arm"], "seed": run["seed"], "trainings": len(rows), "volumes": by_share, "seeds alone": seeds,
            "final volume": volume(run["final"]), "test errors": test_errors(run["final"])}  # fmt: skip


def table(_: argparse.Namespace) -> None:
    runs = sorted(RUNS.glob("*.json"))
    print(
        "| data | arm | seed | trainings | hypervolume at 20, 40, 60, 80, 100 % | of the seed programs "
        "| front trained anew, test | test error under 1 k / 2 k / 10 k / any |\n" + "| --- " * 8 + "|"
    )
    for path in runs:
        figures = line(json.loads(path.read_text()))
        volumes = ", ".join(f"{v:.2f}" for v in figures["volumes"])
        errors = " / ".join("-" if e is None else f"{e:.2%}" for e in figures["test errors"])
        which = f"{path.stem.split('-')[0]} | {figures['arm']} | {figures['seed']} | {figures['trainings']}"
        print(f"| {which} | {volumes} | {figures['seeds alone']:.2f} | {figures['final volume']:.2f} | {errors} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["search", "table"])
    parser.add_argument("--data", default="mnist", help="a data set's name or folder")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--arms", nargs="+", choices=["before", "now", "tpe"], default=["before", "now", "tpe"])
    parser.add_argument("--budget", type=int, default=300, help="CPU seconds of each run")
    options = parser.parse_args()
    (search if options.what == "search" else table)(options)


if __name__ == "__main__":
    main()
