"""Which programs deserve to be seed programs? Usage: python experiments/23-seeds/run.py --data-root FOLDER

Trains every candidate, kept and dropped ones, on three sets that no table reports, then takes away, one after the
other, the program without which the least hypervolume is lost. Resumable: what is in results.json is not trained again.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from letters import write_letters  # noqa: E402 (the file beside this one)
from results import put_table  # noqa: E402

from gi.core.protocols import Job  # noqa: E402
from gi.core.settings import RunConfig, cache_folder  # noqa: E402
from gi.core.types import Scored  # noqa: E402
from gi.data.dataset import Dataset, load_dataset  # noqa: E402
from gi.search.select import hypervolume  # noqa: E402
from gi.source.repair.repair import repair  # noqa: E402
from gi.trace.client import CheckWorker  # noqa: E402
from gi.train.executor import LocalExecutor  # noqa: E402

KEPT, DROPPED = HERE.parents[1] / "corpus" / "seeds", HERE / "dropped"
SETS = ("digits", "letters", "fashion-mnist")
SEED = 1000  # a tuning seed
MOST = np.log10([1e6, 30.0])  # parameters and time of the reference point; its error is half of the outputs' by chance
COUNT = 18  # programs that are kept, those that go last: each costs a run one evaluation

Values = dict[str, tuple[float, float, float]]  # error, parameters, time of each program


def loaded(name: str, data_root: str | None, folder: Path) -> Dataset:
    """A set by its name; the letters are drawn first."""
    if name == "letters":
        write_letters(folder / "letters.npz")
        name = str(folder / "letters.npz")
    return load_dataset(name, data_root=data_root, cache=cache_folder())


def measure(
    dataset: Dataset, name: str, images: int, candidates: list[Path], known: dict[str, list[float]], save
) -> Values:
    """The values of every candidate on one set; `known` has what was measured before, by set and text."""
    values, config = {}, RunConfig(dataset=name, images=images, cpu_limit_s=120.0, wall_limit_s=1200.0)
    with CheckWorker() as check, LocalExecutor(dataset, config, workers=1) as executor:
        for path in candidates:
            text = path.read_text(encoding="utf-8")
            key = f"{name} {images} {hashlib.sha256(text.encode()).hexdigest()[:16]}"
            if key not in known:
                fitted = repair(text, dataset.task, check)
                outcome = executor.submit(Job(path.stem, fitted, SEED, images)).result()
                if not isinstance(outcome, Scored):
                    sys.exit(f"{path.stem} fails on {name}: {outcome}")
                cost = outcome.cost.train_cpu_s / images * 1e6
                known[key] = [*(outcome.values[o] for o in ("error", "params", "time")), cost]
                save()
            values[path.stem] = tuple(known[key][:3])
    return values


def volume(values: Values, names: list[str], worst: float) -> float:
    """The hypervolume over log10 of error, parameters and time up to the reference point."""
    rows = np.log10([values[name] for name in names]).clip(min=[-4, 0, -9])
    return hypervolume(rows, (np.log10(worst), *MOST))


def order(by_set: dict[str, Values], worst: dict[str, float]) -> list[tuple[str, float]]:
    """The programs, the first to go first, and the mean share of the full hypervolume that goes with each."""
    left = sorted(next(iter(by_set.values())))
    full = {name: volume(by_set[name], left, worst[name]) for name in by_set}
    gone = []
    while len(left) > 1:
        now = {name: volume(by_set[name], left, worst[name]) for name in by_set}
        loss = {
            out: sum((now[s] - volume(by_set[s], [n for n in left if n != out], worst[s])) / full[s] for s in by_set)
            / len(by_set)
            for out in left
        }
        out = min(left, key=lambda name: (loss[name], name))
        gone.append((out, loss[out]))
        left.remove(out)
    return [*gone, (left[0], 1.0)]


def table(by_set: dict[str, Values], gone: list[tuple[str, float]]) -> str:
    """A row for each program, the last to go first."""
    kept = {path.stem for path in KEPT.glob("*.py")}
    heads = " | ".join(f"{name}: error, parameters, time" for name in by_set)
    lines = [f"| program | kept | share lost with it | {heads} |", "| --- " * (3 + len(by_set)) + "|"]
    for name, share in reversed(gone):
        cells = " | ".join(f"{100 * v[name][0]:.2f} %, {v[name][1]:,.0f}, {v[name][2]:.2f}" for v in by_set.values())
        lines.append(f"| `{name}` | {'yes' if name in kept else 'no'} | {100 * share:.2f} % | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures what is missing, prints the table and says where kept and dropped do not follow from it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", help="holds FashionMNIST/raw; else $GI_DATA")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--kept", action="store_true", help="the kept programs only, in trainings too long for all")
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    candidates = sorted([*KEPT.glob("*.py"), *(() if options.kept else DROPPED.glob("*.py"))])
    by_set, worst = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            dataset = loaded(name, options.data_root, Path(folder))
            worst[name] = 0.5 * (1 - 1 / dataset.task.num_classes)
            by_set[name] = measure(dataset, name, options.images, candidates, known,
                                   lambda: options.out.write_text(json.dumps(known, indent=1) + "\n"))  # fmt: skip
    gone = order(by_set, worst)
    text = table(by_set, gone)
    print(text)
    put_table(options.out, Path(__file__), text)
    kept = {path.stem for path in KEPT.glob("*.py")}
    for place, (name, _) in enumerate(reversed(gone), start=1):
        if (place <= COUNT) != (name in kept):
            print(f"{name} is {'kept' if name in kept else 'dropped'}, and goes as number {place} from the end")


if __name__ == "__main__":
    main()
