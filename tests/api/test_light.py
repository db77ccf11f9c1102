"""`import gi` costs nothing, and its names come when they are asked for."""

import inspect
import subprocess
import sys
import typing

import pytest

import gi
from gi.cli.evolve import evolve as evolve_verb
from gi.cli.programs import repair as repair_verb
from tests.test_imports import HEAVY


def test_importing_gi_imports_nothing_heavy():
    program = f"import sys, gi; dir(gi); print(sorted(({HEAVY!r} | {{'numpy', 'click', 'rich'}}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_opening_a_run_does_not_import_torch(run_folder):
    program = (
        f"import sys, gi; run = gi.open_run({str(run_folder)!r}); run.front[0].source; run._repr_html_(); "
        "print(sorted({'torch', 'sklearn', 'deap'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", sorted(set(gi.__all__) - {"__version__"}))
def test_every_name_is_there_and_documented(name):
    assert name in dir(gi)
    assert getattr(gi, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gi' has no attribute 'evolv': it has evolve, "):
        gi.evolv  # noqa: B018


#: Options of the command line alone: its two verbs in one, and the form of what it prints.
PRINTED = {"help", "resume", "as_json", "form", "as_csv", "isolation", "log_to"}
#: Arguments of a call alone: what the command line prints, it takes from these.
CALLED = {"tell", "on_event", "on_progress", "command", "isolation"}


def test_the_arguments_of_evolve_are_the_options_of_the_command_line():
    options = {parameter.name for parameter in evolve_verb.params}
    arguments = set(inspect.signature(gi.evolve).parameters)
    assert arguments - CALLED == options - PRINTED


def test_the_defaults_are_those_of_the_command_line():
    for parameter in evolve_verb.params:
        argument = inspect.signature(gi.evolve).parameters.get(parameter.name)
        if argument and parameter.name not in ("objectives", "index", "isolation") and parameter.default is not None:
            given = parameter.default if isinstance(parameter.default, bool | int | float | str) else None
            assert given is None or argument.default == given, parameter.name


def test_the_arguments_of_repair_are_the_options_of_the_command_line():
    options = {"model" if p.name == "file" else p.name for p in repair_verb.params} - PRINTED
    assert set(inspect.signature(gi.repair).parameters) - CALLED == options


@pytest.mark.parametrize("name", ["evolve", "resume", "open_run", "repair", "seed_"])
def test_every_function_is_typed(name):
    function = getattr(gi, name)
    parameters = inspect.signature(function).parameters
    assert all(p.annotation is not inspect.Parameter.empty for p in parameters.values())
    assert inspect.signature(function).return_annotation is not inspect.Signature.empty
    assert typing.TYPE_CHECKING is False
