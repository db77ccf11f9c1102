"""What do edits of recipes do to the error? Usage: see the README beside this file.

`run.py arm NAME` makes and trains the children of one version of gi, the one that Python imports, and writes NAME.json;
`run.py table OLD NEW` compares two of them. `run.py edits` says what children of one to three edits are worth. The
data are scikit-learn's digits with a split of their own.
"""

import argparse
import json
import math
import random
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from results import put_table  # noqa: E402 (the module beside this folder)

from gi.core.compat import allow_torchvision  # noqa: E402
from gi.core.settings import cache_folder  # noqa: E402
from gi.core.streams import stream  # noqa: E402
from gi.core.types import RECIPE_TYPES, Task  # noqa: E402
from gi.corpus import Corpus, default_corpus, seed_programs  # noqa: E402
from gi.trace.client import CheckWorker  # noqa: E402
from gi.trace.program.candidate import CandidateError, load  # noqa: E402
from gi.trace.program.recipe import make_recipe  # noqa: E402
from gi.vary import Vary  # noqa: E402

TASK, BATCH, TRAIN = Task((1, 16, 16), 10), 64, 900
PARENTS = ("conv_small_sequential", "conv_medium_append", "conv_small_attribute", "dense_small_append")
POOR = """

def recipe(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.002)
    scheduler = None
    loss = nn.CrossEntropyLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
"""
MAX_TRIES = 4000
DEFAULTS = {"seed": 41, "children": 16, "seeds": 3, "epochs": 10, "steps": 5, "brood": 4, "climbs": 2}


def split(seed: int) -> tuple[torch.Tensor, ...]:
    """900 images of 16 x 16 to train on and 897 to score, from 0 to 1, with their labels."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(seed))
    images = torch.tensor(digits.images, dtype=torch.float32).div(16)[:, None][order]
    images = torch.nn.functional.interpolate(images, scale_factor=2, mode="bilinear")
    labels = torch.tensor(digits.target)[order]
    return images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:]


allow_torchvision()


class Trainer:
    """Trains programs for some epochs and gives their errors, 1.0 for one that fails."""

    def __init__(self, epochs: int) -> None:
        self.images, self.labels, self.scored, self.truth = split(7)
        self.steps = epochs * TRAIN // BATCH
        self.mean, self.std = self.images.mean(), self.images.std()

    def error(self, text: str, seed: int) -> float:
        """The error of one training from scratch."""
        torch.manual_seed(seed)
        random.seed(seed)
        try:
            module = load(text)
            net = module.Net()
            self._train(net, make_recipe(module, net, self.steps, TASK.input_shape))
        except CandidateError:
            return 1.0
        with torch.inference_mode():
            logits = net.eval()((self.scored - self.mean) / self.std)
        return (logits.argmax(1) != self.truth).float().mean().item()

    def errors(self, text: str, seeds: range) -> list[float]:
        """The errors of several trainings."""
        return [self.error(text, seed) for seed in seeds]

    def _train(self, net: torch.nn.Module, recipe) -> None:
        order = torch.cat([torch.randperm(TRAIN) for _ in range(-(-self.steps * BATCH // TRAIN))])
        for chosen in order[: self.steps * BATCH].view(self.steps, BATCH):
            images = self.images[chosen]
            images = images if recipe.augmentation is None else recipe.augmentation(images)
            recipe.optimizer.zero_grad(set_to_none=True)
            loss = recipe.loss(net((images - self.mean) / self.std), self.labels[chosen])
            if not torch.isfinite(loss):
                raise CandidateError("train", "nan")
            loss.backward()
            recipe.optimizer.step()
            if recipe.scheduler is not None:
                recipe.scheduler.step()


def recipe_children(vary: Vary, parents: list[str], count: int, rng: random.Random) -> list[tuple[str, str, str]]:
    """Accepted children that differ from the first parent in one edit of the recipe alone: operator, type, text."""
    made = []
    for number, tried in enumerate(vary.raw(parents, rng=rng)):
        types = {edit.type for edit in tried.edits}
        if tried.verdict.accepted and types <= RECIPE_TYPES:
            made.append((tried.edits[0].operator, "+".join(sorted(types)), tried.text))
        if len(made) == count or number > MAX_TRIES:
            break
    return made


def single_edits(vary: Vary, programs: dict[str, str], trainer: Trainer, options: argparse.Namespace) -> Iterator[dict]:
    """Single recipe edits of each parent with their errors, a round of all parents after another."""
    streams = {name: stream(options.seed, "edits", name) for name in PARENTS}
    for _ in range(options.children):
        for name, rng in streams.items():
            other = programs[rng.choice(sorted(programs))]
            for operator, types, text in recipe_children(vary, [programs[name], other], 1, rng):
                errors = trainer.errors(text, range(100, 100 + options.seeds))
                yield {"parent": name, "operator": operator, "types": types, "errors": errors}


def climb(vary: Vary, start: str, trainer: Trainer, seed: int, options: argparse.Namespace) -> list[float]:
    """The error after each step of a climb: of some recipe children of the best so far the best one stays if better.

    There is no second parent, whose recipe could be taken over whole.
    """
    rng, best = stream(seed, "climb"), start
    path = [statistics.fmean(trainer.errors(best, range(200, 200 + options.seeds)))]
    for _ in range(options.steps):
        children = [text for _, _, text in recipe_children(vary, [best], options.brood, rng)]
        found = [(statistics.fmean(trainer.errors(text, range(200, 200 + options.seeds))), text) for text in children]
        error, text = min(found, default=(1.0, best))
        if error < path[-1]:
            best = text
        path.append(min(error, path[-1]))
    return path


def arm(options: argparse.Namespace) -> None:
    """One version's children and climbs, written down as they come."""
    torch.set_num_threads(1)
    trainer, out = Trainer(options.epochs), HERE / f"{options.name}.json"
    with Corpus.open(options.corpus or default_corpus(cache_folder())) as stock, CheckWorker() as check:
        vary = Vary(stock, check, TASK)
        programs = {Path(p.origin.path).stem: vary.fitted(p.text)[0] for p in seed_programs(options.programs)}
        parents = {name: trainer.errors(programs[name], range(100, 100 + options.seeds)) for name in PARENTS}
        answer = {"parents": parents, "children": [], "climbs": []}
        for row in single_edits(vary, programs, trainer, options):
            answer["children"].append(row)
            out.write_text(json.dumps(answer, indent=1) + "\n")
        network = programs["conv_small_sequential"]
        poor = network[: network.index("\n\ndef recipe")] + POOR
        for seed in range(options.seed, options.seed + options.climbs):
            answer["climbs"].append(climb(vary, poor, trainer, seed, options))
            out.write_text(json.dumps(answer, indent=1) + "\n")


