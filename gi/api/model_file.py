"""Reads the user's own model file, `FILE[:NAME]`, and makes it fit a task."""

import ast
import dataclasses
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gi.api.messages import Tell
from gi.core.errors import ConfigError, RunError, SourceError
from gi.core.quoting import shown
from gi.core.types import Origin, Program, Task

if TYPE_CHECKING:
    from gi.core.trace import Stopped
    from gi.source.gate.passing import Gate
    from gi.trace.client import CheckWorker


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file: its path and bytes, the text of the individual, and the entry that builds its network."""

    path: Path
    content: bytes
    text: str
    entry: str

    @property
    def as_it_is(self) -> "ModelFile":
        """A copy with the file's own text, without an added recipe."""
        from gi.source.model_file.patching import plain_text

        return dataclasses.replace(self, text=plain_text(self.content))

    @property
    def has_recipe(self) -> bool:
        """Whether the file has its own recipe."""
        return self.text == self.as_it_is.text

    def patched(self, text: str) -> bytes:
        """The file's bytes with a changed text, without an added recipe, in the file's encoding and line ends."""
        from gi.source.model_file.patching import patched, plain_text
        from gi.source.model_file.plain_recipe import without_plain_recipe

        return patched(self.content, without_plain_recipe(text, plain_text(self.content), self.entry))


def read_model(given: str, arguments: Sequence[str] = ()) -> ModelFile:
    """The model of "FILE[:NAME]", built with the arguments ("width=8").

    The text has "\\n" line ends and, where the file has no recipe, a plain one. Raises `SourceError`, `ConfigError`.
    """
    from gi.lines import decode
    from gi.source.model_file.entry_points import entry_of
    from gi.source.model_file.plain_recipe import with_recipe

    path, name = split_file_name(given)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: pass a Python file, as FILE or FILE:NAME.")
    content = path.read_bytes()
    try:
        # Line ends of any kind become "\n": the patch restores the file's own.
        text = re.sub(r"\r\n?", "\n", decode(content))
        _refuse_unreadable(text)
        _refuse_siblings(path, _parsed(text))
        entry = entry_of(text, name, arguments)
    except SourceError as error:
        # A message begins with a position, a verb or neither: the path is joined to it accordingly.
        between = ":" if re.match(r"\d", str(error)) else " " if str(error).startswith("defines") else ": "
        raise SourceError(f"{path}{between}{error}") from None
    return ModelFile(path, content, with_recipe(text), entry)


def argument_texts(arguments: Sequence[str] | Mapping[str, object]) -> tuple[str, ...]:
    """A model's arguments as texts, ("depth=18",), given as texts or by name."""
    given = [f"{name}={value!r}" for name, value in arguments.items()] if isinstance(arguments, Mapping) else arguments
    return tuple(given)


def split_file_name(text: str) -> tuple[Path, str | None]:
    """The file and the name of the model in "FILE[:NAME]"; None without a name."""
    # A name is an identifier after the colon, unlike the path in `C:\model.py`.
    path, colon, name = text.rpartition(":")
    return (Path(path), name) if colon and name.isidentifier() else (Path(text), None)


def fitted_text(model: ModelFile, task: Task, check: "CheckWorker", *, tell: Tell) -> str:
    """The model's text made to fit a task, with a message to `tell` if that changed it. Raises `SourceError`."""
    from gi.core.trace import Stopped
    from gi.source.repair.repair import repaired

    result = repaired(model.text, task, check)
    if isinstance(result.answer, Stopped):
        raise SourceError(_why(model, result.answer))
    if result.text != model.text:
        shape = " x ".join(map(str, task.input_shape))
        message = f"{model.path}: made to fit {shape} images and {task.num_classes} classes"
        tell(f"{message} ({_changed_lines(model.text, result.text)} changed)")
    return result.text


def refuse_broken(model: ModelFile, text: str, task: Task, gate: "Gate") -> None:
    """Runs a text made from a model once as a user would. Raises `RunError` where building or running it fails.

    A file that was not changed is not checked: its own defaults may be for other images.
    """
    from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
    from gi.source.model_file.entry_points import entries_of_user
    from gi.source.tree.entry import entry_call

    if text == model.as_it_is.text:
        return
    entries = entries_of_user(text, model.entry)
    for entry in entries:
        gate.require(text, entry, str(model.path))
    # A separate worker, with torch's compilers and without tracing, as for the user.
    with WarmWorker("gi.trace.as_user:handle", wall_limit_s=_USER_LIMIT_S, memory_mb=_USER_MEMORY_MB) as worker:
        try:
            said = worker.call(text, entries, list(task.input_shape))
        except (WorkerDied, WorkerTimeout) as error:
            said = [str(error)]
    # If the worker died, there is one reason for all entries.
    for entry, reason in zip(entries, said, strict=False):
        if reason:
            short = " ".join(reason.split())[:_SAID_LENGTH]
            raise RunError(
                f"{model.path}: the text made to fit does not run as {entry_call(entry)}: {short}. "
                "Change that default, or leave --arg away."
            )


