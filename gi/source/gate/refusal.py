"""A refusal of the gate: where, and by which rule."""

import ast
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class GateRefusal:
    """Why the gate keeps a text out: `line` from 1, `column` from 0 as `ast` counts it, the rule, what stands there."""

    line: int
    column: int
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.rule}: {self.detail}"

    @property
    def told(self) -> str:
        """What stands there and in which column, for a record that has the line and the rule already."""
        return f"column {self.column}: {self.detail}"


def refused(node: ast.AST, rule: str, detail: str) -> GateRefusal:
    """The refusal of what a node stands for."""
    return GateRefusal(getattr(node, "lineno", 1), getattr(node, "col_offset", 0), rule, detail)