def edits(options: argparse.Namespace) -> None:
    """Children of one, two and three edits of any kind, each of two of the seed programs, trained once."""
    torch.set_num_threads(1)
    trainer, rows = Trainer(options.epochs), []
    with Corpus.open(options.corpus or default_corpus(cache_folder())) as stock, CheckWorker() as check:
        vary = Vary(stock, check, TASK)
        programs = {Path(p.origin.path).stem: vary.fitted(p.text)[0] for p in seed_programs(options.programs)}

        def measured(text: str) -> tuple[float, int]:
            return trainer.error(text, 300), check(text, TASK).num_params

        seeds = {name: measured(text) for name, text in programs.items()}
        for number in range(options.count):
            for wanted in (1, 2, 3):
                rng = stream(options.seed, "edits of a child", number)  # the same parents for each number of edits
                first, second = rng.sample(sorted(programs), 2)
                shares = [0] * (wanted - 1) + [1]
                made = vary([programs[first], programs[second]], rng=rng, edit_shares=shares)
                rows.append({"edits": wanted, "parent": first, "values": measured(made.text)})
            print(rows[-3:], file=sys.stderr, flush=True)
    (HERE / "edits.json").write_text(json.dumps({"seeds": seeds, "children": rows}, indent=1) + "\n")
    lines = ["| edits | children | dominate their parent | over half wrong | error, median | hypervolume added |"]
    lines += ["| --- " * 6 + "|"]
    before = list(seeds.values())
    for wanted in (1, 2, 3):
        own = [row for row in rows if row["edits"] == wanted]
        wins = sum(dominates(row["values"], seeds[row["parent"]]) for row in own)
        errors = [row["values"][0] for row in own]
        added = volume(before + [row["values"] for row in own]) - volume(before)
        shares = f"{wins / len(own):.0%} | {sum(e > 0.5 for e in errors) / len(own):.0%}"
        lines.append(f"| {wanted} | {len(own)} | {shares} | {statistics.median(errors):.1%} | {added:.3f} |")
    print("\n".join(lines))


