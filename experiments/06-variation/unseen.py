"""The same figures on files that nobody looked at while the operators were built, drawn from harvested repositories.

    python experiments/06-variation/unseen.py --tries 25 --seed 1 --jobs 2

A file may be drawn if it is Python of at most 60,000 characters with the word `nn.Module`, and its model,
unedited, takes a batch of one of `SHAPES` and gives (n, k) with k of at least 2: the first such shape, and k,
are its task. Its model is the one that `gi` takes it for; where gi finds several, the first of the file's that
so works when built without arguments. The repositories of the five files of variation.py are left out, and the files
of seen.txt: those of an earlier draw, whose failures were looked at afterwards, and one that was run while the
operators were built. The others in order of path are shuffled by stream `unseen` of the seed; at most 4 of a repository
are taken. The first `--files` are the draw. `--development` takes the files of a repository that is not in the corpus:
the operators were tuned on those.
"""

import argparse
import ast
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from files import CIFAR, EXAMPLES
from repositories import tree_of
from tables import printed, summarised
from tries import Subject
from variation import HERE, read, run

from gi.core.errors import GiError
from gi.core.streams import stream
from gi.core.types import Task
from gi.harvest.catalogue import repositories
from gi.lines import decode
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.source.model_file.entry_points import entry_of

SHAPES = ((3, 32, 32), (1, 28, 28), (3, 64, 64), (3, 224, 224))
MAX_CHARACTERS, MAX_OF_ONE = 60_000, 4
MAX_NAMES, NO_MODELS = 12, frozenset({"main", "test", "train", "demo"})
SUITABLE = HERE / "suitable.json"
DEVELOPMENT = ("https://github.com/weiaicunzai/pytorch-cifar100", "11d8418f415b261e4ae3cb1ffe20d06ec95b98e4")
SEEN = frozenset((HERE / "seen.txt").read_text().split())
ROWS = "single,3 edits,10 edits,crossover,donor lines"


def main() -> None:
    options = arguments()
    found = suitable(options)
    subjects = drawn(found, options)
    print("\n".join(f"{s.name}: {s.entry}, {'x'.join(map(str, s.task.input_shape))}" for s in subjects), flush=True)
    if options.tries:
        rows = options.rows.split(",")
        run(subjects, rows, options)
        records = [r for r in read(options.out) if r["seed"] == options.seed and r["row"] in rows]
        summary = summarised(r for r in records if r["index"] < options.tries)
        options.out.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")
        print(printed(summary))
        if options.without:
            left = [r for r in records if r["index"] < options.tries and not r["file"].endswith(tuple(options.without))]
            print(f"\nwithout {', '.join(options.without)}:\n\n{printed(summarised(left))}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=40, help="for each file and row; 0 only draws")
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument(
        "--development", action="store_true", help="files of a repository outside the corpus, for tuning"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", default=ROWS)
    parser.add_argument("--without", nargs="*", help="prints the tables a second time without these files")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--repositories", type=Path, help="a folder of clones: NAME, OWNER/NAME or OWNER+NAME")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir(), "gi-variation"))
    parser.add_argument("--out", type=Path, default=HERE / "unseen.jsonl")
    return parser.parse_args()


def suitable(options: argparse.Namespace) -> list[dict]:
    """The files that may be drawn, found once and kept beside this script (names and tasks, no code)."""
    file = options.scratch / "development.json" if options.development else SUITABLE
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with WarmWorker("judge:handle", wall_limit_s=30.0, memory_mb=4096) as judge:
            found = [asdict_of(s) for s in candidates(options, judge)]
        file.write_text(json.dumps(found, indent=1) + "\n")
    return json.loads(file.read_text())


def asdict_of(subject: Subject) -> dict:
    return {k: v for k, v in asdict(subject).items() if k not in ("text", "others")}


def candidates(options: argparse.Namespace, judge: WarmWorker) -> Iterator[Subject]:
    texts: set[str] = set()
    for name, text in sources(options):
        if text in texts:
            continue
        texts.add(text)
        subject = fitting(name, text, judge)
        if subject is not None:
            yield subject


def sources(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Name and text of the files that may hold a model."""
    harvested = [(r.url, r.commit) for r in repositories() if r.url not in (EXAMPLES[0], CIFAR[0])]
    for url, commit in [DEVELOPMENT] if options.development else harvested:
        try:
            tree = tree_of(url, commit, options.repositories, options.scratch)
        except GiError as error:
            print(f"left out: {error}", flush=True)
            continue
        for path in sorted(p for p in tree.sizes if p.endswith(".py")):
            yield from source(f"{'/'.join(url.split('/')[-2:])}/{path}", partial(tree.read, path))
        tree.close()


def source(name: str, content: Callable[[], bytes]) -> Iterator[tuple[str, str]]:
    try:
        text = decode(content())
    except (OSError, GiError):
        return
    if len(text) <= MAX_CHARACTERS and "nn.Module" in text:
        yield name, text


def fitting(name: str, text: str, judge: WarmWorker) -> Subject | None:
    """The file with its task, None where it may not be drawn."""
    for entry in entries(text):
        for shape in SHAPES:
            try:
                answer = judge.call(text, entry, list(shape), 0)
            except (WorkerDied, WorkerTimeout):
                break
            if not answer["build"]:
                break
            if answer.get("classes", 0) >= 2:
                return Subject(name, text, entry, Task(shape, answer["classes"]))
    return None


def entries(text: str) -> Iterator[str]:
    """What may build the file's network."""
    try:
        yield entry_of(text, None)
        return
    except GiError:
        pass
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return
    named = [n.name for n in body if isinstance(n, (ast.ClassDef, ast.FunctionDef))]
    for name in [n for n in named if n not in NO_MODELS][:MAX_NAMES]:
        try:
            yield entry_of(text, name)
        except GiError:
            continue


def drawn(found: list[dict], options: argparse.Namespace) -> list[Subject]:
    names = sorted(f["name"] for f in found if f["name"] not in SEEN)
    stream(options.seed, "unseen").shuffle(names)
    count: Counter[str] = Counter()
    taken = []
    for name in names:
        repository = "/".join(name.split("/")[:2])
        count[repository] += 1
        if count[repository] <= MAX_OF_ONE or options.development:
            taken.append(name)
    chosen = taken[: options.files]
    texts = dict(pair for pair in sources(options) if pair[0] in chosen)
    known = {f["name"]: f for f in found}
    return [subject_of(known[name], texts[name]) for name in chosen]


def subject_of(stored: dict, text: str) -> Subject:
    task = Task(tuple(stored["task"]["input_shape"]), stored["task"]["num_classes"])
    return Subject(stored["name"], text, stored["entry"], task)


if __name__ == "__main__":
    main()
