"""Names and what they stand for: the spelling of a symbol in one program, and the imports that it needs."""

import ast
from functools import lru_cache

from gi.source.tree.statements import insert_after
from gi.source.tree.tree import Replacement, Source, dotted

_PREFERRED = (
    ("torch.nn.functional", "F", "import torch.nn.functional as F"),
    ("torch.nn", "nn", "from torch import nn"),
    ("torchvision.transforms.v2", "v2", "from torchvision.transforms import v2"),
    ("torch", "torch", "import torch"),
    ("torchvision", "torchvision", "import torchvision"),
)

_NOT_LOADED = "torchvision.transforms.v2"  # `import torchvision` alone does not import it


@lru_cache(maxsize=256)
def imported(source: Source) -> dict[str, str]:
    """The names that the module's imports bind, with the qualified name each stands for."""
    names: dict[str, str] = {}
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def resolve(source: Source, node: ast.AST) -> str:
    """The qualified name of an attribute chain through the module's imports, or the chain as written, or ""."""
    name = dotted(node)
    head, _, rest = name.partition(".")
    full = imported(source).get(head)
    return name if full is None else f"{full}.{rest}".rstrip(".")


def spelling(source: Source, symbol: str) -> tuple[str, str]:
    """How this program writes `symbol`, and the import line that it still needs ("" where it needs none)."""
    names = imported(source)
    spellings = [
        name + symbol[len(full) :]
        for name, full in names.items()
        if symbol == full or symbol.startswith(full + ".")
        if not (symbol.startswith(_NOT_LOADED) and _NOT_LOADED.startswith(full + "."))
    ]
    if spellings:
        return min(spellings, key=lambda s: (len(s), s)), ""
    taken = set(names) | _bound(source)
    for full, name, line in _PREFERRED:
        if symbol.startswith(full + ".") and name not in taken:
            return name + symbol[len(full) :], line
    module = symbol.rpartition(".")[0]
    return symbol, f"import {module}" if module else ""


def _bound(source: Source) -> set[str]:
    """Every name that the program binds by something else than an import."""
    nodes = source.under(source.tree)
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    arguments = {n.arg for n in nodes if isinstance(n, ast.arg)}
    return stored | arguments | set(source.classes) | set(source.functions)


def with_import(source: Source, line: str) -> Replacement:
    """Puts an import line behind the module's last import, or behind its docstring where it has none."""
    imports = [n for n in source.tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    if imports:
        return insert_after(source, imports[-1], line)
    if ast.get_docstring(source.tree) is not None:
        return insert_after(source, source.tree.body[0], "", line)
    return Replacement(0, 0, f"{line}\n")
