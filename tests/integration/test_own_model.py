"""A model of the user's own through the command line: what is wrong with it is one line, what is right works."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gi.archive import Archive, front_members
from gi.cli import run
from gi.core.types import Scored

pytestmark = pytest.mark.slow

HEAD = "import torch\nfrom torch import nn\n\n\n"
MODEL = """\
class {name}(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
        self.conv = nn.Conv2d({channels}, 8, 3, padding=1)
        self.fc = nn.Linear(8 * {size} * {size}, {classes})

    def forward(self, x):
{first}        x = torch.relu(self.conv(x))
        return self.fc(x.flatten(1))


"""


def model(name="Model", parameters="", first="", channels=1, size=8, classes=10):
    return MODEL.format(name=name, parameters=parameters, first=first, channels=channels, size=size, classes=classes)


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory, tmp_path, monkeypatch):
    monkeypatch.setenv("GI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.chdir(tmp_path)


def written(content, name="model.py"):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


ARGUMENTS = "import argparse\n\nparser = argparse.ArgumentParser()\nparser.add_argument('data')\n"
WRONG = {
    "needs an argument": (HEAD + model(parameters=", width"), "Model needs width: pass --arg width=VALUE"),
    "two candidate classes": (HEAD + model("One") + model("Two"), "defines 2 models: One, Two: name one"),
    "data-dependent control flow": (
        HEAD + model(first="        if x.sum() > 0:\n            x = -x\n"),
        "model.py:12: Model does not run",
    ),
    "data-dependent shapes": (HEAD + model(first="        x = x[x > 0]\n"), "must not depend on its data"),
    "reads a file": (HEAD + "TEXT = open('x.json').read()\n" + model(), "model.py:5: Model cannot be built: FileNotF"),
    "loads weights when it is built": (
        HEAD + model().replace("super().__init__()", "super().__init__()\n        torch.load('x.pt')"),
        "model.py:8: Model cannot be built: FileNotFoundError",
    ),
    "loads weights": (HEAD + "WEIGHTS = torch.load('x.pt')\n" + model(), "line 5 runs on import: put what"),
    "syntax of a later Python": (
        HEAD + "lazy import json\n" + model(),
        "model.py:5:6: invalid syntax: this is Python 3.",
    ),
    "what to do about that": (HEAD + "lazy import json\n", "or run gi with the Python that it is written for"),
    "a relative import": (
        "from .blocks import Block\n" + HEAD + model(),
        "`from .blocks import Block` takes in",
    ),
    "a sibling": ("import blocks\n" + HEAD + model(), "model.py:1:1: `import blocks` takes in a file beside it"),
    "a package that is not there": ("import not_there\n" + HEAD + model(), "No module named 'not_there' (install it"),
    "not UTF-8": ((HEAD + model() + "# \xe9\n").encode("latin-1"), "byte 0xe9 cannot be read as utf-8"),
    "null bytes": (b"x = 1\0\n", "the character"),
    "empty": ("", "model.py defines no model"),
    "a script with arguments": (ARGUMENTS + "parser.parse_args()\n" + HEAD + model(), "SystemExit"),
    "no network": (HEAD + "class Config(dict):\n    pass\n", "model.py defines no model"),
}


@pytest.mark.parametrize(("content", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_file_is_one_line(content, told, capsys):
    Path("blocks.py").write_text("")
    assert run(["repair", written(content), "--input-shape", "1,8,8", "--trust"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("gi: model.py")
    assert told in captured.err
    assert captured.err.count("\n") == 1


WRONG_CALLS = {
    "a folder": (["repair", "."], ". is a folder: pass a Python file"),
    "no such file": (["vary", "nowhere.py:Net"], "nowhere.py: no such file"),
    "no such name": (["vary", "model.py:Nit"], "model.py defines no model 'Nit': choose from Model, make, number"),
    "no model": (["vary", "model.py:number"], "number gives a "),
    "an argument that is not taken": (["vary", "model.py", "--arg", "depth=2"], "--arg depth=2: Model takes width"),
    "no literal": (["evolve", "model.py", "--arg", "width=wide"], "--arg width=wide: wide is no literal"),
    "an argument for nothing": (["evolve", "--arg", "width=2"], "pass MODEL.py too"),
    "a model that cannot be built, before a run begins": (["evolve", "model.py:broken"], "broken cannot be built"),
}


@pytest.mark.parametrize(("arguments", "told"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_is_one_line_and_begins_no_run(arguments, told, capsys):
    written(
        HEAD
        + model(parameters=", width=3")
        + "def make():\n    return Model()\n\n\ndef number():\n    return 3\n\n\ndef broken():\n    raise OSError\n"
    )
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_model_for_other_data_is_repaired_and_says_so(capsys):
    written(HEAD + model(channels=3, size=32, classes=5))
    assert run(["repair", "model.py", "--input-shape", "1,8,8"]) == 0
    captured = capsys.readouterr()
    assert captured.out == HEAD + model()
    assert captured.err == "gi: model.py: made to fit 1 x 8 x 8 images and 10 classes (2 lines changed)\n"


def test_a_repaired_file_keeps_its_line_ends_encoding_and_the_rest_of_its_bytes(capfdbinary):
    before = b"# coding: latin-1\r\n" + (HEAD + model(classes=5) + "# \xe9").encode("latin-1").replace(b"\n", b"\r\n")
    written(before)
    assert run(["repair", "model.py", "--input-shape", "1,8,8"]) == 0
    assert capfdbinary.readouterr().out == before.replace(b", 5)", b", 10)")


@pytest.mark.usefixtures("built_cache")
def test_offspring_keep_the_name_and_what_it_takes(capsys):
    written(HEAD + model(parameters=", width, /, depth=2") + "def small(n, /):\n    return Model(n)\n")
    arguments = ["--arg", "n=4", "--count", "4", "--edits", "2", "--input-shape", "1,8,8", "--json"]
    assert run(["vary", "model.py:small", *arguments]) == 0
    texts = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert len(set(texts)) == 4
    for text in texts:
        assert "def small(n, /):\n    return Model(n)" in text
        assert "class Model(nn.Module):\n    def __init__(self, width, /, depth=2):" in text
        assert "class Net" not in text


RECIPE = "\n\ndef recipe(net, steps):\n    return torch.optim.SGD(net.parameters(), 0.1), None, nn.NLLLoss(), None\n"


@pytest.mark.parametrize(("recipe", "changed"), [("", False), (RECIPE, True)])
@pytest.mark.usefixtures("built_cache")
def test_what_varies_stands_in_the_file(recipe, changed, capsys):
    written(HEAD + model().rstrip("\n") + "\n" + recipe)
    assert run(["vary", "model.py", "--count", "12", "--input-shape", "1,8,8", "--json"]) == 0
    texts = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert any(not text.endswith(recipe) for text in texts) is changed
    assert all(("def recipe(" in text) is changed for text in texts)


SCRIPT = (
    "import argparse\n"
    + HEAD
    + model("Digits", parameters=", width=8")
    + """\
def train():
    raise SystemExit("the user's own training ran")


def main():
    argparse.ArgumentParser().parse_args()
    train()


if __name__ == "__main__":
    main()
"""
)


@pytest.fixture(scope="module")
def evolved(built_cache, tmp_path_factory):
    """A run that started from a script in a git work tree, with everything given by relative paths."""
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GI_CACHE", str(built_cache.folder))
        patch.chdir(folder)
        subprocess.run(["git", "init", "--quiet"], check=True)
        Path("models").mkdir()
        written(SCRIPT, "models/digits.py")
        arguments = ["--generations", "1", "--population", "4", "--images", "2000", "--workers", "1", "--seed", "1000"]
        arguments += ["--final-images", "2000", "--final-seeds", "1", "--out", "run"]
        assert run(["evolve", "models/digits.py", "--arg", "width=4", *arguments]) == 0
        assert Path("models/digits.py").read_text() == SCRIPT
    return folder


def test_a_run_starts_from_the_users_model_and_its_mutants(evolved):
    with Archive.open(evolved / "run") as archive:
        (seed,) = archive.seeds()
        first = [
            archive.individuals.by_prefix(slot.individual) for slot in archive.individuals.slots(0) if slot.individual
        ]
        assert archive.run().config.entry == "Digits(width=4)"
        assert archive.run().config.cpu_limit_s is None
        assert seed.original == SCRIPT.encode()
        assert seed.origin.path == "models/digits.py"
        assert [i.parents for i in first] == [(), *[(first[0].id,)] * (len(first) - 1)]
        assert len(first) > 2
        assert all("class Digits(nn.Module)" in i.text for i in first)


def members(folder):
    """The ids of everything scored but the user's model itself."""
    with Archive.open(folder / "run") as archive:
        scored = [e.individual for e in archive.outcomes.evaluations("validation") if isinstance(e.outcome, Scored)]
    return scored[1:]


def test_each_individual_is_a_patch_that_git_takes_and_that_gives_the_same_network(evolved, tmp_path, capsys):
    for number, id_ in enumerate(members(evolved)):
        out = tmp_path / f"{number}.patch"
        assert run(["export", str(evolved / "run"), id_, "--patch", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["patch"] == str(out)
        subprocess.run(["git", "apply", str(out)], cwd=evolved, check=True)
        try:
            text = (evolved / "models/digits.py").read_text()
            assert parameters(text, "Digits(width=4)") == scored_parameters(evolved, id_)
            assert text.endswith('if __name__ == "__main__":\n    main()\n') or "def recipe" in text
        finally:
            (evolved / "models/digits.py").write_text(SCRIPT)


def parameters(text, call):
    program = (  # a recipe may have image transforms, and this machine a torchvision for another torch
        "import sys\nfrom gi.core.compat import allow_torchvision\nallow_torchvision()\n"
        "exec(sys.stdin.read(), names := {})\n"
        f"print(sum(p.numel() for p in eval({call!r}, names).parameters()))"
    )
    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True)
    return int(done.stdout)


def scored_parameters(folder, id_):
    with Archive.open(folder / "run") as archive:
        (outcome,) = [e.outcome for e in archive.outcomes.evaluations("validation") if e.individual == id_]
    return outcome.values["params"]


def test_the_users_model_itself_gives_no_patch(evolved, tmp_path, capsys):
    with Archive.open(evolved / "run") as archive:
        first = archive.individuals.ids()[0]
    assert run(["export", str(evolved / "run"), first, "--patch", str(tmp_path / "x.patch")]) == 2
    assert "is models/digits.py as it was" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda file: file.write_text("changed"), "has changed since the run read it"),
        (lambda file: file.unlink(), "cannot be read (no such file or directory)"),
    ],
)
def test_a_patch_is_made_when_the_file_has_changed_or_moved_and_says_so(evolved, tmp_path, capsys, change, told):
    file, out = evolved / "models/digits.py", tmp_path / "x.patch"
    try:
        change(file)
        assert run(["export", str(evolved / "run"), members(evolved)[0], "--patch", str(out)]) == 0
    finally:
        file.write_text(SCRIPT)
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    subprocess.run(["git", "apply", "--check", str(out)], cwd=evolved, check=True)


