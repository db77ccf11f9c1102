"""Writes an individual as one plain PyTorch file that builds, trains and scores the network without gi."""

import ast
import re
import statistics
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import gi
from gi.core.errors import RunError
from gi.core.quoting import comment, docstring, literal, shown
from gi.core.types import Task
from gi.explain.provenance.origins import LineOrigin, borrowed_parts, carried_over, home_origin, origin_text
from gi.export.layout import (
    ProgramParts,
    cut,
    formatted,
    identifiers,
    imported_package,
    imports_package,
    merged_imports,
    used_names,
    without_main,
)
from gi.export.names import clashes, read_names, renamed
from gi.export.reader_source import reader_source
from gi.source.tree.entry import plain_entry_call


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """Facts on a run's data set for an exported file.

    `reader` names a module of `gi.export.readers`, `settings` are values for its constants, `hint` says what DIR holds;
    `mean` and `std` are the training pixels' (0..255), channel by channel.
    """

    name: str
    reader: str
    settings: Mapping[str, Any]
    hint: str
    task: Task
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures in a program's docstring: its training, and its errors (shares of 1), one for each training."""

    num_params: int
    batch_size: int
    steps: int
    validation_errors: tuple[float, ...]
    test_errors: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()


def model_text(
    text: str, origins: Sequence[LineOrigin], data: DataFacts, figures: Figures, entry: str = "Net", header: str = ""
) -> str:
    """The exported file's text: header, imports, the program as it is, a reader for its data, training and main.

    `header` takes the place of the one that tells of evolution, for a program that did not come out of it; it is a
    docstring and comments. Raises `RunError` where the file would not be exactly these parts, `SourceError` where the
    program or its entry is none.
    """
    program = cut(without_main(text, entry))
    own_imports, own = _own_code(program, data, figures, entry)
    imports = _import_block([*program.imports, *own_imports], f"{program.body}\n\n\n{own}")
    above = "\n".join([*program.future, *([""] if program.future else []), imports])
    if not header:
        # The header lists line numbers that depend on its own length; two passes, since the length is the same in both.
        placed = carried_over(origins, program.body)
        shift = _header(placed, data, figures, shift=0).count("\n") + above.count("\n") + 3
        header = _header(placed, data, figures, shift=shift)
    whole = f"{header}{above}\n\n\n{program.body}\n\n\n{own}"
    _refuse_another(whole, header, [above, program.body, own])
    return whole


def _refuse_another(whole: str, header: str, parts: Sequence[str]) -> None:
    """Raises `RunError` unless the file is a docstring and then the statements of its parts, and nothing else.

    Foreign text that escapes its quotes is caught here: a comment that continues as code, a docstring that ends early.
    """
    try:
        first, *others = ast.parse(header).body
        expected = [node for part in parts for node in ast.parse(part).body]
        same = ast.dump(ast.parse(whole)) == ast.dump(ast.Module([first, *expected], []))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what the program writes, an `is` with a literal, say
            compile(whole, "<exported>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise RunError(f"the exported file would not be Python ({shown(str(error))}): nothing was written.") from None
    if others or not same or ast.get_docstring(ast.Module([first], [])) is None:
        raise RunError("the exported file would hold more than its program, reader and main: nothing was written.")


def _own_code(program: ProgramParts, data: DataFacts, figures: Figures, entry: str) -> tuple[Sequence[str], str]:
    """The imports of the code behind the program, and that code, formatted, its clashing names renamed."""
    parts = [cut(text) for text in (_reader(data), _augmenting(program.body), _counting(program.body))]
    bodies = [part.body for part in parts]
    own = "\n".join([bodies[0], _constants(data, figures), *bodies[1:], _training(program, entry)])
    imports = [*(line for part in parts for line in part.imports), *_MAIN_IMPORTS]
    # `recipe` is meant to be the program's, and so is whatever builds the network.
    names = clashes(own, imports, program.body, program.imports) - {"recipe"} - read_names(plain_entry_call(entry))
    if names:
        taken = identifiers(program.body) | identifiers("\n".join(program.imports)) | identifiers(own)
        own, imports = renamed(own, imports, names, taken)
    return imports, formatted(own)


def _resource(name: str) -> str:
    return resources.files("gi.export").joinpath(name).read_text("utf-8")


def _reader(data: DataFacts) -> str:
    text = reader_source(data.reader)
    for name, value in data.settings.items():
        code = literal(value)  # put in by a function: in a plain replacement, its backslashes would be references
        text = re.sub(rf"^({name}\b[^=\n]*) = .*$", lambda m: f"{m[1]} = {code}", text, flags=re.MULTILINE)  # noqa: B023
    return text


def _constants(data: DataFacts, figures: Figures) -> str:
    return f"""
MEAN, STD = {_rounded(data.mean)!r}, {_rounded(data.std)!r}  # of the training pixels, 0..255
BATCH_SIZE, STEPS = {figures.batch_size}, {figures.steps}
"""


_MAIN_IMPORTS = ("import argparse", "import hashlib", "import numpy", "import random as python_random", "import torch")


def _augmenting(program: str) -> str:
    """The code that applies an augmentation image by image, the very text that a search runs; "" without one."""
    source = resources.files("gi.trace.augmentation").joinpath("per_image.py").read_text("utf-8")
    return source if _augments(program) else ""


def _counting(program: str) -> str:
    """The code that counts weights outside of `net.parameters()`; "" where the program cannot have any."""
    source = resources.files("gi.trace.program").joinpath("weights.py").read_text("utf-8")
    return source if _WEIGHTS_ELSEWHERE.search(program) else ""


_WEIGHTS_ELSEWHERE = re.compile(r"\brequires_grad|\bParameter\(|\bregister_buffer\(")


def _augments(program: str) -> bool:
    """Whether a program's recipe may give an augmentation: its fourth value is not seen to be None in the text."""
    # Read from the text, since nothing foreign is run here: whatever is not plainly None counts as an augmentation.
    nodes = [n for part in ast.parse(program).body if getattr(part, "name", "") == "recipe" for n in ast.walk(part)]
    returned = [n.value for n in nodes if isinstance(n, ast.Return)]
    parts = [value.elts[3] for value in returned if isinstance(value, ast.Tuple) and len(value.elts) == 4]
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    stored = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id in names]
    assigned = [n.value for n in nodes if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") in names]
    is_known = len(parts) == len(returned) > 0 and set(stored) == names and len(stored) == len(assigned)
    values = [*assigned, *(part for part in parts if not isinstance(part, ast.Name))]
    return not is_known or any(ast.unparse(value) != "None" for value in values)


def _training(program: ProgramParts, entry: str) -> str:
    """Training and main, with the two steps that few recipes need: a scheduler that reads the loss, and L-BFGS."""
    mentioned = identifiers("\n".join([*program.imports, program.body]))
    text = _resource("main.py.txt").replace("Net()", plain_entry_call(entry))
    if _counting(program.body):
        text = text.replace("sum(p.numel() for p in net.parameters())", "num_weights(net)")
    if not _augments(program.body):
        text = text.replace(", augmentation = recipe", ", _ = recipe").replace(_AUGMENTER, "").replace(*_UNCHANGED)
        if "numpy" not in mentioned:
            text = text.replace("    numpy.random.seed(number % 2**32)\n", "")
    if entry != "Net":
        text = text.replace("-> Net", "-> torch.nn.Module").replace("net: Net", "net: torch.nn.Module")
    if "ReduceLROnPlateau" in mentioned:
        # The one scheduler of torch that takes the loss; an own subclass is recognised by its base's name.
        text = text.replace("scheduler.step()", "scheduler.step(value.item())")
    if "LBFGS" in mentioned:
        text = text.replace(_PLAIN_STEP, _CLOSURE_STEP)
    return text


_AUGMENTER = "    augment = augmenter(augmentation, INPUT_SHAPE)\n"
_UNCHANGED = ("normalise(augment(images[batch] / 255) * 255)", "normalise(images[batch])")
_PLAIN_STEP = """
        optimizer.zero_grad()
        value = loss(net(x), labels[batch])
        value.backward()
        optimizer.step()
"""
_CLOSURE_STEP = """

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            value = loss(net(x), labels[batch])  # noqa: B023
            value.backward()
            return value

        value = torch.as_tensor(optimizer.step(closure))
"""


def _rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(f"{v:.6g}") for v in values)


