"""A call out of somebody's program, as a line to borrow: why it may stand in no program of gi's."""

import ast

from gi.source.gate.allowed import allowed
from gi.source.gate.gate import refusals
from gi.source.gate.program import EVERY_BUILTIN
from gi.source.gate.refusal import GateRefusal

_IMPORTED = frozenset({"torch", "torchvision", "math"})
#: What a name stands for is not known before the call has a program around it, which is read as a whole then.
_OF_A_PROGRAM = frozenset({"attribute", "state", "kept tensor", "rebound"})


def call_refusal(call: str) -> GateRefusal | None:
    """The first reason why no program may hold a call, whatever its free names become; None where one may.

    `call` is an expression whose symbols are qualified (`torch.nn.Conv2d(width, 8, 3)`).
    """
    try:
        nodes = list(ast.walk(ast.parse(call, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        nodes = []
    # A value may be called as a builtin is, `input` for one; a function that is called is what it says.
    meant = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    meant = (meant & EVERY_BUILTIN) | allowed().builtins | _IMPORTED
    free = sorted({node.id for node in nodes if isinstance(node, ast.Name)} - meant)
    imports = "".join(f"import {name}\n" for name in sorted(_IMPORTED | {"torchvision.transforms.v2"}))
    found = refusals(f"{imports}\n\ndef line({', '.join(free)}):\n    return {call}\n")
    return next((refusal for refusal in found if refusal.rule not in _OF_A_PROGRAM), None)
