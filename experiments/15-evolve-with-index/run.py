"""Does a run make the next one better? Usage: python experiments/15-evolve-with-index/run.py --cifar FOLDER

One run on CIFAR-10's classes 0-4 becomes an index; then runs on the classes 5-9, with it and with --index none, at
equal CPU seconds. Resumable: a run that is finished is not run again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from halves import half  # noqa: E402 (the folders above are on the path now)
from results import put_table  # noqa: E402

from gi.archive import Archive  # noqa: E402
from gi.core.settings import cache_folder  # noqa: E402
from gi.core.types import Scored  # noqa: E402
from gi.search.select import hypervolume  # noqa: E402

GI = str(Path(sys.executable).with_name("gi"))
SEEDS = range(5)
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the budget, at which the hypervolumes are compared


def evolving(
    data: Path, out: Path, options: argparse.Namespace, seed: int, index: str, budget: int, last: int
) -> subprocess.Popen:
    """A run in a process of its own, taken up where it stopped; `last` images are in each training of its front."""
    if (out / "run.sqlite").exists():
        command = ["--resume", str(out)]
    else:
        command = ["--dataset", str(data), "--seed", str(seed), "--index", index, "--out", str(out)]
        command += ["--budget", f"{budget}s", "--images", str(options.images), "--generations", "500"]
        command += ["--final-images", str(last), "--final-seeds", "1", "--population", "12"]
    return subprocess.Popen([GI, "evolve", *command, "--workers", "1", "--json"], stdout=subprocess.DEVNULL)


def finish(runs: list[subprocess.Popen]) -> None:
    """Waits for runs that are under way."""
    codes = [run.wait() for run in runs]
    if any(codes):
        sys.exit("a run failed: see its message above")


def states(folder: Path) -> tuple[list[tuple[float, list[tuple[float, ...]]]], dict]:
    """(CPU seconds, objective values of all scored so far) after each generation; and what seeding did."""
    with Archive.open(folder) as archive:
        objectives = archive.run().objectives
        values, generation_of = {}, {}
        won = tried = filled = 0
        for e in archive.outcomes.evaluations("validation"):
            if isinstance(e.outcome, Scored):
                values[e.individual] = tuple(e.outcome.values[o.key] for o in objectives)
                generation_of[e.individual] = archive.individuals.by_prefix(e.individual).generation
                seeding = archive.outcomes.seeding(e.individual)
                tried += seeding is not None
                filled += seeding is not None and bool(seeding.donated)
                won += seeding is not None and seeding.won
        closed = [(g.cpu_s, [v for i, v in values.items() if generation_of[i] <= g.number])
                  for g in archive.generations.all()]  # fmt: skip
        return closed, {"evaluations": len(values), "asked": tried, "filled": filled, "won": won,
                        "best_error": min(v[0] for v in values.values())}  # fmt: skip


def compared(folders: dict[str, Path], budget: float) -> dict:
    """Both runs' hypervolumes, by one reference point, when shares of the budget were spent."""
    with Archive.open(folders["none"]) as archive:
        objectives = archive.run().objectives
    found = {arm: states(folder) for arm, folder in folders.items()}
    everything = [v for closed, _ in found.values() for v in closed[-1][1]]
    reference = tuple(1.0 if n == 0 else max(v[n] for v in everything) * 1.1 for n in range(len(objectives)))
    answer = {}
    for arm, (closed, notes) in found.items():
        volumes = []
        for share in SHARES:
            last = [values for cpu_s, values in closed if cpu_s <= share * budget]
            volumes.append(hypervolume(last[-1], reference, objectives) if last else 0.0)
        answer[arm] = {"hypervolume": volumes, **notes}
    return answer


def table(rows: list[dict]) -> str:
    lines = [
        "| seed | " + " | ".join(f"hypervolume at {s:.0%}: index / none" for s in SHARES) +
        " | best error: index / none | evaluations | trainings filled, won |",
        "| --- |" + " --- |" * (len(SHARES) + 3),
    ]  # fmt: skip
    for row in rows:
        with_, none = row["index"], row["none"]
        cells = [f"{a:.3f} / {b:.3f}" for a, b in zip(with_["hypervolume"], none["hypervolume"], strict=True)]
        cells.append(f"{with_['best_error']:.2%} / {none['best_error']:.2%}")
        cells.append(f"{with_['evaluations']} / {none['evaluations']}")
        cells.append(f"{with_['filled']}, {with_['won']} of {with_['asked']}")
        lines.append(f"| {row['seed']} | {' | '.join(cells)} |")
    if rows:
        ratios = [
            statistics.mean(r["index"]["hypervolume"][n] / max(1e-9, r["none"]["hypervolume"][n]) for r in rows)
            for n in range(len(SHARES))
        ]
        wins = [sum(r["index"]["hypervolume"][n] > r["none"]["hypervolume"][n] for r in rows) for n in range(4)]
        cells = [f"**{r:.3f}**, larger in {w} of {len(rows)}" for r, w in zip(ratios, wins, strict=True)]
        lines.append(f"| mean ratio | {' | '.join(cells)} | | | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", default="cifar10", help="CIFAR-10, by name or as an image folder")
    parser.add_argument("--budget", type=int, default=150, help="CPU seconds of each run")
    parser.add_argument("--images", type=int, default=6000, help="images of one training")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    folder = cache_folder() / "experiments" / f"15-evolve-{options.budget}-{options.images}"
    folder.mkdir(parents=True, exist_ok=True)
    first, second = (half(options.cifar, classes, folder) for classes in (range(5), range(5, 10)))
    before, index = folder / "before", folder / "index"
    finish([evolving(first, before, options, 100, "none", 2 * options.budget, 2 * options.images)])
    subprocess.run([GI, "index", "build", str(before), "--index", str(index)], check=True)
    rows = []
    for seed in SEEDS[: options.seeds]:
        folders = {arm: folder / f"{arm}-{seed}" for arm in ("index", "none")}
        last = options.images // 10
        finish(  # at the same time: a CPU second is worth the same to both
            [
                evolving(second, out, options, seed, str(index) if arm == "index" else "none", options.budget, last)
                for arm, out in folders.items()
            ]
        )
        rows.append({"seed": seed, **compared(folders, options.budget)})
        options.out.write_text(json.dumps(rows, indent=1))
    text = table(rows)
    print(text)
    put_table(options.out, Path(__file__), text)


if __name__ == "__main__":
    main()
