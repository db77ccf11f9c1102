"""Does it pay to inherit weights? Usage: python experiments/18-inheritance/run.py --cifar FOLDER

Runs on CIFAR-10's classes 5-9 with --inherit and with --no-inherit, in turn, at equal CPU seconds; then the front of
each, trained from scratch. Resumable: a run that is finished is not run again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "15-evolve-with-index"), str(HERE.parent)]

from halves import half  # noqa: E402 (the folder beside this one)
from results import put_table  # noqa: E402

from gi.archive import Archive, front_members  # noqa: E402
from gi.core.protocols import Job  # noqa: E402
from gi.core.settings import cache_folder  # noqa: E402
from gi.core.streams import torch_seed  # noqa: E402
from gi.core.types import Scored  # noqa: E402
from gi.data.dataset import load_dataset  # noqa: E402
from gi.search.select import hypervolume  # noqa: E402
from gi.train.executor import LocalExecutor  # noqa: E402

GI = str(Path(sys.executable).with_name("gi"))
SEEDS = range(5)
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the budget, at which the hypervolumes are compared
ARMS = ("inherit", "no-inherit")

Values = tuple[float, ...]


def evolved(data: Path, out: Path, options: argparse.Namespace, seed: int, arm: str) -> None:
    """A run, taken up where it stopped, with next to no trainings at its end: `from_scratch` makes those."""
    if (out / "run.sqlite").exists():
        command = ["--resume", str(out)]
    else:
        command = ["--dataset", str(data), "--seed", str(seed), f"--{arm}", "--out", str(out)]
        command += ["--budget", f"{options.budget}s", "--images", str(options.images), "--generations", "500"]
        command += ["--final-images", str(options.images // 10), "--final-seeds", "1", "--population", "12"]
    subprocess.run([GI, "evolve", *command, "--workers", "1", "--json"], check=True, stdout=subprocess.DEVNULL)


def from_scratch(folder: Path, images: int) -> dict[str, float]:
    """The test error of each member of the front after one training from scratch, kept beside the run."""
    kept = folder / f"from-scratch-{images}.json"
    if not kept.exists():
        with Archive.open(folder) as archive:
            config, front = archive.run().config, front_members(archive)
            texts = {member.id: archive.text(member.id) for member in front}
        seed, errors = torch_seed(config.seed, "from scratch"), {}
        with LocalExecutor(load_dataset(config.dataset, cache=cache_folder()), config, workers=1) as executor:
            for id_, text in texts.items():
                outcome = executor.submit(Job(id_, text, seed, images, "test")).result()
                errors[id_] = outcome.values["error"] if isinstance(outcome, Scored) else 1.0
        kept.write_text(json.dumps(errors, indent=1))
    return json.loads(kept.read_text())


def states(folder: Path) -> tuple[list[tuple[float, list[Values]]], dict[str, Values], dict]:
    """(CPU seconds, values of all scored so far) after each generation; the values by id; what was inherited."""
    with Archive.open(folder) as archive:
        objectives = archive.run().objectives
        values, generation_of, seedings, children = {}, {}, [], 0
        for e in archive.outcomes.evaluations("validation"):
            if isinstance(e.outcome, Scored):
                individual = archive.individuals.by_prefix(e.individual)
                values[e.individual] = tuple(e.outcome.values[o.key] for o in objectives)
                generation_of[e.individual] = individual.generation
                children += bool(individual.parents)
                seedings += [s for s in [archive.outcomes.seeding(e.individual)] if s is not None]
        closed = [(g.cpu_s, [v for i, v in values.items() if generation_of[i] <= g.number])
                  for g in archive.generations.all()]  # fmt: skip
    files = [path.stat().st_size for path in folder.glob("trained/*.pt")]
    return closed, values, {
        "evaluations": len(values), "children": children, "heirs": sum(bool(s.inherited) for s in seedings),
        "layers": statistics.mean([len(s.inherited) for s in seedings] or [0]),
        "inheriting_ms": 1000 * statistics.mean([s.cpu_s for s in seedings] or [0]),
        "kept_mb": sum(files) / 1e6, "best_error": min(v[0] for v in values.values()),
    }  # fmt: skip


def compared(folders: dict[str, Path], options: argparse.Namespace) -> dict:
    """Both arms' hypervolumes by one reference point: of the search over its budget, of the front from scratch."""
    with Archive.open(folders["inherit"]) as archive:
        objectives = archive.run().objectives
    found = {arm: states(folder) for arm, folder in folders.items()}
    everything = [v for _, values, _ in found.values() for v in values.values()]
    reference = tuple(1.0 if n == 0 else max(v[n] for v in everything) * 1.1 for n in range(len(objectives)))
    answer = {}
    for arm, (closed, values, notes) in found.items():
        volumes = []
        for share in SHARES:
            last = [scored for cpu_s, scored in closed if cpu_s <= share * options.budget]
            volumes.append(hypervolume(last[-1], reference, objectives) if last else 0.0)
        errors = from_scratch(folders[arm], options.final_images)
        front = [(error, *values[id_][1:]) for id_, error in errors.items()]
        searched = [values[id_][0] for id_ in errors]
        answer[arm] = {
            **notes, "hypervolume": volumes, "scratch_hypervolume": hypervolume(front, reference, objectives),
            "scratch_best_error": min(errors.values()), "front": len(front),
            "front_error": statistics.mean(searched), "scratch_error": statistics.mean(errors.values()),
        }  # fmt: skip
    return answer


