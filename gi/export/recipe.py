"""What an exported file's training needs to know of the program's recipe, read from the text: nothing foreign runs.

Whatever the text does not show plainly counts as the general case, which the exported loop handles as evolution did.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from gi.source.tree.imports import resolve
from gi.source.tree.tree import Source, parse

#: Optimizers that evolution has take their step in one kernel (`gi.train.loop.fuse`), unless one of these is set.
_FUSED = frozenset({f"torch.optim.{name}" for name in ("SGD", "Adam", "AdamW")})
_UNFUSED = frozenset({"foreach", "differentiable", "capturable", "fused"})
#: Transforms of floats that draw once for what they are given, so that calling them image by image is all there is.
_EACH_IMAGE = frozenset({
    "RandomAffine", "RandomRotation", "RandomCrop", "RandomHorizontalFlip", "RandomVerticalFlip", "RandomPerspective",
})  # fmt: skip
_COLOURS = frozenset({"fill", "value", "threshold"})  # those over 1 are meant for bytes


@dataclass(frozen=True, slots=True)
class RecipeFacts:
    """The parts of a recipe as far as its text shows them.

    `augmentation` is "none", "each" (one transform of torchvision, image by image) or "planned" (anything else);
    `scheduler` is "none", "sure" or "unsure"; `is_fused` says that the optimizer is one that steps in one kernel.
    """

    augmentation: str
    scheduler: str
    is_fused: bool


def recipe_facts(program: str, imports: Sequence[str] = ()) -> RecipeFacts:
    """The facts of the recipe in `program`, whose names are bound by `imports` too."""
    source = parse("\n".join([*imports, program]))
    optimizers, schedulers, _, augmentations = (_returned(source, part) for part in range(4))
    return RecipeFacts(
        augmentation=_augmentation(source, augmentations),
        scheduler=_scheduler(schedulers),
        is_fused=bool(optimizers) and all(_is_fused(source, value) for value in optimizers),
    )


def _returned(source: Source, part: int) -> list[ast.expr]:
    """What a recipe may return as its part: the expressions, [] where the text does not show all of them."""
    nodes = [n for s in source.tree.body if getattr(s, "name", "") == "recipe" for n in source.under(s)]
    returned = [n.value for n in nodes if isinstance(n, ast.Return)]
    values = [value.elts[part] for value in returned if isinstance(value, ast.Tuple) and len(value.elts) == 4]
    names = {value.id for value in values if isinstance(value, ast.Name)}
    stored = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id in names]
    assigned = [n.value for n in nodes if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") in names]
    if len(values) != len(returned) or set(stored) != names or len(stored) != len(assigned):
        return []
    return [*assigned, *(value for value in values if not isinstance(value, ast.Name))]


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _scheduler(values: Sequence[ast.expr]) -> str:
    if values and all(map(_is_none, values)):
        return "none"
    return "sure" if values and all(isinstance(value, ast.Call) for value in values) else "unsure"


def _augmentation(source: Source, values: Sequence[ast.expr]) -> str:
    if values and all(map(_is_none, values)):
        return "none"
    return "each" if values and all(_is_for_each_image(source, value) for value in values) else "planned"


def _is_for_each_image(source: Source, value: ast.expr) -> bool:
    if not isinstance(value, ast.Call) or any(keyword.arg is None for keyword in value.keywords):
        return False
    module, _, name = resolve(source, value.func).rpartition(".")
    plain = module in ("torchvision.transforms", "torchvision.transforms.v2") and name in _EACH_IMAGE
    return (
        plain
        and not any(keyword.arg in _COLOURS for keyword in value.keywords)
        and len(value.args) < 2
        and not any(isinstance(a, ast.Starred) for a in value.args)
    )


def _is_fused(source: Source, value: ast.expr) -> bool:
    if not isinstance(value, ast.Call) or resolve(source, value.func) not in _FUSED:
        return False
    return not any(keyword.arg is None or keyword.arg in _UNFUSED for keyword in value.keywords)
