"""Imports run one way: a package imports from those before it in `ORDER`, a room from those before it in `ROOMS`.

There are no exceptions. Heavy packages are imported in one place each, and light verbs start without them.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gi

ROOT = Path(gi.__file__).parent
ORDER = (
    "core",
    "source",
    "sandbox",
    "data",
    "trace",
    "lines",
    "harvest",
    "corpus",
    "vary",
    "kernels",
    "train",
    "archive",
    "explain",
    "search",
    "export",
    "report",
    "jobs",
    "api",
    "cli",
)
#: What a package with rooms is made of, folders and modules, in the order in which they may import each other.
ROOMS = {
    "source": ("tree", "identity", "places", "model_file", "repair", "gate"),
    "data": ("splits", "checks", "readers", "dataset", "summary", "pictures"),
    "trace": (
        "torch_names",
        "augmentation",
        "program",
        "meta_kernels",
        "classes",
        "identity",
        "fit",
        "numbers",
        "recorder",
        "service",
        "client",
        "as_user",
    ),
    "vary": ("genes", "binding", "hosts", "operators", "variation"),
    "kernels": ("records", "onnx", "channels", "index", "mining", "donors", "seed"),
    "train": (
        "version",
        "request",
        "allowed_time",
        "metrics",
        "shown_images",
        "batches",
        "loop",
        "scoring",
        "cost_model",
        "measure",
        "recording",
        "predict_worker",
        "start",
        "answer",
        "diagnosis",
        "job",
        "scorer",
        "state",
        "conversation",
        "repetition",
        "training_process",
        "scoring_process",
        "timed_batches",
        "timing",
        "scored_outputs",
        "checkpoint",
        "evaluation",
        "executor",
        "cluster",
        "cache",
        "grow_worker",
    ),
    "explain": (
        "names",
        "rows",
        "alignment",
        "inline",
        "difference",
        "records",
        "variants",
        "noise",
        "search",
        "provenance",
    ),
    "search": (
        "select",
        "credit",
        "events",
        "budget",
        "stopping",
        "twins",
        "lanes",
        "rung_figures",
        "scores",
        "rungs",
        "logbook",
        "parent_weights",
        "parts",
        "toolbox",
        "admission",
        "estimate",
        "final_training",
        "in_flight",
        "outcomes",
        "breeding",
        "closing",
        "dead_ends",
        "search",
        "evolve",
    ),
    "export": (
        "choice",
        "names",
        "layout",
        "reader_source",
        "readers",
        "recipe",
        "training",
        "render",
        "data",
        "subject",
        "notice",
        "weights_file",
        "onnx_pools",
        "conversion",
        "formats",
        "patch",
        "tidy",
        "write",
        "card",
        "hub",
        "grown",
    ),
    "report": (
        "constraints",
        "own_model",
        "top_members",
        "labels",
        "plot",
        "table",
        "explanation",
        "machine",
        "program",
        "stock",
        "weights",
        "answers",
        "individual",
        "rows",
        "live",
        "tracking",
        "printing",
        "page",
    ),
    "jobs": ("index", "doctor", "grow", "minimise"),
}
#: Packages that one place alone may import; their weight or their licence stays there.
OWNERS = {
    "deap": ("search/",),
    "pymoo": ("search/select/",),
    "moocore": ("search/select/",),
    "torch": (
        "core/compat.py",
        "sandbox/",
        "data/",
        "trace/",
        "train/",
        "export/readers/",
        "export/conversion.py",
        "export/onnx_pools.py",
        "export/tidy/check.py",
        "export/weights_file.py",
        "kernels/seed/",
        "report/tracking.py",  # its writer for TensorBoard
        "jobs/doctor.py",
        "jobs/index/",
        "api/building.py",
    ),
    "torchvision": (
        "core/compat.py",
        "data/",
        "trace/",
        "export/readers/",
        "weights/",
        "jobs/index/",
    ),
    "git": ("harvest/",),
    "sklearn": ("data/", "kernels/", "api/classifier.py"),
    "faiss": ("kernels/",),
    "click": ("cli/",),
    "matplotlib": ("report/", "kernels/mining/"),
    "black": ("export/",),
    "plotly": ("report/page/",),
    "ray": ("train/cluster/",),
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
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place_of(module):
    """The package of a module's full name, and the folder or module of it that the name goes through."""
    parts = module.split(".")[1:3]
    return parts[0], parts[1] if len(parts) > 1 else ""


def test_the_orders_name_what_is_there():
    assert set(ORDER) == {path.parent.name for path in ROOT.glob("*/__init__.py")}
    for package in ORDER:
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
        if package in ROOMS:
            assert set(ROOMS[package]) == rooms | modules, package
        else:
            assert rooms <= {"readers"}, f"{package} has rooms: give their order"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    package, room = place_of(".".join(("gi", *path.relative_to(ROOT).with_suffix("").parts)))
    for module in imported_modules(path):
        if not module.startswith("gi.") or package == "__init__":
            continue
        there, inside = place_of(module)
        if there == "__version__":
            continue
        assert ORDER.index(there) <= ORDER.index(package), f"{package} imports {module}, which is above it"
        if there == package and package in ROOMS and room != "__init__":
            rooms = ROOMS[package]
            assert inside in rooms, f"{path} imports {module}: name the module that defines it"
            assert rooms.index(inside) <= rooms.index(room), f"{package}/{room} imports {module}, which is above it"


def test_a_class_name_means_one_thing():
    classes = [node.name for path in FILES for node in ast.walk(ast.parse(path.read_text("utf-8")))
               if isinstance(node, ast.ClassDef)]  # fmt: skip
    assert sorted({name for name in classes if classes.count(name) > 1}) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_stay_where_they_belong(path):
    place = path.relative_to(ROOT).as_posix()
    for package in {module.partition(".")[0] for module in imported_modules(path)} & set(OWNERS):
        assert place.startswith(OWNERS[package]), f"{place} imports {package}: only {OWNERS[package]} may"


HEAVY = {
    "torch",
    "torchvision",
    "onnx",
    "pyarrow",
    "faiss",
    "deap",
    "pymoo",
    "moocore",
    "libcst",
    "matplotlib",
    "sklearn",
    "git",
    "black",
    "plotly",
    "ray",
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


def test_a_verb_imports_its_own_module_alone_and_json_no_tables(tmp_path):
    from tests.small_run import write_run

    program = "import sys; from gi.cli import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", program, "front", str(write_run(tmp_path / "run")), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT.parent)
    imported = set(done.stderr.split())
    assert "gi.cli.results" in imported
    assert not imported & {"gi.cli.evolve", "gi.cli.export", "gi.explain.records", "rich", "numpy"}
