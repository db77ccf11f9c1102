"""A refusal of the gate: its place, rule and detail."""

import ast
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class GateRefusal:
    """A reason to refuse a text: `line` from 1, `column` from 0 as in `ast`, the rule, the detail."""

    line: int
    column: int
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.rule}: {self.detail}"

    @property
    def description(self) -> str:
        """Column and detail, for a record that has the line and the rule already."""
        return f"column {self.column}: {self.detail}"


def refused(node: ast.AST, rule: str, detail: str) -> GateRefusal:
    """The refusal of a node."""
    return GateRefusal(getattr(node, "lineno", 1), getattr(node, "col_offset", 0), rule, detail)
