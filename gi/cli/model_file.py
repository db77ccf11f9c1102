"""Reads a model file of the user's own, `FILE[:NAME]`, as the text of an individual."""

import ast
from pathlib import Path

from gi.errors import SourceError

_RECIPE = """

def recipe(net, steps):
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    loss = nn.CrossEntropyLoss()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
"""


def individual_text(file: Path, name: str | None) -> str:
    """The text of a model file with `Net` for its model `name`, and a plain recipe where it has none.

    Without a name the model is `Net`, else the file's last class with a base that can be built without arguments, else
    its last such function. Raises `SourceError`.
    """
    from gi.lines import decode

    text = decode(file.read_bytes())
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise SourceError(f"{file}:{error.lineno}:{error.offset}: {error.msg}: mend the file first.") from None
    model = _model_name(tree, file, name)
    parts = [text.rstrip("\n") + "\n"]
    if model != "Net":
        parts.append(f"\n\nNet = {model}\n")
    if not any(isinstance(node, ast.FunctionDef) and node.name == "recipe" for node in tree.body):
        parts.append(_RECIPE)
    return _with_torch("".join(parts), tree) if len(parts) > 1 else text


def _model_name(tree: ast.Module, file: Path, name: str | None) -> str:
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.bases]
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name != "recipe"]
    defined = [n.name for n in classes] + [n.name for n in functions]
    if name is not None:
        if name not in defined:
            raise SourceError(f"{file} defines no model {name!r}: choose from {', '.join(defined) or 'none'}.")
        return name
    if "Net" in defined:
        return "Net"
    free = [c.name for c in classes if not _needs_arguments(c)] or [f.name for f in functions if not _required(f, 0)]
    if not free:
        raise SourceError(
            f"{file} defines no model that can be built without arguments: give its parameters defaults, "
            f"or name a factory function: {file}:NAME."
        )
    return free[-1]


def _needs_arguments(model: ast.ClassDef) -> bool:
    starts = [n for n in model.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
    return any(_required(start, 1) for start in starts)


def _required(function: ast.FunctionDef, skipped: int) -> bool:
    """Whether a call must pass arguments, the first `skipped` aside."""
    given = function.args
    positional = len(given.posonlyargs) + len(given.args) - skipped - len(given.defaults)
    return positional > 0 or any(default is None for default in given.kw_defaults)


def _with_torch(text: str, tree: ast.Module) -> str:
    """The text with the two imports that the plain recipe needs, after its docstring and `__future__` imports."""
    after = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            after = node.end_lineno or after
        else:
            break
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:after], "import torch\nfrom torch import nn\n", *lines[after:]])