def table(rows: list[dict]) -> str:
    """A line for each pair, and the means."""
    columns = [*(f"search, {s:.0%}" for s in SHARES), "front from scratch"]
    lines = [
        "| seed | " + " | ".join(f"hypervolume, {c}" for c in columns) +
        " | best error from scratch (test) | best error of the search | evaluations |",
        "| --- |" + " --- |" * (len(columns) + 3),
    ]  # fmt: skip
    for row in rows:
        a, b = (row[arm] for arm in ARMS)
        cells = [f"{x:.3f} / {y:.3f}" for x, y in zip(_volumes(a), _volumes(b), strict=True)]
        cells += [f"{a[key]:.2%} / {b[key]:.2%}" for key in ("scratch_best_error", "best_error")]
        lines.append(f"| {row['seed']} | {' | '.join(cells)} | {a['evaluations']} / {b['evaluations']} |")
    if rows:
        pairs = [list(zip(_volumes(row[ARMS[0]]), _volumes(row[ARMS[1]]), strict=True)) for row in rows]
        cells = [
            f"**{statistics.mean(x / max(y, 1e-9) for x, y in column):.3f}**, "
            f"larger in {sum(x > y for x, y in column)} of {len(rows)}"
            for column in zip(*pairs, strict=True)
        ]
        for key in ("scratch_best_error", "best_error"):
            differences = [row[ARMS[0]][key] - row[ARMS[1]][key] for row in rows]
            cells.append(
                f"{100 * statistics.mean(differences):+.2f} points, lower in {sum(d < 0 for d in differences)}"
            )
        lines.append(f"| mean ratio | {' | '.join(cells)} | |")
    return "\n".join(lines) + "\n\n" + _notes(rows)


def _volumes(arm: dict) -> list[float]:
    return [*arm["hypervolume"], arm["scratch_hypervolume"]]


def _notes(rows: list[dict]) -> str:
    """What was inherited, what that cost, and how far the search's errors lie from those from scratch."""

    def mean(arm: str, key: str) -> float:
        return statistics.mean(row[arm][key] for row in rows)

    if not rows:
        return ""
    gaps = ", ".join(f"{mean(a, 'front_error'):.1%} and {mean(a, 'scratch_error'):.1%} ({a})" for a in ARMS)
    heirs = f"{mean('inherit', 'heirs'):.0f} of {mean('inherit', 'children'):.0f} children"
    cost = f"{mean('inherit', 'inheriting_ms'):.1f} CPU ms"
    return (
        f"With --inherit {heirs} inherited, {mean('inherit', 'layers'):.1f} layers each, in {cost}; the weights kept "
        f"at the end take {mean('inherit', 'kept_mb'):.1f} MB. Mean error of the front in the search (validation) and "
        f"from scratch (test): {gaps}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", default="cifar10", help="CIFAR-10, by name or as an image folder")
    parser.add_argument("--budget", type=int, default=150, help="CPU seconds of each run")
    parser.add_argument("--images", type=int, default=6000, help="images of one training of the search")
    parser.add_argument("--final-images", type=int, default=12000, help="images of one training from scratch")
    parser.add_argument("--first-seed", type=int, default=SEEDS[0])
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    folder = cache_folder() / "experiments" / f"18-inheritance-{options.budget}-{options.images}"
    folder.mkdir(parents=True, exist_ok=True)
    data = half(options.cifar, range(5, 10), folder)
    rows = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        folders = {arm: folder / f"{arm}-{seed}" for arm in ARMS}
        for arm in ARMS if seed % 2 == 0 else ARMS[::-1]:  # which arm is first alternates
            evolved(data, folders[arm], options, seed, arm)
        rows.append({"seed": seed, **compared(folders, options)})
        options.out.write_text(json.dumps(rows, indent=1) + "\n")
    text = table(rows)
    print(text)
    put_table(options.out, Path(__file__), text)


if __name__ == "__main__":
    main()