def test_the_exported_file_leaves_the_users_own_main_out_and_trains(evolved, tmp_path):
    assert run(["export", str(evolved / "run"), members(evolved)[0], "-o", "best.py", "--force"]) == 0
    text = Path("best.py").read_text()
    assert text.count('if __name__ == "__main__"') == 1
    assert "the user's own training" not in text
    done = subprocess.run(
        [sys.executable, "-W", "error", "best.py", "--data", "data"], capture_output=True, text=True, check=True
    )
    assert "holds the weights after" in done.stdout
    assert "test error" in done.stdout


def test_the_network_is_written_in_every_format(evolved, tmp_path):
    with Archive.open(evolved / "run") as archive:
        best = front_members(archive)[0].id
    assert run(["export", str(evolved / "run"), best, "-o", "best.py", "--weights", "--onnx", "--pt2"]) == 0
    assert Path("best.pt2").stat().st_size > 1000
    assert Path("best.onnx").stat().st_size > 1000
    assert Path("best.safetensors").stat().st_size > 1000


def test_a_run_goes_on_from_another_folder(evolved, tmp_path, capsys):
    assert run(["evolve", "--resume", str(evolved / "run"), "--workers", "1"]) == 0
    assert "models/digits.py itself: error" in capsys.readouterr().err
