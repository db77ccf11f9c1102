"""Heavy packages are imported in one place each, and light verbs start without them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gi

ROOT = Path(gi.__file__).parent
#: Packages that one place alone may import; their weight or their licence stays there.
OWNERS = {
    "deap": ("search/", "evolve.py"),
    "pymoo": ("search/select/", "select/"),
    "torch": (
        "core/compat.py",
        "compat.py",
        "evaluate/",
        "sandbox/",
        "data/",
        "trace/",
        "train/",
        "export/readers/",
        "export/onnx.py",
        "kernels/seed/",
        "jobs/index/",
        "weights/seed",
        "weights/tracing.py",
        "weights/pretrained.py",
    ),
    "torchvision": (
        "core/compat.py",
        "compat.py",
        "evaluate/",
        "data/",
        "trace/",
        "export/readers/",
        "weights/",
        "jobs/index/",
    ),
    "git": ("harvest/",),
    "sklearn": ("evaluate/", "data/", "weights/", "kernels/"),
    "faiss": ("weights/", "kernels/"),
    "click": ("cli/",),
    "matplotlib": ("report/", "weights/", "kernels/"),
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
