"""Does a network that starts from an index learn faster? Usage: python experiments/13-seeding/run.py --cifar FOLDER

Resumable: each (case, arm, seed) that is in results.jsonl is not run again.
"""

import argparse
import json
import statistics
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from arms import ARMS, RACED, started
from nets import SCORED, Net, Training, dataset, final, samples, steps_to
from results import put_table

from gi.core.settings import cache_folder
from gi.kernels.index.addition import IndexSource
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index

HERE = Path(__file__).parent
SEEDS = range(5)
TUNING_SEEDS = (1000, 1001)
RATES = (2e-3, 4e-3, 8e-3)
FORMAT = 2  # of the donors: raised when they are trained otherwise
FEW = ("Kaiming", "connected sub-network", RACED)


@dataclass(frozen=True)
class Case:
    """What is learnt, from which donors: `least` is what is asked of the raced arm, in the mean and of each seed."""

    name: str
    donors: tuple[str, ...]
    widths: tuple[int, ...] = (16, 32, 64)
    norm: bool = False
    data: str = "cifar"
    classes: range = range(5, 10)
    images: int = 2000
    steps: int = 240
    arms: tuple[str, ...] = FEW
    least: tuple[float, float] = (2.0, 0.0)

    @property
    def target(self) -> str:
        """What is trained without donors: cases that share it share its learning rate and its runs from Kaiming."""
        norm = " norm" if self.norm else ""
        return f"{self.data} {self.classes[0]}-{self.classes[-1]} {self.images} {self.widths}{norm}"

    def key(self, arm: str) -> str:
        """The name under which an arm's results are kept."""
        return self.name if arm in (*ARMS, RACED) and arm != "Kaiming" else self.target


@dataclass(frozen=True)
class DonorNet:
    """A network that is trained to be a donor."""

    widths: tuple[int, ...]
    norm: bool = False
    data: str = "cifar"
    seed: int = 100
    steps: int = 2000


DONORS = {
    "a": DonorNet((32, 64, 64)),
    "b": DonorNet((24, 48, 96), seed=101),
    "c": DonorNet((32, 64, 64), norm=True, seed=102),
    "d": DonorNet((24, 48, 96), norm=True, seed=103),
    "e": DonorNet((12, 24, 32), seed=104),
    "f": DonorNet((16, 24, 32), seed=105),
    "m": DonorNet((24, 48, 64), data="mnist", seed=106, steps=1000),
    "n": DonorNet((32, 48, 64), data="mnist", seed=107, steps=1000),
}
CASES = (
    Case("CIFAR 0-4 to 5-9, 2,000 images", ("a", "b"), arms=(*ARMS, RACED), least=(2.0, 1.5)),
    Case("CIFAR 0-4 to 5-9, 500 images", ("a", "b"), images=500, steps=160, least=(2.0, 1.5)),
    Case("CIFAR 0-4 to 5-9, with BatchNorm", ("c", "d"), norm=True, least=(1.5, 0.0)),
    Case("CIFAR to MNIST", ("a", "b"), data="mnist", classes=range(10), steps=160),
    Case("wider than any donor", ("e", "f"), widths=(24, 48, 64)),
    Case("MNIST to CIFAR", ("m", "n"), least=(0.95, 0.95)),
    Case("third-party donors to CIFAR", ("third-party",), least=(0.95, 0.95)),
)


