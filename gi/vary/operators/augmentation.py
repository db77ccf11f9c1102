"""Image transforms of current practice in a recipe's augmentation: one more, one for another, the second parent's.

The stock's lines bring what torchvision's own scripts use, most of it made for photographs of 224 pixels. Here each
transform has the form and the strengths that images of the task's size and colours ask for; `tweak` moves them on.
MixUp and CutMix are not here: they mix labels too, which a recipe's augmentation does not see.
"""

import ast

from gi.core.types import Edit, LineType, Origin, Task
from gi.vary.genes import RecipePart
from gi.vary.hosts.host import Host
from gi.vary.hosts.parent_line import parent_line
from gi.vary.hosts.recipe_code import portable, written
from gi.vary.operators.proposal import Example, OperatorContext, Proposal, proposal, same

EXAMPLES = (
    Example(
        before=("augmentation = None",),
        after=("augmentation = v2.RandomCrop((8, 8), padding=1)",),
        is_recipe=True,
    ),
    Example(  # what covers parts of an image comes last
        before=("augmentation = v2.RandomErasing(p=0.3)",),
        after=("augmentation = v2.Compose([v2.RandomRotation(10), v2.RandomErasing(p=0.3)])",),
        is_recipe=True,
    ),
)

_MOST = 3
"""Transforms in one pipeline: each costs a twentieth to a tenth of a small network's step."""
_FROM_PARENT = 0.3
_V2 = "torchvision.transforms.v2."
_LAST = ("ColorJitter", "RandomErasing")


def offers(task: Task) -> tuple[str, ...]:
    """The transforms worth trying on a task's images, each with its strengths, as calls by full name."""
    channels, height, width = task.input_shape
    paddings = sorted({max(1, min(height, width) // share) for share in (14, 8)})
    calls = [f"RandomCrop(({height}, {width}), padding={padding})" for padding in paddings]
    calls += [f"RandomAffine(degrees={d}, translate=({t}, {t}))" for d, t in ((0, 0.1), (5, 0.05), (10, 0.1))]
    calls += ["RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1))", "RandomRotation(10)"]
    calls += [f"RandomErasing(p={p}, scale=(0.02, {most}))" for p, most in ((0.3, 0.1), (0.5, 0.2))]
    calls += ["RandomHorizontalFlip()", "RandomPerspective(0.2, p=0.5)", "ColorJitter(brightness=0.2, contrast=0.2)"]
    calls += ["ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2)"] if channels == 3 else []
    return tuple(_V2 + call for call in calls)


def augmentation(host: Host, means: OperatorContext) -> Proposal | None:
    """One more transform, one in another's place, or all of the second parent's."""
    part = next((p for p in host.parts if p.type == LineType.AUGMENTATION), None)
    steps = _steps(host, part) if part is not None else None
    if part is None or steps is None:
        return None
    if means.other is not None and means.rng.random() < _FROM_PARENT:
        return _taken(host, part, means.other)
    # By kind first: crops in five strengths would be drawn five times as often as a flip.
    groups: dict[str, list[str]] = {}
    for call in offers(host.task):
        groups.setdefault(_name(call), []).append(call)
    new = means.rng.choice(groups[means.rng.choice(list(groups))])
    # A second rotation is a wider rotation: it takes the first one's place.
    alike = [n for n, step in enumerate(steps) if _name(step) == _name(new)]
    at = alike[0] if alike else means.rng.randrange(len(steps)) if steps else 0
    if alike or len(steps) >= _MOST or (steps and means.rng.random() < 0.3):
        steps[at] = new
    else:
        steps.append(new)
    steps.sort(key=lambda step: _LAST.index(_name(step)) + 1 if _name(step) in _LAST else 0)
    return _replaced(host, part, steps[0] if len(steps) == 1 else f"{_V2}Compose([{', '.join(steps)}])", None)


def _taken(host: Host, part: RecipePart, other: Host) -> Proposal | None:
    theirs = next((p for p in other.parts if p.type == LineType.AUGMENTATION), None)
    code = portable(other, theirs) if theirs is not None else None
    if theirs is None or code is None:
        return None
    return _replaced(host, part, code, parent_line(theirs.expression.lineno))


def _replaced(host: Host, part: RecipePart, code: str, origin: Origin | None) -> Proposal | None:
    before = host.source.code(part.expression)
    after, imports = written(host, code)
    if same(before, after):
        return None
    edit = Edit("augmentation", part.type, part.expression.lineno, before, after, origin)
    return proposal(host, [host.source.replace(part.expression, after), *imports], edit)


def _steps(host: Host, part: RecipePart) -> list[str] | None:
    """The transforms of a pipeline one after the other; None where one is the program's own."""
    code = portable(host, part)
    if part.is_empty or code is None:
        return [] if part.is_empty else None
    call = ast.parse(code, mode="eval").body
    inside = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return [ast.unparse(step) for step in inside.elts] if isinstance(inside, ast.List) else [code]


def _name(call: str) -> str:
    return call.partition("(")[0].rpartition(".")[2]
