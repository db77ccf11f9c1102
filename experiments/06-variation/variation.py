"""How often edits of five published model files give a working and a different network, row by row.

    python experiments/06-variation/variation.py --tries 300 --seed 0 --jobs 2

Reads the files from clones in `--repositories DIR` where they are, else fetches the two repositories at their pinned
commits into `--scratch`. Every try goes at once as one line into results.jsonl beside this script: a run that was cut
off goes on where it was. Ends with summary.json and the tables of the README.
"""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from files import FIVE, GREY, text_of
from tables import printed, summarised
from tries import PER_POOL, ROWS, Subject, opened

from gi.core.settings import cache_folder
from gi.corpus import Corpus, default_corpus
from gi.vary import Donor

HERE = Path(__file__).parent
WARM = 150


def main() -> None:
    options = arguments()
    found = seed_subjects() if options.seed_programs else five(options.repositories, options.scratch)
    subjects = [s for s in found if not options.files or s.name in options.files]
    rows = options.rows.split(",")
    run(subjects, rows, options)
    records = [r for r in read(options.out) if r["seed"] == options.seed and r["row"] in rows]
    summary = summarised(r for r in records if r["index"] < options.tries)
    options.out.with_name(options.out.stem.replace("results", "summary") + ".json").write_text(
        json.dumps(summary, indent=1) + "\n"
    )
    print(printed(summary))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=300, help="for each file and row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", default=",".join(ROWS), help="some of the rows, by comma; 'only NAME': one operator")
    parser.add_argument("--files", nargs="*", help="only these of the five: mnist lenet vgg resnet mobilenetv2")
    parser.add_argument(
        "--seed-programs", action="store_true", help="gi's own seed programs in place of the five files"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--raw", action="store_true", help="kept for the record: a try is always the first draw")
    parser.add_argument("--repositories", type=Path, help="a folder of clones: NAME, OWNER/NAME or OWNER+NAME")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir(), "gi-variation"))
    parser.add_argument("--out", type=Path, default=HERE / "results.jsonl")
    return parser.parse_args()


def five(repositories: Path | None, scratch: Path) -> list[Subject]:
    """The five files, each with the other four as donors."""
    texts = {file: text_of(file, repositories, scratch) for file in FIVE}
    return [
        Subject(f.name, t, f.entry, f.task, tuple(Donor(u, o.entry) for o, u in texts.items() if o is not f))
        for f, t in texts.items()
    ]


def seed_subjects() -> list[Subject]:
    """The seed programs, for MNIST's shape, without donors of another file."""
    names = sorted(path.stem for path in (HERE.parents[1] / "corpus/seeds").glob("*.py"))
    return [Subject(n, (HERE.parents[1] / f"corpus/seeds/{n}.py").read_text(), "Net", GREY) for n in names]


def run(subjects: list[Subject], rows: list[str], options: argparse.Namespace) -> None:
    """Does what the results file does not hold yet, several processes at a time."""
    done = {(r["file"], r["row"], r["index"]) for r in read(options.out) if r["seed"] == options.seed}
    chunks = [
        (
            subject,
            row,
            [i for i in range(first, min(first + _together(row), options.tries)) if (subject.name, row, i) not in done],
        )
        for row in rows
        for first in range(0, options.tries, _together(row))
        for subject in subjects
    ]
    waiting = [(*chunk, options.seed) for chunk in chunks if chunk[2]]
    default_corpus(cache_folder())  # built here once: a process of the pool may start none
    with (
        options.out.open("a") as out,
        multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=8) as pool,
    ):
        for records in pool.imap_unordered(chunk_records, waiting):
            out.writelines(json.dumps(r) + "\n" for r in records)
            out.flush()


def _together(row: str) -> int:
    """How many tries one process makes, warm after the first: as in a run, where one check worker serves thousands."""
    return PER_POOL if row == "crossover" else WARM


def chunk_records(chunk: tuple[Subject, str, list[int], int]) -> list[dict]:
    """The records of one chunk. Runs in a process of the pool."""
    subject, row, indexes, seed = chunk
    with Corpus.open(default_corpus(cache_folder())) as stock:
        bench = opened(subject, stock, seed)
        try:
            return [bench.record(row, index) | {"seed": seed} for index in indexes]
        finally:
            bench.check.close()
            bench.judge.close()


def read(path: Path) -> Iterator[dict]:
    """The records so far; a line that a cut left unfinished is left out."""
    lines: Iterable[str] = path.read_text().splitlines() if path.exists() else ()
    for line in lines:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


if __name__ == "__main__":
    main()
