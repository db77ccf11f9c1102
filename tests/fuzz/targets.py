"""What gi reads of other people, as functions of bytes: each answers, or raises one of gi's own errors.

Whatever else comes out of a target is a fault of gi's: that is the whole invariant, for hypothesis
(`test_targets.py`) and for atheris (`experiments/32-fuzz`) alike.
"""

import contextlib
import io
import json
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from gi.cli import run
from gi.core.errors import GiError
from gi.core.trace import Stopped, answer_from_json
from gi.core.types import Task
from gi.data.readers.class_folders import find_class_folders
from gi.data.readers.folder import read_folder
from gi.data.readers.npz import read_npz
from gi.kernels.index.reader import Index
from gi.kernels.onnx.reading import ModelError, read_model
from gi.lines import decode, typed_lines
from gi.source.gate.gate import refusals
from gi.source.gate.passing import STRICT
from gi.source.gate.refusal import GateRefusal
from gi.source.repair.repair import repaired
from tests.checking import SEEDS, SMALL, InProcess
from tests.small_run import write_run

MAX_CPU_S = 30.0
Target = Callable[[bytes], None]


@contextlib.contextmanager
def limited(cpu_s: float = MAX_CPU_S) -> Iterator[None]:
    """Ends what takes more CPU time than any text of this size should: a hang is a fault too."""

    def ended(*_: object) -> None:
        raise AssertionError(f"still at work after {cpu_s:.0f} s of CPU")

    before = signal.signal(signal.SIGVTALRM, ended)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


# Program text ---------------------------------------------------------------------------------------------------------


def lines(data: bytes) -> None:
    """The typed lines of a file."""
    with contextlib.suppress(GiError):
        typed_lines(decode(data))


def gate(data: bytes) -> None:
    """The gate's answer on a decoded text, with and without an entry."""
    text = data.decode("utf-8", "surrogateescape")
    for entry in ("", "Net", text[:12]):
        found = refusals(text, entry)
        assert all(isinstance(refusal, GateRefusal) for refusal in found)
        assert list(found) == sorted(found)
    with contextlib.suppress(GiError):
        STRICT.require(text, "Net", "a text")


def repair(data: bytes) -> None:
    """Shape repair of a text that the gate lets through, with real traces."""
    text = data.decode("utf-8", "replace")
    if STRICT.refusal(text, "Net") is None:
        repaired(text, SMALL, _check())


def answers(data: bytes) -> None:
    """Shape repair by an answer that the check worker might have made up: it runs other people's code."""
    try:
        stored = json.loads(data)
        answer = answer_from_json(stored)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return  # the client of the worker takes that for a worker that died
    told = iter([answer])
    with contextlib.suppress(GiError):
        repaired(SEEDS[sorted(SEEDS)[0]], Task((1, 8, 8), 10), lambda *_: next(told, Stopped("forward", "end", 0, "")))


@cache
def _check() -> InProcess:
    return InProcess()


# Files ----------------------------------------------------------------------------------------------------------------


def npz(data: bytes) -> None:
    """A data set in a `.npz`."""
    with _written(data, "set.npz") as path, contextlib.suppress(GiError):
        read_npz(path)


def picture(data: bytes) -> None:
    """A data set of folders, one of whose files is anything."""
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "train")
        for name in ("a", "b"):
            (part / name).mkdir(parents=True)
            for i in range(3):
                (part / name / f"{i}.png").write_bytes(samples()["picture"])
        (part / "a" / "0.png").write_bytes(data)
        with contextlib.suppress(GiError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read_folder(Path(folder), find_class_folders(Path(folder)))


def onnx(data: bytes) -> None:
    """A network that is to be read into an index."""
    with _written(data, "net.onnx") as path, contextlib.suppress(GiError, ModelError):
        read_model(path)


def index_state(data: bytes) -> None:
    """The file that says what is in an index, above tables and arrays that are whole."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(_index(), Path(folder, "index")))
        (copy / "index.json").write_bytes(data)
        with contextlib.suppress(GiError):
            index = Index.open(copy)
            _ = index.networks.to_pylist(), index.layers.to_pylist(), index.num_kernels


def run_file(data: bytes) -> None:
    """Somebody else's run, by the verbs that only read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run")
        path.mkdir()
        (path / "run.sqlite").write_bytes(data)
        for verb in (["front"], ["front", "--json"], ["failures"], ["show"]):
            _answers([verb[0], str(path), *verb[1:]])
        for id_ in ("5a11000000000001", "dee9000000000002"):
            _answers(["show", str(path), id_])


def _answers(arguments: list[str]) -> None:
    """A verb of the command line says what it has to say in lines, and never by a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(arguments)
    assert status in (0, 1, 2), status
    assert "Traceback" not in err.getvalue(), err.getvalue()


@contextlib.contextmanager
def _written(data: bytes, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        yield path


@cache
def _index() -> Path:
    from tests.kernels.onnx_files import conv, index_of, model, trained

    folder = Path(tempfile.mkdtemp(prefix="gi-fuzz-"))
    return index_of(folder, model([conv("a", "x", trained(4, 3, 3, 3))], {})).folder


@cache
def samples() -> dict[str, bytes]:
    """A valid input of each target, to begin from."""
    from tests.kernels.onnx_files import conv, model, trained

    made: dict[str, bytes] = {}
    arrays, text = io.BytesIO(), SEEDS[sorted(SEEDS)[0]].encode()
    np.savez(arrays, x_train=np.zeros((8, 4, 4), np.uint8), y_train=np.arange(8) % 2)
    image = io.BytesIO()
    from PIL import Image

    Image.new("L", (4, 4)).save(image, "png")
    with tempfile.TemporaryDirectory() as folder:
        made["run_file"] = (write_run(Path(folder, "run")) / "run.sqlite").read_bytes()
    program = SEEDS[sorted(SEEDS)[0]]
    from gi.trace import service

    made["answers"] = json.dumps(service.trace(program, [1, 8, 8], 10)).encode()
    return made | {
        "lines": text,
        "gate": text,
        "repair": text,
        "npz": arrays.getvalue(),
        "picture": image.getvalue(),
        "onnx": model([conv("a", "x", trained(4, 3, 3, 3))], {}).SerializeToString(),
        "index_state": (_index() / "index.json").read_bytes(),
    }


TARGETS: dict[str, Target] = {
    "lines": lines,
    "gate": gate,
    "repair": repair,
    "answers": answers,
    "npz": npz,
    "picture": picture,
    "onnx": onnx,
    "index_state": index_state,
    "run_file": run_file,
}
