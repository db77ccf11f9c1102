"""Makes a model file fit images and classes. `gi repair` calls this."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gi.api.isolating import isolated
from gi.api.messages import Tell, log
from gi.api.model_file import argument_texts, fitted_text, read_model, refuse_broken
from gi.api.trusting import model_gate
from gi.core.errors import ConfigError
from gi.core.types import Task
from gi.sandbox.isolation import Isolation


def repair(
    model: str | Path,
    *,
    arguments: Sequence[str] | Mapping[str, object] = (),
    input_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    trust: bool = False,
    isolation: Isolation | None = None,
    tell: Tell = log,
) -> str:
    """The text of a model file made to fit images of a shape (channels, height, width) and a number of classes.

    `model` is "FILE" or "FILE:NAME", where NAME is a class or a factory function, built with `arguments`, {"depth": 18}
    or ["depth=18"]. Its code runs in a confined worker; the file is not changed. With `trust` it runs although the gate
    refuses it.

    Raises `SourceError` where it cannot be read, built or made to fit, and where the gate refuses it, `ConfigError` for
    an invalid shape or name, `RunError` where the text does not run.
    """
    from gi.source.model_file.patching import plain_text

    return plain_text(repaired_content(model, task_of(input_shape, classes), arguments, isolation, tell, trust=trust))


def repaired_content(
    model: str | Path,
    task: Task,
    arguments: Sequence[str] | Mapping[str, object] = (),
    isolation: Isolation | None = None,
    tell: Tell = log,
    *,
    trust: bool = False,
) -> bytes:
    """The same as the bytes of a file, in the encoding and with the line ends of the user's file."""
    from gi.source.model_file.patching import plain_text
    from gi.trace.client import CheckWorker

    read = read_model(str(model), argument_texts(arguments))
    gate = model_gate(read, trust=trust)
    with isolated(isolation), CheckWorker(entry=read.entry, gate=gate) as check:
        content = read.patched(fitted_text(read, task, check, tell=tell))
        refuse_broken(read, plain_text(content), task, gate)
    return content


def task_of(input_shape: tuple[int, ...], classes: int) -> Task:
    """The task of images (channels, height, width) and a number of classes. Raises `ConfigError`."""
    if len(input_shape) != 3 or min(input_shape) < 1:
        given = ",".join(map(str, input_shape))
        raise ConfigError(f"input shape {given!r} is not three positive numbers: write channels,height,width.")
    if classes < 2:
        raise ConfigError(f"classes is {classes}: it must be at least 2.")
    channels, height, width = input_shape
    return Task((channels, height, width), classes)