class Experiment:
    def __init__(self, cifar: str, onnx: Path | None, out: Path) -> None:
        self.sets = {"cifar": dataset(cifar), "mnist": dataset("mnist")}
        self.onnx, self.out = onnx, out
        self.cache = cache_folder() / "experiments" / "13-seeding"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []

    def index(self, case: Case) -> Index:
        """The index of a case's donors, built where there is none yet."""
        folder = self.cache / f"index-{'-'.join(case.donors)}-{FORMAT}"
        if case.donors == ("third-party",):
            assert self.onnx is not None
            sources = [IndexSource(path, path.stem) for path in sorted(self.onnx.glob("**/*.onnx"))]
        else:
            sources = [IndexSource(self.exported(name), f"donor-{name}") for name in case.donors]
        build(sources, folder)
        return Index.open(folder)

    def exported(self, name: str) -> Path:
        """A donor's ONNX file, trained where there is none yet."""
        path = self.cache / f"donor-{name}-{DONORS[name].steps}.onnx"
        if path.exists():
            return path
        made = DONORS[name]
        data = self.sets[made.data]
        classes = range(5) if made.data == "cifar" else range(10)
        net = network(made.widths, made.norm, made.data, made.seed)
        x, y = samples(data, "train", classes)
        training = Training(net, x, y, lr=2e-3, seed=made.seed, steps=made.steps)
        for chosen in training.order:
            training.step(chosen)
        net.eval().to(memory_format=torch.contiguous_format)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mode = torch.onnx.TrainingMode.PRESERVE
            draft = path.with_suffix(".part")
            sample = torch.zeros(1, *data.task.input_shape)
            torch.onnx.export(net, sample, draft, dynamo=False, do_constant_folding=False, training=mode)
        draft.replace(path)
        return path

    def done(self, case: Case, arm: str, seed: int) -> bool:
        return any((r["case"], r["arm"], r["seed"]) == (case.key(arm), arm, seed) for r in self.rows)

    def add(self, row: dict) -> None:
        self.rows.append(row)
        with self.out.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def curve(self, case: Case, arm: str, seed: int, lr: float) -> dict:
        data = self.sets[case.data]
        held = samples(data, "validation", case.classes, SCORED, seed=0)
        net = network(case.widths, case.norm, case.data, seed)
        pair = samples(data, "train", case.classes, case.images, seed=seed)
        index = None if arm == "Kaiming" else self.index(case)
        training, done, charged, note = started(arm, net, index, pair, lr=lr, seed=seed, steps=case.steps)
        points = training.curve(held, done=done)
        points = [(step + charged, a) for step, a in points]
        return {"curve": [(round(s, 2), round(a, 4)) for s, a in points], "note": str(note), "final": final(points)}

    def rate(self, case: Case) -> float:
        """The learning rate that is best for Kaiming, on seeds that are not reported."""
        finals: dict[float, list[float]] = {}
        for lr in RATES:
            arm = f"rate {lr:g}"
            for seed in TUNING_SEEDS:
                if not self.done(case, arm, seed):
                    self.add({"case": case.target, "arm": arm, "seed": seed} | self.curve(case, "Kaiming", seed, lr))
            finals[lr] = [r["final"] for r in self.rows if (r["case"], r["arm"]) == (case.target, arm)]
        return max(RATES, key=lambda lr: statistics.mean(finals[lr]))

    def run(self, case: Case, arms: tuple[str, ...]) -> None:
        lr = self.rate(case)
        for seed in SEEDS:
            for arm in arms:
                if not self.done(case, arm, seed):
                    start = time.time()
                    found = self.curve(case, arm, seed, lr)
                    self.add({"case": case.key(arm), "arm": arm, "seed": seed, "lr": lr} | found)
                    print(case.name, arm, seed, f"{found['final']:.3f} {time.time() - start:.0f} s", flush=True)


def network(widths, norm, data, seed) -> Net:
    torch.manual_seed(seed)
    return Net(widths, norm=norm, classes=5 if data == "cifar" else 10, channels=3 if data == "cifar" else 1)


def speed_ups(rows: list[dict], case: Case, arm: str, share: float) -> list[tuple[float, float | None]]:
    """(Kaiming's steps, the arm's steps) to a share of Kaiming's final accuracy, seed by seed."""
    by = {(r["arm"], r["seed"]): r for r in rows if r["case"] == case.key(r["arm"])}
    pairs = []
    for seed in SEEDS:
        if ("Kaiming", seed) in by and (arm, seed) in by:
            base = by["Kaiming", seed]
            level = share * base["final"]
            pairs.append((steps_to(base["curve"], level), steps_to(by[arm, seed]["curve"], level)))
    return pairs


def table(rows: list[dict]) -> str:
    lines = [
        "| case | arm | seeds | steps to 90 % | speed-up [range] | steps to 97 % | speed-up [range] | final | asked |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in CASES:
        for arm in case.arms:
            found = [r for r in rows if (r["case"], r["arm"]) == (case.key(arm), arm)]
            if found:
                lines.append(_line(rows, case, arm, found))
    return "\n".join(lines) + "\n"


def _line(rows, case: Case, arm: str, found: list[dict]) -> str:
    cells = []
    for share in (0.9, 0.97):
        pairs = speed_ups(rows, case, arm, share)
        steps = [b for _, b in pairs if b is not None]
        ratios = [a / b for a, b in pairs if a and b]
        missing = f", {len(pairs) - len(steps)} never" if len(steps) < len(pairs) else ""
        cells.append(f"{np.mean(steps):.0f}{missing}" if steps else "never")
        if ratios:
            cells.append(f"{np.exp(np.mean(np.log(ratios))):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]")
        else:
            cells.append("-")
    mean, each = case.least
    asked = f"{mean:g}" + (f", none under {each:g}" if each else "") if arm == RACED else ""
    accuracy = f"{statistics.mean(r['final'] for r in found):.3f}"
    return f"| {case.name} | {arm} | {len(found)} | {' | '.join(cells)} | {accuracy} | {asked} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar", default="cifar10", help="CIFAR-10, by name or as an image folder")
    parser.add_argument(
        "--onnx", type=Path, help="a folder of third-party ONNX files; without it that case is left out"
    )
    parser.add_argument("--case", type=int, action="append", help="only this case, from 1")
    parser.add_argument("--few", action="store_true", help="only Kaiming and the connected sub-networks")
    parser.add_argument("--out", type=Path, default=HERE / "results.jsonl")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    experiment = Experiment(options.cifar, options.onnx, options.out)
    for number, case in enumerate(CASES, start=1):
        if (not options.case or number in options.case) and (case.donors != ("third-party",) or options.onnx):
            experiment.run(case, FEW if options.few else case.arms)
    text = table(experiment.rows)
    print(text)
    put_table(options.out, Path(__file__), text)


if __name__ == "__main__":
    main()
