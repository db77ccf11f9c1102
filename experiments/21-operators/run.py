"""What does each operator's child gain? Usage: python experiments/21-operators/run.py [--children 12] [--seed 0]

Children of seed programs by one operator each, trained briefly on scikit-learn's digits, beside the parents trained the
same. Every child is one line of results.jsonl, so that a run that was cut off goes on where it was; the README gets the
table at the end.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from results import put_table  # noqa: E402 (the folder above)

from gi.core.protocols import Job  # noqa: E402
from gi.core.settings import RunConfig, cache_folder  # noqa: E402
from gi.core.streams import stream, torch_seed  # noqa: E402
from gi.core.types import Offspring, Scored  # noqa: E402
from gi.corpus import Corpus, default_corpus  # noqa: E402
from gi.data.dataset import load_dataset  # noqa: E402
from gi.trace.client import CheckWorker  # noqa: E402
from gi.train.executor import LocalExecutor  # noqa: E402
from gi.vary import OPERATORS, Vary  # noqa: E402

PARENTS = (
    "conv_tiny_append", "shared_tiny_attribute", "pooled_small_sequential", "residual_small_attribute",
    "separable_small_sequential", "mixer_small_append",
)  # fmt: skip
SIZE = 16, 16  # at 8x8, where digits lie, most stems and pools would leave nothing
LARGEST_ERROR = 0.2  # a child that errs more extends no front that anybody would look at

Record = dict[str, Any]


def main() -> None:
    options = arguments()
    config = RunConfig(dataset="digits", images=options.images, image_size=SIZE)
    dataset = load_dataset("digits", image_size=SIZE, cache=cache_folder())
    records = read(options.out)
    done = {r["job"] for r in records}
    with (
        Corpus.open(default_corpus(cache_folder())) as stock,
        CheckWorker() as check,
        LocalExecutor(dataset, config, workers=1) as executor,
        options.out.open("a") as out,
    ):
        vary = Vary(stock, check, dataset.task)
        for name, operator, text in programs(vary, options, done):
            job = Job(name, text, torch_seed(options.seed, "operators"), options.images, timed=False)
            outcome = executor.submit(job).result()
            values = dict(outcome.values) if isinstance(outcome, Scored) else {}
            record = {"job": name, "parent": name.partition("/")[0], "operator": operator, "values": values}
            records.append(record)
            out.write(json.dumps(record) + "\n")
            out.flush()
    wanted = [r for r in records if not r["operator"] or int(r["job"].rpartition("/")[2]) < options.children]
    table = tabled(wanted, OPERATORS)
    put_table(options.out, Path(__file__), table)
    print(table)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=12, help="of each operator, shared out among the parents")
    parser.add_argument("--images", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results.jsonl")
    return parser.parse_args()


def read(path: Path) -> list[Record]:
    """The records so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def programs(vary: Vary, options: argparse.Namespace, done: set[str]) -> Iterator[tuple[str, str, str]]:
    """Name, operator ("" for a parent) and text of what is not trained yet, the parents first."""
    texts = {name: text_of(name) for name in PARENTS}
    fitted = {name: vary.fitted(text)[0] for name, text in texts.items()}
    yield from ((name, "", text) for name, text in fitted.items() if name not in done)
    for number in range(options.children):
        for operator in OPERATORS:
            parent = PARENTS[number % len(PARENTS)]
            name = f"{parent}/{operator}/{number}"
            if name not in done:
                rng = stream(options.seed, "operators", operator, number)
                other = rng.choice([text for other, text in fitted.items() if other != parent])
                made = vary([fitted[parent], other], rng=rng, shares={operator: 1.0})
                if isinstance(made, Offspring):
                    yield name, operator, made.text


def text_of(name: str) -> str:
    """The program as it is or, where it is a seed program no longer, as it was dropped."""
    seed = HERE.parents[1] / f"corpus/seeds/{name}.py"
    return (seed if seed.exists() else HERE.parent / f"23-seeds/dropped/{name}.py").read_text()


def tabled(records: Sequence[Record], operators: Iterable[str]) -> str:
    """One row for each operator: what its children do to error, parameters and multiply-adds."""
    parents = {r["parent"]: figures(r) for r in records if not r["operator"]}
    rows = ["| operator | children | failed | lower error | dominate their parent | extend the parents' front "
            "| change of error, median (range) | parameters, median ratio (range) |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for operator in operators:
        mine = [r for r in records if r["operator"] == operator]
        made = [(figures(r), parents[r["parent"]]) for r in mine if r["values"]]
        if not made:
            rows.append(f"| {operator} | {len(mine)} | {len(mine)} | | | | | |")
            continue
        changes = sorted(100 * (child[0] - parent[0]) for child, parent in made)
        ratios = sorted(child[1] / parent[1] for child, parent in made)
        extending = [c for c, _ in made if c[0] < LARGEST_ERROR and not any(dominates(p, c) for p in parents.values())]
        rows.append(
            f"| {operator} | {len(mine)} | {len(mine) - len(made)} | {sum(c < 0 for c in changes)} "
            f"| {sum(dominates(child, parent) for child, parent in made)} | {len(extending)} "
            f"| {statistics.median(changes):+.1f} ({changes[0]:+.1f} to {changes[-1]:+.1f}) "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) |"
        )
    return "\n".join(rows) + "\n"


def figures(record: Record) -> tuple[float, ...]:
    """Error, parameters and multiply-adds."""
    return tuple(record["values"][key] for key in ("error", "params", "macs"))


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


if __name__ == "__main__":
    main()
