"""Nobody changes the trainer without deciding whether outcomes that were kept before still hold.

`trainer.txt` has the trainer's version and a digest of its sources, comments and docstrings aside. Where a test here
fails: if a training may now give another outcome, raise TRAINER_VERSION in gi/train/version.py. Then, in either case,

    python -m tests.train.test_version

writes the file anew.
"""

import ast
import hashlib
from pathlib import Path

import gi
from gi.train.version import TRAINER_VERSION
from tests.test_imports import imported_modules

ROOT = Path(gi.__file__).parent
EXPECTED = Path(__file__).with_name("trainer.txt")
STARTS = ("train/job.py", "train/scorer.py", "train/evaluation.py")
ROOMS = ("train", "trace")
BESIDE = ("core/streams.py", "data/splits.py")  # what starts a training, and which samples it is scored on


def sources():
    """The files of the trainer: its processes and the driver's side of them, and what these import, and so on."""
    found, waiting = set(BESIDE), list(STARTS)
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += filter(None, map(module_file, imported_modules(ROOT / place)))
    return sorted(found)


def module_file(name):
    """The trainer's file that an imported name stands in; None for one of elsewhere."""
    for end in (name, name.rpartition(".")[0]):
        place = "/".join(end.split(".")[1:]) + ".py"
        if end.startswith(tuple(f"gi.{room}." for room in ROOMS)) and (ROOT / place).is_file():
            return place
    return None


def sources_digest():
    plain = [f"{place}\n{without_comments((ROOT / place).read_text('utf-8'))}" for place in sources()]
    return hashlib.sha256("\n".join(plain).encode()).hexdigest()[:16]


def without_comments(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def current():
    return f"version {TRAINER_VERSION}, sources {sources_digest()}\n"


def test_a_change_of_the_trainers_sources_is_decided_on():
    assert EXPECTED.read_text("utf-8") == current(), (
        "The trainer's sources changed. If a training may now give another outcome, raise TRAINER_VERSION in "
        "gi/train/version.py; then write trainer.txt anew: python -m tests.train.test_version"
    )


def test_the_trainer_is_all_that_decides_what_a_training_gives():
    assert {
        "core/streams.py",
        "train/loop.py",
        "train/measure.py",
        "train/job.py",
        "train/cost_model.py",
        "train/start/inherit.py",
        "trace/program/candidate.py",
        "trace/program/recipe.py",
        "trace/augmentation/batched.py",
    } <= set(sources())
    assert "train/executor.py" not in sources()


def test_comments_and_docstrings_decide_nothing():
    assert (
        without_comments('"""Says."""\n\ndef f():\n    """Does."""\n    return 1  # why\n') == "def f():\n    return 1"
    )


if __name__ == "__main__":
    EXPECTED.write_text(current(), "utf-8")
