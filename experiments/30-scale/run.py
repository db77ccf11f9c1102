"""How a long run grows: the driver's memory, the bytes of the archive, and what `gi front` takes.

    python experiments/30-scale/run.py front [--evaluations 100000] [--rungs 1] [--seed 0]
    python experiments/30-scale/run.py memory [--evaluations 10000] [--seed 0] [--trace]

`front` writes a run file of made-up rows (texts, edits, tries and outcomes as long as those of a run on digits) and
asks `gi front` of it, in a process of its own: as its writer left it, as somebody else's file, and again. `memory` runs
the real search with stand-ins for variation and training (`tests/stand_ins.py`) and the cost model's clock, and reads
the resident memory of its process at the end of each generation; with `--trace` also what Python's objects take of it,
which makes it three times slower.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

from gi.archive import Archive, Generation
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.core.types import Cost, Edit, LineType, Offspring, Origin, Scored, Try

POPULATION = 16
TEXT_BYTES = 2_000  # of a program of a run on digits: 1,400 to 2,600
ORIGIN = Origin("timm==1.0.31", "1.0.31", "timm/models/resnet.py", 177, "Apache-2.0")


def made_up(folder, evaluations, rungs, seed):
    """A run file with so many evaluations on the lowest rung, a quarter of them on each one above."""
    config = RunConfig(dataset="digits", population=POPULATION, generations=evaluations // POPULATION - 1)
    images = tuple(937 * 4**rung for rung in range(rungs))
    objectives = [OBJECTIVES[key] for key in config.objectives]
    rng = random.Random(seed)
    with Archive.create(folder, config, objectives=objectives, seeds=[], rungs=images) as archive:
        archive.db.execute("PRAGMA synchronous = OFF")
        archive.db.execute("BEGIN")
        rows = {table: [] for table in ("individuals", "slots", "tries", "parents", "edits", "outcomes")}
        previous = None
        for n in range(evaluations):
            id_ = hashlib.sha256(f"{seed}/{n}".encode()).hexdigest()[:32]
            generation, slot = divmod(n, POPULATION)
            text = "".join(rng.choice("abcdefghij \n") for _ in range(40)) * (TEXT_BYTES // 40)
            rows["individuals"].append((n + 1, id_, text, generation, slot, None, None, None, None, None, id_))
            rows["slots"].append((generation, slot, id_))
            rows["tries"] += [(generation, slot, 0, "tweak", "identity", "known already", ""),
                              (generation, slot, 1, "unit", "", "", "")]  # fmt: skip
            rows["parents"] += [(id_, 0, previous)] if previous else []
            rows["edits"].append((id_, 0, "unit", "connection", 12, "layers.append(nn.ReLU())" * 2,
                                  "layers.append(nn.Conv2d(16, 16, 3, padding=1))" * 2, ORIGIN.repository,
                                  ORIGIN.commit, ORIGIN.path, ORIGIN.line, ORIGIN.licence))  # fmt: skip
            size = 10 ** rng.uniform(2, 6)
            error, speed = rng.uniform(0.2, 1) / size**0.25, rng.uniform(0.5, 2) * size**0.3 / 50
            for rung, count in enumerate(images):
                if n % 4**rung == 0:
                    figures = {"error": error, "params": float(int(size)), "time": speed, "macs": size * 9,
                               "train_time": size * 1e-6, "size": float(TEXT_BYTES)}  # fmt: skip
                    rows["outcomes"].append((id_, "validation", 7, count, json.dumps(figures), None, None, None, 0.4,
                                             0.1, 0.6, 0.7, 0, None))  # fmt: skip
            previous = id_
            if n % 5_000 == 4_999 or n == evaluations - 1:
                for table, some in rows.items():
                    archive.db.insert(table, some)
                    some.clear()
        archive.db.execute("COMMIT")
        archive.db.execute("DELETE FROM sessions WHERE id < 0")
        last = Generation(evaluations // POPULATION - 1, (id_,), (id_,), 1.0, {}, 1.0, ended=True)
        archive.generations.close(last, reference=(1.0, 1e7, 1e3))


def asked(cache, *words):
    """CPU seconds (user and system) and wall seconds of `gi WORDS`, and what it prints."""
    command = [sys.executable, "-c", "import sys; from gi.cli import main; sys.exit(main())", *map(str, words)]
    environment = {**os.environ, "GI_CACHE": str(cache)}
    before, begun = os.times(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    wall_s, after = time.monotonic() - begun, os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu_s, wall_s, done.stdout


def front(options):
    with tempfile.TemporaryDirectory() as scratch:
        run, cache = Path(scratch, "run"), Path(scratch, "cache")
        os.environ["GI_CACHE"] = str(cache)
        made_up(run, options.evaluations, options.rungs, options.seed)
        size = (run / "run.sqlite").stat().st_size
        print(f"{options.evaluations} evaluations, {options.rungs} rungs: {size / options.evaluations:,.0f} bytes each")
        for what, place in (("as its writer left it", cache), ("of somebody else's", Path(scratch, "other")),
                            ("the second time", Path(scratch, "other"))):  # fmt: skip
            cpu_s, wall_s, told = asked(place, "front", run, "--json")
            least_s, _, _ = asked(place, "--help")  # in turn: a busy machine makes both dearer
            print(f"gi front, {what}: {cpu_s:.2f} CPU s, {cpu_s / least_s:.1f} times those of gi --help, "
                  f"{wall_s:.2f} wall s, front of {len(json.loads(told)['front'])}", flush=True)  # fmt: skip


def resident_mb():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def memory(options):
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from gi.search.events import GenerationEnded
    from gi.search.evolve import evolve
    from tests.stand_ins import SEEDS, PoolExecutor, digest, made

    def varied(parents, *, rng, **_):
        """A child as long as a real one: the stand-in's programs are too few for so many generations."""
        width, depth = (int(word) for word in parents[0].split()[:2])
        text = f"{max(1, width + rng.randint(-40, 40))} {max(1, depth + rng.randint(-1, 1))}"
        text = f"{text}{' ' * (TEXT_BYTES - 20)}{rng.getrandbits(48)}"
        edit = Edit("tweak", LineType.CONNECTION, 1, "x" * 60, "y" * 60, ORIGIN)
        return Offspring(digest(text), text, (edit,), (Try("tweak"),), digest(text), crossed=False)

    def outcome(job):
        width, depth = (int(word) for word in job.text.split()[:2])
        rng = random.Random(job.text + str(job.seed))
        error = 1 / (1 + width * depth) + rng.uniform(0, 0.02)
        values = {"error": error, "params": 10.0 * width * depth, "macs": 10.0 * width * depth, "time": depth / 10,
                  "train_time": 1e-3, "size": float(len(job.text)), "validation_error": error}  # fmt: skip
        return Scored(values, Cost(0.02, 0.01, 0.04, 0.05))

    config = RunConfig(dataset="digits", generations=options.evaluations // POPULATION - 1, population=POPULATION,
                       images=30_000, finals=2, final_seeds=1, clock="model", seed=options.seed)  # fmt: skip
    marks = []

    class Forgetful(PoolExecutor):
        """The stand-in lists its jobs, whose texts are no part of what the driver keeps."""

        def submit(self, job):
            future = super().submit(job)
            self.jobs.clear()
            return future

    def stand_ins(_, *, workers, **_unused):
        return made(Forgetful(workers, evaluate=outcome), SEEDS, varied)

    def note(event):
        if isinstance(event, GenerationEnded):
            held = tracemalloc.get_traced_memory()[0] if options.trace else 0
            marks.append((event.evaluations, resident_mb(), time.process_time(), held))
            if len(marks) % max(options.evaluations // POPULATION // 10, 1) == 0:
                print("{:6d} evaluations: {:.1f} MB resident, {:.0f} CPU s".format(*marks[-1][:3]), flush=True)

    if options.trace:
        tracemalloc.start()
    with tempfile.TemporaryDirectory() as scratch:
        evolve(config, Path(scratch, "run"), workers=2, parts=stand_ins, on_event=note)
        size = Path(scratch, "run", "run.sqlite").stat().st_size
    first, last = marks[len(marks) // 5], marks[-1]
    grown = (last[1] - first[1]) * 2**20 / (last[0] - first[0])
    if options.trace:
        print(f"{(last[3] - first[3]) / (last[0] - first[0]):,.0f} bytes of Python's objects for each evaluation more")
    print(f"{grown:,.0f} bytes of memory and {size / last[0]:,.0f} bytes of the archive for each evaluation more")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["front", "memory"])
    parser.add_argument("--evaluations", type=int)
    parser.add_argument("--rungs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    options.evaluations = options.evaluations or {"front": 100_000, "memory": 10_000}[options.what]
    (front if options.what == "front" else memory)(options)


if __name__ == "__main__":
    main()
