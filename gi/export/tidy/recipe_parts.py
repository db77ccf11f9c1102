"""Simplifies the recipe: None is returned as a literal, torchvision is imported where it is used."""

import libcst as cst
import libcst.matchers as m

from gi.export.tidy.network import Names, assignment
from gi.export.tidy.records import Rewrite, TidyExample, TidyPass


def _recipe(tree: cst.Module) -> cst.FunctionDef | None:
    found = [s for s in tree.body if isinstance(s, cst.FunctionDef) and s.name.value == "recipe"]
    return found[0] if len(found) == 1 and isinstance(found[0].body, cst.IndentedBlock) else None


def without_names_for_none(tree: cst.Module, _: Names) -> Rewrite:
    """Replaces a name bound to None and used only in the `return`, as in `augmentation = None`, by `None` there."""
    recipe = _recipe(tree)
    if recipe is None:
        return Rewrite(tree)
    body = list(recipe.body.body)
    last = body[-1]
    if not m.matches(last, m.SimpleStatementLine([m.Return(m.Tuple())])):
        return Rewrite(tree)
    for statement in body[:-1]:
        pair = assignment(statement)
        if pair is None or not isinstance(pair[0], cst.Name) or not m.matches(pair[1], m.Name("None")):
            continue
        element = m.Element(m.Name(pair[0].value))
        # Once in its assignment and once in the return: a name that is also read elsewhere has to stay.
        if len(m.findall(recipe, m.Name(pair[0].value))) == 2 and len(m.findall(last, element)) == 1:
            body.remove(statement)
            inlined = m.replace(last, element, lambda node, _: node.with_changes(value=cst.Name("None")))
            assert isinstance(inlined, cst.SimpleStatementLine)
            last = inlined
    return Rewrite(tree.with_deep_changes(recipe.body, body=[*body[:-1], last]))


def torchvision_where_it_is_used(tree: cst.Module, _: Names) -> Rewrite:
    """Moves imports of torchvision that only the recipe uses into it, so that the network works without torchvision."""
    recipe = _recipe(tree)
    if recipe is None:
        return Rewrite(tree)
    moved = [s for s in tree.body if _imports_torchvision(s) and _only_in(tree, recipe, s)]
    if not moved:
        return Rewrite(tree)
    plain = [s.with_changes(leading_lines=[]) for s in moved]
    body = list(recipe.body.body)
    at = 1 if recipe.get_docstring() is not None else 0  # a docstring has to stay the first statement
    inside = recipe.with_changes(body=recipe.body.with_changes(body=[*body[:at], *plain, *body[at:]]))
    return Rewrite(tree.with_changes(body=[inside if s is recipe else s for s in tree.body if s not in moved]))


def _imports_torchvision(statement: cst.CSTNode) -> bool:
    if not m.matches(statement, m.SimpleStatementLine([m.Import() | m.ImportFrom()])):
        return False
    text = cst.Module([]).code_for_node(statement.body[0])  # type: ignore[attr-defined]
    # Python allows no star import inside a function.
    return text.startswith(("from torchvision ", "from torchvision.", "import torchvision")) and "*" not in text


def _only_in(tree: cst.Module, recipe: cst.FunctionDef, statement: cst.CSTNode) -> bool:
    """Whether the names that an import binds are used in the recipe and nowhere else."""
    bound = set()
    for alias in m.findall(statement, m.ImportAlias()):
        assert isinstance(alias, cst.ImportAlias)
        bound.add((alias.evaluated_alias or alias.evaluated_name).partition(".")[0])
    elsewhere = [s for s in tree.body if s is not recipe and s is not statement]
    used = any(m.findall(recipe, m.Name(name)) for name in bound)
    return used and not any(m.findall(s, m.Name(name)) for s in elsewhere for name in bound)


_RECIPE = "def recipe(net, steps):\n"
_LOSS = "    loss = nn.CrossEntropyLoss()\n"
_V2 = "from torchvision.transforms import v2\n"
_CROP = "    return 1, 2, 3, v2.RandomCrop(8)\n"
_TWICE = f"{_RECIPE}    part = None\n    if steps > 9:\n        part = make(net)\n    return 1, part, 2, 3\n"
_ELSEWHERE = (
    f"from torchvision import models\n\n\nclass Net(models.ResNet):\n    pass\n\n\n{_RECIPE}    return models\n"
)

NAMES_FOR_NONE = TidyPass(
    "names for None in a recipe",
    without_names_for_none,
    (
        TidyExample(
            f"{_RECIPE}    scheduler = None\n{_LOSS}    change = None\n    return 1, scheduler, loss, change\n",
            f"{_RECIPE}{_LOSS}    return 1, None, loss, None\n",
        ),
        TidyExample(_TWICE, _TWICE),
    ),
)
TORCHVISION_IMPORTS = TidyPass(
    "torchvision imported by the recipe alone",
    torchvision_where_it_is_used,
    (
        TidyExample(f"{_V2}\n\n{_RECIPE}{_CROP}", f"\n\n{_RECIPE}    {_V2}{_CROP}"),
        TidyExample(_ELSEWHERE, _ELSEWHERE),
    ),
)
