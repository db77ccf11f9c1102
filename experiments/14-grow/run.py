"""Does a grown network beat its control at equal CPU seconds? Usage: python experiments/14-grow/run.py --cifar FOLDER

Resumable: each (case, seed) in results.jsonl is not run again. The donors are those of experiments/13-seeding.
"""

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "13-seeding"), str(HERE.parent)]
from results import put_table  # noqa: E402
from run import FORMAT, Experiment  # noqa: E402

from gi.jobs.grow import Settings, grow  # noqa: E402
from gi.kernels.index.addition import IndexSource  # noqa: E402
from gi.kernels.index.build import build  # noqa: E402

SEEDS = range(5)
WIDTHS = (16, 32, 64)


@dataclass(frozen=True)
class Case:
    """A data set and the donors of the index that a network for it is grown from."""

    name: str
    data: str
    donors: tuple[str, ...]
    images: int
    layered: bool = False


SETS = (
    ("MNIST, donors of CIFAR-10's classes 0-4 and third parties", "mnist", ("a", "b"), 15_000),
    ("CIFAR-10, donors of its own classes 0-4 and third parties", "cifar", ("a", "b"), 20_000),
    ("CIFAR-10, donors of MNIST and third parties", "cifar", ("m", "n"), 20_000),
)
CASES = tuple(Case(*each, layered) for layered in (False, True) for each in SETS)


def index_of(experiment: Experiment, case: Case) -> Path:
    folder = experiment.cache / f"grow-{'-'.join(case.donors)}-{FORMAT}"
    sources = [IndexSource(experiment.exported(name), f"donor-{name}") for name in case.donors]
    if experiment.onnx:
        sources += [IndexSource(path, path.stem) for path in sorted(experiment.onnx.glob("**/*.onnx"))]
    build(sources, folder)
    return folder


def one(experiment: Experiment, case: Case, dataset: str, seed: int) -> dict:
    settings = Settings(
        dataset=dataset, index=index_of(experiment, case), widths=WIDTHS, images=case.images, seed=seed,
        candidates=16, probe_images=900, layered=case.layered,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        found = grow(settings, Path(scratch, "model.py"))
    grown = found["grown"]
    tried = {}
    for number, how, error in grown.pop("tried"):
        tried.setdefault(f"{number} {how}", []).append(error)
    grown["tried"] = {key: [len(errors), round(min(errors), 4)] for key, errors in tried.items()}
    return {"case": case.name, "layered": case.layered, "seed": seed, **found}


def table(rows: list[dict]) -> str:
    lines = [
        "| case | way | seeds | grown: test error | control: test error | better in | search CPU s | training CPU s | "
        "grown before training | layers from |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in CASES:
        found = [row for row in rows if (row["case"], row["layered"]) == (case.name, case.layered)]
        if not found:
            continue
        pairs = [(row["grown"]["test"], row["control"]["test"]) for row in found]
        cells = [
            case.name,
            "layer by layer" if case.layered else "a donor as a whole",
            str(len(found)),
            spread([a for a, _ in pairs]),
            spread([b for _, b in pairs]),
            f"{sum(a < b for a, b in pairs)} of {len(pairs)}",
            f"{statistics.mean(r['grown']['search_cpu_s'] for r in found):.1f}",
            f"{statistics.mean(r['grown']['train_cpu_s'] for r in found):.1f}",
            f"{statistics.mean(r['grown']['start_error'] for r in found):.1%}",
            ", ".join(f"{n} x {how}" for how, n in Counter(x[0] for r in found for x in r["grown"]["layers"]).items()),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def spread(errors: list[float]) -> str:
    deviation = statistics.stdev(errors) if len(errors) > 1 else 0.0
    return f"{statistics.mean(errors):.2%} ± {deviation:.2%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", default="cifar10", help="CIFAR-10, by name or as an image folder")
    parser.add_argument("--onnx", type=Path, help="a folder of third-party ONNX files")
    parser.add_argument("--case", type=int, action="append", help="only this case, from 1")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many of the seeds 0 to 4")
    parser.add_argument("--out", type=Path, default=HERE / "results.jsonl")
    options = parser.parse_args()
    experiment = Experiment(options.cifar, options.onnx, options.out)
    for number, case in enumerate(CASES, start=1):
        for seed in SEEDS[: options.seeds] if not options.case or number in options.case else ():
            key = (case.name, case.layered, seed)
            if not any((row["case"], row["layered"], row["seed"]) == key for row in experiment.rows):
                experiment.add(one(experiment, case, {"cifar": options.cifar, "mnist": "mnist"}[case.data], seed))
    text = table(experiment.rows)
    print(text)
    put_table(options.out, Path(__file__), text)


if __name__ == "__main__":
    main()