def _import_block(statements: Sequence[str], body: str) -> str:
    """The imports that `body` needs; torchvision's are preceded by a guard for builds of torch that do not match it."""
    used = used_names(body)
    vision = [s for s in merged_imports(statements, used) if imported_package(s) == "torchvision"]
    guarded = bool(vision) or imports_package(body, "torchvision")
    if guarded:  # the guard itself needs both modules
        used, statements = used | {"sys", "types"}, [*statements, "import sys", "import types"]
    others = [s for s in merged_imports(statements, used) if s not in vision]
    standard = [s for s in others if imported_package(s) in sys.stdlib_module_names]
    lines = [*standard, "", *(s for s in others if s not in standard)]
    return formatted("\n".join([*lines, "", _resource("torchvision.py.txt"), *vision] if guarded else lines)).strip(
        "\n"
    )


def _header(origins: Sequence[LineOrigin], data: DataFacts, figures: Figures, *, shift: int) -> str:
    """The docstring and the list of origins; line numbers are `shift` past those of `origins`."""
    notes = "".join(f"\n{shown(note)}" for note in figures.notes)
    heading = docstring(f"""A network for the data set {shown(data.name)}, evolved by gi {gi.__version__}.

test error        {_test_error(figures)}
validation error  {_validation_error(figures)}
parameters        {figures.num_params:,}{notes}

python model.py               builds the network, prints its parameters and its output's shape
python model.py --data DIR    trains it again and prints its error on the test split;
                              DIR holds {shown(data.hint)}
""")
    return "\n".join([heading, "", *_origin_comments(origins, shift), "", ""])


def _test_error(figures: Figures) -> str:
    errors = figures.test_errors
    return _spread(errors) if errors else "not measured: the run did not reach its final training"


def _validation_error(figures: Figures) -> str:
    errors = figures.validation_errors
    return (
        _spread(errors)
        if len(errors) > 1 or figures.test_errors
        else f"{errors[0]:.2%} (1 training; the fitness during the search)"
    )


def _spread(errors: Sequence[float]) -> str:
    if len(errors) == 1:
        return f"{errors[0]:.2%} (1 training)"
    return (
        f"{statistics.mean(errors):.2%} +- {statistics.stdev(errors):.2%} "
        f"(mean and deviation over {len(errors)} trainings)"
    )


def _origin_comments(origins: Sequence[LineOrigin], shift: int) -> list[str]:
    home = home_origin(origins)
    if home is None:
        lines = [comment("The program has no seed program on record.")]
    else:
        lines = [comment(f"The program started as {origin_text(home, with_line=False)}.")]
    rows = [
        comment(f"  {_place(o.line + shift, last + shift)}, {o.code.strip()[:60]}: {origin_text(o.origin)}")
        for o, last in borrowed_parts(origins)
        if o.origin
    ]
    return [*lines, *(["# Borrowed since:", *rows] if rows else [])]


def _place(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"
