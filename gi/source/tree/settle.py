"""An expression with values in the place of names, worked out where it is arithmetic."""

import ast
from collections.abc import Mapping

from gi.source.tree.arithmetic import OPERATORS


def settled(expression: str, names: Mapping[str, int | str]) -> str:
    """The expression's text after that: "nn.Conv2d(w, w // 4)" becomes "nn.Conv2d(64, 16)" where w is 64.

    A value that is text is an expression itself.
    """
    if not any(name in expression for name in names):
        return expression
    return ast.unparse(_Settled(names).visit(ast.parse(expression, mode="eval")))


class _Settled(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, int | str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self.names.get(node.id, node)
        if isinstance(value, str):
            return ast.parse(value, mode="eval").body
        return ast.Constant(value) if isinstance(value, int) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        left, right = node.left, node.right
        numbers = [n.value for n in (left, right) if isinstance(n, ast.Constant) and isinstance(n.value, int)]
        if len(numbers) == 2 and type(node.op) in OPERATORS:
            return ast.Constant(OPERATORS[type(node.op)](*numbers))
        return node
