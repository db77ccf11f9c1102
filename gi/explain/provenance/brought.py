"""Definitions that came with an edit: the class of a block, and the functions and constants that it uses."""

import ast
from collections.abc import Mapping, Sequence

from gi.core.types import Edit


def brought_lines(text: str, before: Sequence[str], edits: Sequence[Edit]) -> Mapping[int, Edit]:
    """Lines (1-based) of definitions that no parent's text (`before`) has, each with the edit that brought it.

    That is the first borrowing edit whose text mentions the definition. A definition that is used only by another one
    is mentioned by no edit and goes to the first borrowing edit.
    """
    borrowing = [edit for edit in edits if edit.origin is not None]
    if not borrowing:
        return {}
    known = {name for parent in before for name, _, _ in _definitions(parent)}
    edit_of_line: dict[int, Edit] = {}
    for name, first, last in _definitions(text):
        if name not in known:
            edit = next((edit for edit in borrowing if name in edit.after), borrowing[0])
            edit_of_line.update(dict.fromkeys(range(first, last + 1), edit))
    return edit_of_line


def _definitions(text: str) -> list[tuple[str, int, int]]:
    """The names of a module's classes, functions and constants, with the lines that they fill."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return []
    definitions = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            definitions.append((node.name, first, node.end_lineno or node.lineno))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            definitions.append((node.targets[0].id, node.lineno, node.end_lineno or node.lineno))
    return definitions
