"""A weight for each class in the loss, where the data set's classes are uneven: to the mean over the classes, and back.

A set of which three samples in four are of one class is learned with that share, and an error that counts each class
alike (`--metric balanced-error`) pays for it. Weights of one over a class' share undo that; their square roots go half
of the way. On an even set there is nothing to weigh.
"""

import ast
from collections.abc import Sequence

from gi.core.trace import Trace
from gi.core.types import Edit, LineType, Task
from gi.source.tree.tree import Replacement
from gi.vary.genes import RecipePart
from gi.vary.hosts.host import Host
from gi.vary.hosts.recipe_code import portable, written
from gi.vary.operators.proposal import Example, OperatorContext, Proposal, proposal, same

EXAMPLES = (
    Example(
        before=("loss = nn.CrossEntropyLoss(label_smoothing=0.1)",),
        after=(
            "loss = nn.CrossEntropyLoss(label_smoothing=0.1, "
            "weight=torch.tensor([0.4, 0.4, 0.4, 0.4, 0.4, 2.0, 2.0, 2.0, 2.0, 2.0]))",
        ),
        is_recipe=True,
        class_shares=(0.25, 0.25, 0.25, 0.25, 0.25, 0.05, 0.05, 0.05, 0.05, 0.05),
    ),
    Example(
        before=(
            "loss = nn.CrossEntropyLoss(label_smoothing=0.1, "
            "weight=torch.tensor([0.4, 0.4, 0.4, 0.4, 0.4, 2.0, 2.0, 2.0, 2.0, 2.0]))",
        ),
        after=("loss = nn.CrossEntropyLoss(label_smoothing=0.1)",),
        is_recipe=True,
        class_shares=(0.25, 0.25, 0.25, 0.25, 0.25, 0.05, 0.05, 0.05, 0.05, 0.05),
    ),
)

UNEVEN = 1.5
"""So many times as many samples as the rarest class has the commonest, at the least: below, weights are noise."""
_MOST_CLASSES = 100  # a longer literal is unreadable
_POWERS = (1.0, 0.5)
_NO_TRACE = Trace((), (), (), (), 0, "", "", ())  # a recipe is read from the text
_LOSSES = ("torch.nn.CrossEntropyLoss", "torch.nn.NLLLoss")


def has_uneven_classes(task: Task) -> bool:
    """Whether there is something to weigh: classes that differ in size, each of which has samples."""
    shares = task.class_shares
    return 1 < len(shares) <= _MOST_CLASSES and min(shares) > 0 and max(shares) >= UNEVEN * min(shares)


def weights(shares: Sequence[float], power: float) -> list[float]:
    """One over each class' share to `power`, scaled so that a sample weighs 1 in the mean; three digits."""
    raw = [(1 / share) ** power for share in shares]
    mean = sum(share * weight for share, weight in zip(shares, raw, strict=True))
    return [float(f"{weight / mean:.3g}") for weight in raw]


def class_weights(host: Host, means: OperatorContext) -> Proposal | None:
    """Class weights into a loss that has none; out of one that has them, or others in their place."""
    loss = _weighable(host)
    if loss is None:
        return None
    part, call = loss
    choices: list[float | None] = list(_POWERS)
    if any(keyword.arg == "weight" for keyword in call.keywords):
        choices.append(None)
    before = host.source.code(part.expression)
    after, imports = _with_weights(host, call, means.rng.choice(choices))
    if same(before, after):
        return None
    edit = Edit("class_weights", part.type, part.expression.lineno, before, after)
    return proposal(host, [host.source.replace(part.expression, after), *imports], edit)


def weighed(text: str, task: Task) -> str:
    """A program whose loss counts the classes of `task` alike; the text as it is where there is nothing to weigh."""
    host = Host(text, _NO_TRACE, task)
    loss = _weighable(host)
    if loss is None:
        return text
    part, call = loss
    after, imports = _with_weights(host, call, 1.0)
    return host.source.edited([host.source.replace(part.expression, after), *imports])


def _weighable(host: Host) -> tuple[RecipePart, ast.Call] | None:
    """The host's loss and its call as portable code, if it takes class weights and the set's classes are uneven."""
    if not has_uneven_classes(host.task):
        return None
    part = next((p for p in host.parts if p.type == LineType.LOSS), None)
    code = portable(host, part) if part is not None else None
    call = ast.parse(code, mode="eval").body if code is not None else None
    if part is None or not isinstance(call, ast.Call) or ast.unparse(call.func) not in _LOSSES or call.args:
        return None
    return part, call


def _with_weights(host: Host, call: ast.Call, power: float | None) -> tuple[str, list[Replacement]]:
    """The loss with weights of this power (None: without any) as the program writes it, and the imports it needs."""
    kept = [keyword for keyword in call.keywords if keyword.arg != "weight"]
    if power is not None:
        values = weights(host.task.class_shares, power)
        kept.append(ast.keyword("weight", ast.parse(f"torch.tensor({values})", mode="eval").body))
    return written(host, ast.unparse(ast.Call(call.func, call.args, kept)))
