"""Where the examples of a page run: a folder with what they name, data sets of that name and tiny searches.

What stands in a page runs as it stands but for this: data sets of torchvision are random images of their shape,
searches have a generation of two and start from two seed programs, minimisation and growing stop early, and ids and
kernel numbers, which a run or an index of one's own has others of, stand for one that there is.
"""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import torch
from PIL import Image

import gi
import gi.api.evolving
import gi.corpus
from gi.api import classifier
from gi.archive import Archive
from gi.cli import run
from gi.core.settings import cache_folder
from gi.corpus import Corpus, default_corpus_file, seed_programs
from gi.data.readers import named
from gi.data.splits import RawSet, Samples, numbered
from gi.harvest import Harvest
from tests.kernels.onnx_files import conv, model, node, trained, write

SHAPES = {"cifar10": (3, 32, 32), "cifar100": (3, 32, 32)}
SEARCH = {
    "generations": 1, "population": 2, "images": 640, "final_images": 640, "final_seeds": 1, "finals": 1,
    "clock": "model", "cache": False, "workers": 1,
}  # fmt: skip
KERNEL = "161214"  # the pages' own: an index of a few files has fewer
LONGER = {"generations", "budget", "time", "epochs", "rungs", "workers"}
EXTRA = {
    "grow": ["--probe-images", "64", "--images", "640", "--k", "4"],
    "--minimise": ["--trainings", "4", "--seeds", "2", "--workers", "1"],
    "--measure": ["--trainings", "4", "--seeds", "2", "--workers", "1"],
    "predict": ["--k", "4"],
    "gallery": ["--k", "4"],
}
MODEL = """\
from torch import nn


class {name}(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.output = nn.Linear(32, 10)

    def forward(self, x):
        return self.output(self.layers(x))
"""
MODELS = {
    "my_model.py": ("ResNet", ", depth=8"),
    "models/lenet.py": ("LeNet", ""),
    "resnet.py": ("ResNet18", ""),
    "net.py": ("Net", ", width=8"),
    "path/to/code/model.py": ("Model", ""),
}


def set_up(monkeypatch):
    """Puts what examples name into the current folder, and shortens what would take long."""
    for place, (name, parameters) in MODELS.items():
        written(place, MODEL.format(name=name, parameters=parameters))
    names: dict = {}
    exec(MODEL.format(name="Net", parameters=", width=8"), names)
    torch.save(names["Net"]().state_dict(), "net.pt")
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for kind, name in enumerate(("cat", "dog")):
            for number in range(count):
                pixels = rng.integers(0, 160, (16, 16, 3), np.uint8) + np.uint8(90 * kind)
                place = Path(f"path/to/folder/{part}/{name}/{number}.png")
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place)
    for name in ("cat.png", "dog.jpg"):
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(name)
    Path("path/to/onnx").mkdir()
    for number, name in enumerate(("net", "other")):  # one is held out where a classifier is scored
        write(Path("path/to/onnx"), f"{name}.onnx", onnx_network(number))
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "-A"], check=True)
    monkeypatch.setattr(named, "_read", random_images)
    shorten(monkeypatch)
    small_corpus()


def written(place, text):
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_text(text)


def onnx_network(which):
    """Four convolutions in a row, whose weights look trained."""
    layers, given = [], "x"
    for number, (out, of) in enumerate(((8, 3), (8, 8), (8, 8), (8, 8))):
        layers += [conv(f"c{number}", given, trained(out, of, 3, 3, seed=4 * which + number), pads=[1, 1, 1, 1])]
        layers += [node("Relu", [f"c{number}"], f"r{number}")]
        given = f"r{number}"
    return model(layers, {})


def random_images(name, root, size, *, download):
    """A data set of torchvision as `gi.data.readers.named._read` gives it."""
    shape, rng = SHAPES.get(name, (1, 28, 28)), np.random.default_rng(0)

    def part(what, count):
        images = rng.integers(0, 255, (count, *shape), np.uint8)
        return Samples(images, np.arange(count) % 10, numbered(what, count))

    return RawSet(part("training image", 200), part("test image", 40), class_names=tuple("0123456789"))


def shorten(monkeypatch):
    whole_evolve, whole_resume, seeds = gi.api.evolving.evolve, gi.api.evolving.resume, seed_programs()

    def evolve(*arguments, **options):
        return whole_evolve(*arguments, **{n: v for n, v in options.items() if n not in LONGER} | SEARCH)

    def resume(run, **options):
        return whole_resume(run, **{n: v for n, v in options.items() if n not in LONGER}, generations=2, workers=1)

    for place in (gi, gi.api.evolving, classifier):
        monkeypatch.setattr(place, "evolve", evolve, raising=False)
    for place in (gi, gi.api.evolving):
        monkeypatch.setattr(place, "resume", resume, raising=False)
    few = [p for p in seeds if re.search("conv_small_att|dense_small_att", p.origin.path)]
    monkeypatch.setattr(gi.corpus, "seed_programs", lambda **_: tuple(few))


def small_corpus():
    """The default corpus with the lines of gi's own seed programs alone: torchvision's take minutes to type."""
    path = default_corpus_file(cache_folder())
    if not path.exists():
        with contextlib.closing(Corpus.create(path)) as corpus:
            corpus.add(Harvest("gi", "", seed_programs()), workers=1, blocks=())


def run_block(block, capsys):
    """Runs an example in the current folder; one in a language that nobody runs is passed over."""
    if block.language == "console":
        for words in block.commands:
            run_command(words, capsys)
    elif block.language == "python":
        run_python(block)
    elif block.language == "sql":
        run_sql(block)


def run_command(words, capsys):
    """Runs one command line of a page in the current folder; fails with what it printed."""
    words, out = (words[: words.index(">")], words[-1]) if ">" in words else (words, None)
    match words:
        case ["gi", *arguments]:
            arguments = [*present(arguments), *more(arguments)]
            status = run(arguments)
            said = capsys.readouterr()
            assert status == 0, f"gi {' '.join(arguments)} ends with {status}:\n{said.out[-2000:]}{said.err[-2000:]}"
            if out:
                Path(out).write_text(said.out)
        case ["python" | "git", *arguments]:
            program = sys.executable if words[0] == "python" else words[0]
            done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        # That an extra or a target exists is another test's; what `.` activates is active here.
        case ["pip" | "make" | ".", *_]:
            pass
        case _:
            raise AssertionError(f"no example runs {words[0]}")


def more(arguments):
    """The options that shorten a command."""
    return [option for word, options in EXTRA.items() if word in arguments for option in options]


def present(arguments):
    """What the words of a command stand for here: the id behind a run for that of its last scored offspring."""
    words = ["12" if word == KERNEL else word for word in arguments]
    for place, word in enumerate(words[:-1]):
        if re.fullmatch("[0-9a-f]{4}", words[place + 1]) and (Path(word) / "run.sqlite").exists():
            with Archive.open(Path(word)) as archive:
                words[place + 1] = archive.outcomes.evaluations("validation")[-1].individual[:8]
    return words


def run_python(block):
    """Runs a block of Python, whose names the blocks after it have too; a mistake is told by the page's own line."""
    text = block.text.replace(KERNEL, "12")
    exec(compile("\n" * block.line + text, block.page, "exec"), block.namespace)


def run_sql(block):
    for statement in block.text.split(";\n"):
        if statement.strip():
            assert duckdb.sql(statement) is not None