def dominates(one: tuple[float, int], other: tuple[float, int]) -> bool:
    """Whether a program is no worse in error and parameters, and better in one of them."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def volume(values: list[tuple[float, int]]) -> float:
    """The area that programs dominate, in decades of error below 1 and of parameters below a million."""
    area, lowest = 0.0, 0.0
    for error, params in sorted(values, key=lambda v: v[1]):
        height, width = -math.log10(max(error, 1e-4)), 6 - math.log10(params)
        if height > lowest and width > 0:
            area, lowest = area + (height - lowest) * width, height
    return area


def verdicts(answer: dict) -> list[tuple[str, str, float, float]]:
    """Operator, type, change of the error and its noise (two standard errors) for each child."""
    spread = statistics.fmean(statistics.variance(errors) for errors in answer["parents"].values())
    rows = []
    for row in answer["children"]:
        before = answer["parents"][row["parent"]]
        change = statistics.fmean(row["errors"]) - statistics.fmean(before)
        noise = 2 * (spread / len(before) + spread / len(row["errors"])) ** 0.5
        rows.append((row["operator"], row["types"], change, noise))
    return rows


def table(options: argparse.Namespace) -> None:
    """The two versions side by side, into the README."""
    answers = {name: json.loads((HERE / f"{name}.json").read_text()) for name in options.names}
    head = " | edits | moved beyond noise | improved | worsened | quartiles of the change, points | best tenth |"
    lines = ["| version" + head, "| --- " * 7 + "|"]
    for name, answer in answers.items():
        lines.append(f"| {name} | {summary(verdicts(answer))} |")
    lines += ["", "By operator and type of line, of the second version:", "", "| edit" + head, "| --- " * 7 + "|"]
    rows = verdicts(answers[options.names[-1]])
    for operator, types in sorted({row[:2] for row in rows}):
        lines.append(f"| {operator} of {types} | {summary([r for r in rows if r[:2] == (operator, types)])} |")
    lines += ["", "Climbs from the poor recipe: the median and range of the error after so many edits.", "",
              "| version | " + " | ".join(map(str, range(len(answer["climbs"][0])))) + " |",
              "| --- " * (len(answer["climbs"][0]) + 1) + "|"]  # fmt: skip
    for name, answer in answers.items():
        columns = zip(*answer["climbs"], strict=True)
        cells = [f"{statistics.median(c):.1%} ({min(c):.1%} to {max(c):.1%})" for c in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    put_table(HERE / "results", Path(__file__), text)
    print(text)


def summary(rows: list[tuple[str, str, float, float]]) -> str:
    """Count, shares beyond noise, quartiles and the best tenth of the change in percentage points, as cells."""
    changes = sorted(100 * change for _, _, change, _ in rows)
    better = sum(change < -noise for *_, change, noise in rows) / len(rows)
    worse = sum(change > noise for *_, change, noise in rows) / len(rows)
    quartiles = [changes[int(q * (len(changes) - 1))] for q in (0.25, 0.5, 0.75)]
    cells = [str(len(rows)), f"{better + worse:.0%}", f"{better:.0%}", f"{worse:.0%}"]
    return " | ".join([*cells, ", ".join(f"{q:+.2f}" for q in quartiles), f"{changes[len(changes) // 10]:+.2f}"])


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("arm")
    one.add_argument("name")
    one.add_argument("--programs", type=Path, help="the folder of seed programs, the same for both arms")
    one.add_argument("--corpus", type=Path, help="the stock, the same for both arms: the default one of one of them")
    for option, number in DEFAULTS.items():
        one.add_argument(f"--{option}", type=int, default=number)
    one.set_defaults(run=arm)
    more = verbs.add_parser("edits")
    more.add_argument("--programs", type=Path)
    more.add_argument("--corpus", type=Path)
    for option, number in {"seed": 51, "count": 40, "epochs": 10}.items():
        more.add_argument(f"--{option}", type=int, default=number)
    more.set_defaults(run=edits)
    two = verbs.add_parser("table")
    two.add_argument("names", nargs=2)
    two.set_defaults(run=table)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