def seed_program(model: ModelFile) -> Program:
    """The model as a run's seed program. Its origin is the git work tree with the file, else its folder.

    Raises `ConfigError` for a path that is not UTF-8: a run file cannot store it, and a patch needs the exact path.
    """
    path = model.path.absolute()
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConfigError(f"the path {shown(str(path))} is no UTF-8: rename it.") from None
    # A patch has paths relative to the work tree, where `git apply` runs.
    root = next((folder for folder in path.parents if (folder / ".git").exists()), path.parent)
    origin = Origin(str(root), "", path.relative_to(root).as_posix(), 1, "unknown")
    return Program(model.text, origin, model.content)


def _refuse_unreadable(text: str) -> None:
    """Raises `SourceError` for a text that is too long or nests too deeply for gi's parsers, which have no bound."""
    from gi.source.gate.text import text_refusals

    for refusal in text_refusals(text):
        place = f"{refusal.line}:{refusal.column + 1}"
        raise SourceError(f"{place}: {refusal.detail}: gi reads no such file.")


def _refuse_siblings(path: Path, tree: ast.Module) -> None:
    """Refuses imports of files beside the model: an individual is one file, and its imports must be installed."""
    for node in ast.walk(tree):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        # A file beside the model shadows an installed package of the same name, as in Python.
        beside = [m for m in modules if relative or _is_beside(path, m.partition(".")[0])]
        if beside:
            line = getattr(node, "lineno", 0)
            what = ast.unparse(node)
            raise SourceError(f"{line}:1: `{what}` takes in a file beside it: put what the model needs into this one.")


def _is_beside(path: Path, module: str) -> bool:
    there = (path.parent / f"{module}.py").is_file() or (path.parent / module / "__init__.py").is_file()
    # A file `types.py` beside the model does not shadow Python's module here.
    return there and module not in sys.stdlib_module_names


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SourceError(
            f"{error.lineno or 0}:{error.offset or 0}: {error.msg}: this is Python {version}; "
            "mend the file, or run gi with the Python that it is written for."
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"cannot be parsed: {error or type(error).__name__}. Pass a Python file.") from None


# One or two lines of a terminal, enough for the last line of a traceback.
_SAID_LENGTH = 200
_USER_LIMIT_S = 60.0
_USER_MEMORY_MB = 8192
_ADVICE = (
    (r"ModuleNotFoundError|ImportError", "install it beside gi"),
    (r"FileNotFoundError|PermissionError|OSError", "a model must not read files when it is imported or built"),
    (r"[Cc][Uu][Dd][Aa]|NVIDIA|asks for the device", "take the input's device, `x.device`, so that it runs anywhere"),
)
# Errors of scripts that run on import: they exit, wait, read files or load data.
_SCRIPTS = re.compile(
    r"SystemExit|no answer within|FileNotFoundError|PermissionError|OSError|URLError|ConnectionError|EOFError|"
    r"KeyboardInterrupt|Dataset not found|TimeoutError|HTTPError|worker (process )?ended|exit"
)
# torch's messages about meta tensors, which do not help the author of a model.
_ON_META = re.compile(r"meta|data-dependent|data-independent|aten::_local_scalar_dense", re.IGNORECASE)


def _why(model: ModelFile, stopped: "Stopped") -> str:
    """One line on a model that does not run: the place, its error, and advice."""
    what = {
        "build": f"{model.entry} cannot be built",
        "forward": f"{model.entry} does not run",
        "worker": f"{model.entry} cannot be tried",
    }
    place = f"{model.path}:{stopped.line}" if stopped.line else str(model.path)
    if stopped.stage == "gate":
        from gi.source.gate.passing import trust_advice

        advice = trust_advice(stopped.reason)
        return f"{place}: refused by the gate, {stopped.reason}: {stopped.detail}: {advice}."
    said, advice = _explained(model, stopped)
    advice = f" ({advice})" if advice else ""
    return f"{place}: {what.get(stopped.stage, f'its {stopped.stage} fails')}: {said}{advice}"


def _explained(model: ModelFile, stopped: "Stopped") -> tuple[str, str]:
    """A program's error, in terms of its file, and advice; "" where there is none."""
    from gi.source.model_file.entry_points import output_flag, script_line

    said = " ".join((stopped.detail or stopped.reason).split())[:_SAID_LENGTH]
    if stopped.reason == "output is no tensor":
        flag = output_flag(model.text, model.entry)
        return said, f"pass --arg {flag}" if flag else "let forward return one tensor, (n, classes)"
    if _ON_META.search(said):
        return "what it does depends on the values of a tensor", "what a network does must not depend on its data"
    script = script_line(model.as_it_is.text) if stopped.stage in ("build", "worker") else 0
    if script and _SCRIPTS.search(said):
        return said, f'line {script} runs on import: put what the file runs behind `if __name__ == "__main__":`'
    # The most specific advice is the last.
    return said, next((text for pattern, text in reversed(_ADVICE) if re.search(pattern, said)), "")


def _changed_lines(before: str, after: str) -> str:
    import difflib

    delta = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    count = sum(line.startswith("+") and not line.startswith("+++") for line in delta)
    return f"{count} line" + "s" * (count != 1)
