"""Imports run one way: base layer <- source, lines <- stages <- runtime, evolve <- cli."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gi

ROOT = Path(gi.__file__).parent
BASE = {"types", "seams", "errors", "seeding", "config", "compat", "__init__"}
STAGES = {
    "source",
    "lines",
    "harvest",
    "corpus",
    "vary",
    "evaluate",
    "select",
    "archive",
    "report",
    "explain",
    "export",
    "weights",
}
TOP = {"runtime", "progress", "evolve", "minimise", "grow"}

#: A stage imports another one only where it stands here, and why.
SIBLINGS = {
    ("harvest", "lines"): "the bytes of a file are decoded in one place",
    ("corpus", "harvest"): "the corpus takes in what a harvest gives",
    ("corpus", "lines"): "the corpus types what it takes in",
    ("corpus", "source"): "a module class is brought out of its files as text",
    ("corpus", "evaluate"): "whether a module class is a block is found by trying it in a worker",
    ("vary", "source"): "operators are edits of texts",
    ("vary", "lines"): "operators go by the types of lines",
    ("evaluate", "source"): "the check worker answers in the records that repair reads",
    ("evaluate", "weights"): "a training starts from donors' weights",
    ("explain", "source"): "changes are undone in the text, repaired and checked like offspring",
    ("report", "archive"): "a report reads a run",
    ("weights", "archive"): "an index takes in the networks of a run",
    ("weights", "export"): "a run's data set tells what its networks take",
    ("weights", "harvest"): "licence files are read in one place",
    ("weights", "evaluate"): "a program is traced in the confined worker",
    ("report", "explain"): "a report tells what each change is worth",
    ("export", "archive"): "an export reads a run",
    ("export", "explain"): "what minimisation left is exported like an individual",
    ("export", "corpus"): "a NOTICE quotes the licence files that the corpus keeps",
    ("export", "harvest"): "a NOTICE quotes the licence files that a harvest found",
    ("export", "report"): "an exported file tells the origins that a report shows",
    ("export", "source"): "an exported file leaves out what the program does when run as a script",
    ("export", "evaluate"): "an exported file reads the run's data set, and ONNX is made in its worker",
}
#: Packages that one place alone may import; their weight or their licence stays there.
OWNERS = {
    "deap": ("evolve.py",),
    "pymoo": ("select/",),
    "torch": (
        "evaluate/",
        "compat.py",
        "export/readers/",
        "export/onnx.py",
        "weights/seed",
        "weights/tracing.py",
        "weights/pretrained.py",
    ),
    "torchvision": ("evaluate/", "compat.py", "export/readers/", "weights/pretrained.py"),
    "git": ("harvest/",),
    "sklearn": ("evaluate/", "weights/"),
    "faiss": ("weights/",),
    "click": ("cli/",),
    "matplotlib": ("report/", "weights/poster.py"),
    "black": ("export/",),
}
FILES = sorted(ROOT.rglob("*.py"))


def imported_modules(path):
    """The full names of everything that a file imports, at its top and inside functions, TYPE_CHECKING aside."""
    tree = ast.parse(path.read_text("utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield node.module or ""


def part_of(path):
    """The stage or base module of a file of gi."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    here = part_of(path)
    if here == "cli":
        return
    for module in imported_modules(path):
        if not module.startswith("gi.") or (there := module.split(".")[1]) in (here, *BASE):
            continue
        assert here not in BASE, f"the base layer imports the stage {there}"
        assert there != "cli", "the command line is at the end"
        if here in STAGES:
            assert (here, there) in SIBLINGS, f"{here} imports its sibling {there}: give the reason in SIBLINGS"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_stay_where_they_belong(path):
    place = path.relative_to(ROOT).as_posix()
    for package in {module.partition(".")[0] for module in imported_modules(path)} & set(OWNERS):
        assert place.startswith(OWNERS[package]), f"{place} imports {package}: only {OWNERS[package]} may"


def test_every_permission_is_used():
    pairs = {
        (part_of(path), module.split(".")[1])
        for path in FILES
        for module in imported_modules(path)
        if module.startswith("gi.")
    }
    assert set(SIBLINGS) <= pairs


HEAVY = {
    "torch",
    "torchvision",
    "onnx",
    "pyarrow",
    "faiss",
    "deap",
    "pymoo",
    "libcst",
    "matplotlib",
    "sklearn",
    "git",
    "black",
    "scipy",
}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["index", "build", "--help"], ["evolve", "--help"], ["front", "RUN"], ["failures", "RUN"]]
)
def test_light_verbs_start_without_heavy_packages(arguments, tmp_path):
    from tests.small_run import write_run

    run = write_run(tmp_path / "run")
    program = (
        "import sys; from gi.cli import run; status = run(sys.argv[1:]); "
        f"print(sorted({HEAVY!r} & set(sys.modules)), status, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *(str(run) if a == "RUN" else a for a in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert done.stderr == "[] 0\n"
