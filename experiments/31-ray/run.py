"""Trainings on a Ray cluster: what a dying node costs, what an evaluation takes on top, how many workers have work.

    python experiments/31-ray/run.py faults [--times 3] [--seed 1]
    python experiments/31-ray/run.py overhead [--evaluations 100]
    python experiments/31-ray/run.py lengths RUN
    python experiments/31-ray/run.py driver [--generations 40] [--seed 1]
    python experiments/31-ray/run.py utilisation [--seed 1]

`faults`: `gi evolve` on two nodes on loopback, by the cost model, one of which is killed with everything on it at a
moment drawn evenly over what an undisturbed run takes; archives are compared by `canonical_text` with that of the local
executor. `overhead`: one evaluation after the other, here and by one slot of the cluster in turn. `utilisation`: the
schedule of `gi.search.lanes` with the trainings of a real run, which `lengths` writes down from its archive, and with
what a decision takes, which `driver` measures by a real search whose trainings take no time and give made-up scores.
"""

import argparse
import csv
import heapq
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

from archives import dump, evaluated  # noqa: E402
from results import write_csv  # noqa: E402

from gi.core.types import Cost, Scored  # noqa: E402
from gi.search.lanes import Lanes  # noqa: E402

# ------------------------------------------------------------------------------------------------------------ faults

GI = [sys.executable, "-c", "import sys; from gi.cli import main; sys.exit(main())"]
SETTINGS = (
    "--dataset digits --clock model --generations 3 --population 4 --images 640 --finals 2 --no-cache --workers 4"
)


def evolve(folder, *options, environment=None):
    stock = folder.parent / "corpus.sqlite"  # of gi's own seed programs: the default one takes minutes to build
    command = [*GI, "evolve", *SETTINGS.split(), "--corpus", str(stock), "--out", str(folder), "--json", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )


def ended(process):
    """What it answered on stdout, which is to be one JSON document, and the lines on stderr."""
    import json

    out, err = process.communicate()
    assert process.returncode == 0, err
    json.loads(out)
    return err.splitlines()


def faults(options):
    """One run for each time; a row says what was in the archive at the blow and is not at the end."""
    from tests.ray_nodes import Nodes

    rng, rows = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        seeds = HERE.parents[1] / "corpus" / "seeds"
        subprocess.run([*GI, "harvest", seeds, "--corpus", folder / "corpus.sqlite"], check=True, capture_output=True)
        ended(evolve(folder / "local"))
        expected = dump(folder / "local")
        with Nodes(folder / "nodes") as nodes:
            span_s = None
            for number in range(options.times + 1):  # the first one is left in peace: its time is the span of moments
                node, run = nodes.add(), folder / f"ray-{number}"
                begun = time.monotonic()
                process = evolve(run, "--executor", "ray", "--address", nodes.address, environment=nodes.environment)
                moment_s = None if span_s is None else rng.uniform(0.2, 0.95) * span_s
                before = set()
                if moment_s is not None:
                    time.sleep(moment_s)
                    before = evaluated(run)
                    nodes.kill(node)
                said = ended(process)
                span_s = span_s or time.monotonic() - begun
                if moment_s is None:
                    nodes.kill(node)
                rows.append({
                    "killed_after_s": "not" if moment_s is None else round(moment_s, 1),
                    "known_then": len(before),
                    "lost": len(before - evaluated(run)),
                    "told": sum("is lost; what ran there is done again" in line for line in said),
                    "archive_equal": dump(run) == expected,
                    "wall_s": round(time.monotonic() - begun, 1),
                })  # fmt: skip
                print(rows[-1], flush=True)
    return rows


# ---------------------------------------------------------------------------------------------------------- overhead


