"""Whether a call of a foreign program may be borrowed: the gate's refusal of it in any program."""

import ast

from gi.source.gate.allowed import allowed
from gi.source.gate.gate import refusals
from gi.source.gate.program import EVERY_BUILTIN
from gi.source.gate.refusal import GateRefusal

_IMPORTED = frozenset({"torch", "torchvision", "math"})
#: Rules that need the bindings of names, which only a whole program has; the gate checks that program later.
_OF_A_PROGRAM = frozenset({"attribute", "state", "kept tensor", "rebound"})


def call_refusal(call: str) -> GateRefusal | None:
    """The first refusal of a call that holds for every binding of its free names; None where a program may hold it.

    `call` is an expression whose symbols are qualified (`torch.nn.Conv2d(width, 8, 3)`).
    """
    try:
        nodes = list(ast.walk(ast.parse(call, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        nodes = []
    # A free name may be spelled like a builtin, as `input` is; a builtin that is called is meant as one.
    meant = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    meant = (meant & EVERY_BUILTIN) | allowed().builtins | _IMPORTED
    free = sorted({node.id for node in nodes if isinstance(node, ast.Name)} - meant)
    imports = "".join(f"import {name}\n" for name in sorted(_IMPORTED | {"torchvision.transforms.v2"}))
    found = refusals(f"{imports}\n\ndef line({', '.join(free)}):\n    return {call}\n")
    return next((refusal for refusal in found if refusal.rule not in _OF_A_PROGRAM), None)
