"""The names that the gate allows, read once from the committed list beside this module."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Allowed:
    """Exact names; nothing is allowed by its prefix.

    `modules` may be imported and gone through, never be a value. `names` are qualified, `builtins` bare. `attributes`
    may be read of any value. `module_members` are a module's own, which no class may replace; `denied` are what
    else the values of a program have, which it may not give to something of its own either; of these, those
    `of_tensors_alone` may be a layer's of its own. `layer_members` is all that torch's layers, optimizers and
    transforms may have.
    """

    modules: frozenset[str]
    builtins: frozenset[str]
    names: frozenset[str]
    attributes: frozenset[str]
    module_members: frozenset[str]
    denied: frozenset[str]
    of_tensors_alone: frozenset[str]
    layer_members: frozenset[str]


@cache
def allowed() -> Allowed:
    """The committed list, written by `experiments/26-gate/allowed.py` from the installed torch."""
    stored = json.loads(files("gi.source.gate").joinpath("names.json").read_text("utf-8"))
    return Allowed(**{name: frozenset(stored[name]) for name in Allowed.__slots__})