def overhead(options):
    """Wall milliseconds of the same evaluations by the two executors, in turn, so that a busy machine is so to both."""
    from gi.core.protocols import Job
    from gi.core.settings import RunConfig, cache_folder
    from gi.data.dataset import load_dataset
    from gi.train.cluster.connection import connected
    from gi.train.executor import LocalExecutor
    from tests.programs import PROGRAM
    from tests.ray_nodes import Nodes

    dataset, config = load_dataset("digits", cache=cache_folder()), RunConfig(dataset="digits", clock="model")
    taken = {"local": [], "ray": [], "local, weights kept": [], "ray, weights kept": []}
    with tempfile.TemporaryDirectory() as scratch, Nodes(Path(scratch, "nodes"), cpus=1) as nodes:
        os.environ.update(nodes.environment)
        job = Job("it", PROGRAM, 1, 64)
        kept = Job("it", PROGRAM, 1, 64, weights_path=str(Path(scratch, "it.pt")))
        with connected(nodes.address):
            from gi.train.cluster.executor import RayExecutor

            with (
                LocalExecutor(dataset, config, workers=1) as local,
                RayExecutor(dataset, config, workers=1) as remote,
            ):
                for name in [*taken] * (options.evaluations + 3):
                    executor = remote if name.startswith("ray") else local
                    begun = time.perf_counter()
                    outcome = executor.submit(kept if "kept" in name else job).result()
                    wall_s = time.perf_counter() - begun
                    # What its two processes took is the job's own; the rest is the way there and back.
                    taken[name].append((1000 * wall_s, 1000 * (wall_s - outcome.cost.wall_s)))
    rows = []
    for name, measured in taken.items():
        whole, around = (sorted(column) for column in zip(*measured[3:], strict=True))  # the first ones warm it up
        rows.append({"executor": name, "evaluations": len(whole), "median_ms": round(statistics.median(whole), 1),
                     "around_tenth_ms": round(around[len(around) // 10], 1),
                     "around_median_ms": round(statistics.median(around), 1)})  # fmt: skip
    return rows


# ------------------------------------------------------------------------------------------------------- utilisation


def lengths(options):
    """The trainings of a run on its rungs: the work that the schedule held each for, and the CPU seconds it took."""
    from gi.archive import Archive
    from gi.search.search import _FIXED_WORK

    rows = []
    with Archive.open(options.run) as archive:
        rungs, parents, macs = archive.run().rungs, {}, {}
        trained = [e for e in archive.outcomes.evaluations("validation") if e.copied_from is None]
        for evaluation in trained:
            individual = archive.individuals.by_id(evaluation.individual)
            parents[individual.id] = individual.parents
            if isinstance(evaluation.outcome, Scored):
                macs[individual.id] = evaluation.outcome.values["macs"]
        for evaluation in trained:
            rung = rungs.index(evaluation.images)
            known = parents[evaluation.individual] if rung == 0 else (evaluation.individual,)
            held = next((macs[id_] for id_ in known if id_ in macs), 0.0)
            rows.append({"rung": rung, "work": round(evaluation.images * (_FIXED_WORK + held) / 1e9),
                         "cpu_s": round(evaluation.outcome.cost.cpu_s, 3)})  # fmt: skip
    return rows


class Instant:
    """An executor that knows every outcome at once, from the text alone."""

    capacity = 8

    def __init__(self, *_, **__):
        pass

    def submit(self, job):
        rng = random.Random(f"{job.text}/{job.images}")
        values = {"error": rng.uniform(0.01, 0.2), "params": rng.uniform(100, 1e5), "time": rng.uniform(0.1, 5),
                  "macs": 1e5, "train_time": 0.1, "size": float(len(job.text))}  # fmt: skip
        future = Future()
        future.set_result(Scored(values, Cost(0.1, 0.1, 0.2, 0.2)))
        return future

    def shutdown(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def driver(options):
    """CPU seconds of the driver and its check worker for one decision: variation, checks, selection, the archive."""
    from gi.core.settings import RunConfig
    from gi.sandbox.process_cpu import CpuClock
    from gi.search.events import GenerationEnded
    from gi.search.evolve import evolve
    from gi.search.parts import default_parts

    clock, marks = CpuClock(), []

    def note(event):
        if isinstance(event, GenerationEnded):
            marks.append(clock.used_s())

    config = RunConfig(dataset="mnist", generations=options.generations, seed=options.seed, finals=0, clock="model")
    with tempfile.TemporaryDirectory() as scratch:
        evolve(config, Path(scratch, "run"), workers=8, parts=partial(default_parts, executor=Instant), on_event=note)
    first = len(marks) // 4  # by then everything is imported and warm
    each_s = (marks[-1] - marks[first]) / (len(marks) - 1 - first) / config.population
    return [{"decisions": (len(marks) - 1 - first) * config.population, "cpu_s_each": round(each_s, 3)}]


class Workers:
    """So many workers; each training goes to the one that is free first."""

    def __init__(self, count):
        self.free, self.busy_s, self.ends = [0.0] * count, 0.0, {}

    def begin(self, number, now, taken_s):
        end = max(now, heapq.heappop(self.free)) + taken_s
        heapq.heappush(self.free, end)
        self.busy_s += taken_s
        self.ends[number] = end


class Trainings:
    """Trainings drawn from a real run's: one on the lowest rung for each slot, and one above for every fourth."""

    def __init__(self, rows, rng):
        self.by_rung = [[(float(r["work"]), float(r["cpu_s"])) for r in rows if int(r["rung"]) == n] for n in range(4)]
        self.rng, self.ended = rng, [0] * 4

    def draw(self, rung):
        return self.rng.choice(self.by_rung[rung])

    def promoted(self, rung):
        """The rung that somebody goes up to since one more is known on this one; None for nobody."""
        self.ended[rung] += 1
        return rung + 1 if rung < 3 and self.ended[rung] % 4 == 0 else None


def utilisation_of(workers, slots, decide_s, order, rows, seed):
    """The share of the workers' time that is used until the last slot is decided.

    `order` is a number of lanes; "generations" waits for all of `workers` slots before it decides the next; "as they
    end" reads whatever has ended as soon as a worker is free, which gives another run on every machine.
    """
    trainings, pool, now, under_way = Trainings(rows, random.Random(seed)), Workers(workers), 0.0, []
    lanes, rungs, due, numbers = Lanes(order) if isinstance(order, int) else None, {}, [], iter(range(1 << 40))

    def submit(rung):
        number, (work, taken_s) = next(numbers), trainings.draw(rung)
        rungs[number] = rung
        pool.begin(number, now, taken_s)
        if lanes is not None:
            lanes.place(number, work)
        else:
            heapq.heappush(under_way, (pool.ends[number], number))

    def read():
        """What the next decision may know, and when it knows that."""
        moment = now
        if lanes is not None:
            known = lanes.ended()
            moment = max([moment, *(pool.ends[number] for number in known)])
        elif order == "as they end":
            moment = max(moment, pool.free[0])
            known = [heapq.heappop(under_way)[1] for _ in range(sum(end <= moment for end, _ in under_way))]
        else:
            moment = max([moment, *(end for end, _ in under_way)])
            known = [number for _, number in under_way]
            under_way.clear()
        return moment, known

    for slot in range(slots):
        if order != "generations" or slot % workers == 0:
            now, known = read()
            due += [up for number in known if (up := trainings.promoted(rungs[number])) is not None]
        while due:
            submit(due.pop())
            if lanes is not None:  # one that is placed makes the schedule go on, too
                now, known = read()
                due += [up for number in known if (up := trainings.promoted(rungs[number])) is not None]
        now += decide_s
        submit(0)
    late_s = sum(max(0.0, end - now) for end in pool.free)
    return (pool.busy_s - late_s) / (workers * now)


def utilisation(options):
    with (HERE / "lengths.csv").open() as file:
        trained = list(csv.DictReader(file))
    with (HERE / "driver.csv").open() as file:
        measured_s = float(next(csv.DictReader(file))["cpu_s_each"])
    rows = []
    for workers in (8, 64, 512):
        orders = {"all of a generation": "generations", "lag 8": 8, "lag = workers": workers,
                  "lag = 2 x workers": 2 * workers, "as they end": "as they end"}  # fmt: skip
        for name, order in orders.items():
            row = {"workers": workers, "decisions wait for": name}
            for what, decide_s in (("at once", 0.0), (f"in {measured_s} s", measured_s)):
                shares = [utilisation_of(workers, 30 * workers + 300, decide_s, order, trained, f"{options.seed}/{n}")
                          for n in range(3)]  # fmt: skip
                row[f"used, decided {what}"] = round(statistics.fmean(shares), 3)
            rows.append(row)
    return rows


# ------------------------------------------------------------------------------------------------------------- table


def table(rows):
    yield f"| {' | '.join(rows[0])} |"
    yield f"| {' | '.join('---' for _ in rows[0])} |"
    for row in rows:
        yield f"| {' | '.join(map(str, row.values()))} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["faults", "overhead", "lengths", "driver", "utilisation"])
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--generations", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = globals()[options.what](options)
    write_csv(HERE / f"{options.what}.csv", rows)
    if options.what != "lengths":
        print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
