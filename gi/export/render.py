"""Writes an individual as one plain PyTorch file that builds, trains and scores the network without gi."""

import ast
import re
import statistics
import sys
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    imports_package_at_start,
    merged_imports,
    used_names,
    without_main,
)
from gi.export.names import clashes, read_names, renamed
from gi.export.reader_source import reader_source
from gi.export.recipe import recipe_facts
from gi.export.training import IMPORTS, augmenting_text, counting_text, resource, training_text
from gi.source.tree.entry import plain_entry_call


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """Facts on a run's data set for an exported file.

    `reader` names a module of `gi.export.readers`, `settings` are values for its constants, `hint` says what DIR holds;
    `mean` and `std` are the training pixels' (0..255), channel by channel; `holdout` says that gi set validation images
    apart from the training files.
    """

    name: str
    reader: str
    settings: Mapping[str, Any]
    hint: str
    task: Task
    mean: tuple[float, ...]
    std: tuple[float, ...]
    holdout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures in a program's docstring: its training, and its errors (shares of 1), one for each training.

    `measured` is the seed of a training of this very program by gi and its error on the test split; `channels_last`
    says that this training was in that memory layout.
    """

    num_params: int
    batch_size: int
    steps: int
    validation_errors: tuple[float, ...]
    test_errors: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    measured: tuple[int, float] | None = None
    channels_last: bool = False


def model_text(
    text: str, origins: Sequence[LineOrigin], data: DataFacts, figures: Figures, entry: str = "Net", header: str = ""
) -> str:
    """The exported file's text: header, imports, the program as it is, a reader for its data, training and main.

    `header`, a docstring and comments, replaces the one on evolution where the program was not evolved. Raises
    `RunError` where the file would not be exactly these parts, `SourceError` where the program or its entry is none.
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
    recipe = recipe_facts(program.body, program.imports)
    holdout = reader_source("training_part") if data.holdout else ""
    weights = resource("weights_file.py")
    texts = (_reader(data), holdout, augmenting_text(recipe), counting_text(program.body), weights)
    parts = [cut(text) for text in texts if text]
    bodies = [part.body for part in parts]
    lazy = any(map(_imports_torchvision_later, [program.body, *bodies]))
    training = training_text(
        program, recipe, entry, holdout=data.holdout, measured=figures.measured is not None,
        channels_last=figures.channels_last, lazy_torchvision=lazy,
    )  # fmt: skip
    own = "\n".join([bodies[0], _constants(data, figures), *bodies[1:], _mending() if lazy else "", training])
    imports = [*(line for part in parts for line in part.imports), *IMPORTS]
    # `recipe` is meant to be the program's, and so is whatever builds the network.
    names = clashes(own, imports, program.body, program.imports) - {"recipe"} - read_names(plain_entry_call(entry))
    if names:
        taken = identifiers(program.body) | identifiers("\n".join(program.imports)) | identifiers(own)
        own, imports = renamed(own, imports, names, taken)
    return imports, formatted(own)


def _imports_torchvision_later(text: str) -> bool:
    return imports_package(text, "torchvision") and not imports_package_at_start(text, "torchvision")


def _mending() -> str:
    """The guard for builds of torch that do not match torchvision, as a function."""
    said = "Let a CUDA build of torchvision import beside a CPU build of torch: without its compiled operators."
    lacking = 'raise refusal("training needs torchvision: pip install torchvision.") from None'
    guard = textwrap.indent(f"{resource(_GUARD)}except ImportError:\n    {lacking}\n", "    ")
    return f'def mend_torchvision() -> None:\n    """{said}"""\n{guard}'


def _reader(data: DataFacts) -> str:
    text = reader_source(data.reader)
    for name, value in data.settings.items():
        code = literal(value)  # put in by a function: in a plain replacement, its backslashes would be references
        text = re.sub(rf"^({name}\b[^=\n]*) = .*$", lambda m: f"{m[1]} = {code}", text, flags=re.MULTILINE)  # noqa: B023
    return text


def _constants(data: DataFacts, figures: Figures) -> str:
    seed, error = figures.measured or (0, None)
    line = "" if error is None else f"\nERROR = {error:.6g}  # on the test part, of evolution's own training with SEED"
    return f"""
MEAN, STD = {_rounded(data.mean)!r}, {_rounded(data.std)!r}  # of the training pixels, 0..255
BATCH_SIZE, STEPS, SEED = {figures.batch_size}, {figures.steps}, {seed}{line}
"""


_GUARD = "torchvision.py.txt"


def _rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(f"{v:.9g}") for v in values)  # exact as float32, which evolution computes with


def _import_block(statements: Sequence[str], body: str) -> str:
    """The imports that `body` needs; torchvision's are preceded by a guard for builds of torch that do not match it."""
    used = used_names(body)
    vision = [s for s in merged_imports(statements, used) if imported_package(s) == "torchvision"]
    guarded = bool(vision) or imports_package_at_start(body, "torchvision")
    if guarded or imports_package(body, "torchvision"):  # the guard itself needs both modules
        used, statements = used | {"sys", "types"}, [*statements, "import sys", "import types"]
    others = [s for s in merged_imports(statements, used) if s not in vision]
    standard = [s for s in others if imported_package(s) in sys.stdlib_module_names]
    lines = [*standard, "", *(s for s in others if s not in standard)]
    return formatted("\n".join([*lines, "", resource(_GUARD), *vision] if guarded else lines)).strip("\n")


def _header(origins: Sequence[LineOrigin], data: DataFacts, figures: Figures, *, shift: int) -> str:
    """The docstring and the list of origins; line numbers are `shift` past those of `origins`."""
    notes = "".join(f"\n{shown(note)}" for note in figures.notes)
    heading = docstring(f"""A network for the data set {shown(data.name)}, evolved by gi {gi.__version__}.

test error        {_test_error(figures)}
validation error  {_validation_error(figures)}
parameters        {figures.num_params:,}{notes}

python model.py                                  describes the network
python model.py --data DIR                       trains it again, saves its weights and prints its error on the test
                                                 part; DIR holds {shown(data.hint)}
python model.py --weights FILE --predict IMAGE   names the class of image files
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
