"""The names that the gate allows, read once from the committed list beside this module."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Allowed:
    """Exact names; a prefix allows nothing.

    `modules` may be imported and be the prefix of a name, never be a value. `names` are qualified, `builtins` bare.
    `attributes` may be read of any value. `module_members` are those of `torch.nn.Module`, which no class may replace;
    `denied` are all other attributes that a program's values may have: it may not define those either.
    """

    modules: frozenset[str]
    builtins: frozenset[str]
    names: frozenset[str]
    attributes: frozenset[str]
    module_members: frozenset[str]
    denied: frozenset[str]


@cache
def allowed() -> Allowed:
    """The committed list, written by `experiments/26-gate/allowed.py` from the installed torch."""
    stored = json.loads(files("gi.source.gate").joinpath("names.json").read_text("utf-8"))
    return Allowed(**{name: frozenset(stored[name]) for name in Allowed.__slots__})
