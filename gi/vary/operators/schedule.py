"""The optimizer and the schedule of its learning rate, changed together: one means little without the other.

`OneCycleLR` sets the learning rate itself, a schedule of a factor takes the optimizer's, and what SGD learns best by is
fifty times what Adam does. So a pair comes from the second parent or from the pairs of current practice below, and
where one of the two stays, the other one's rate is made to fit it.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from gi.core.types import Edit, Origin
from gi.vary.binding.learning_rate import fitting_rate, peak_rate, with_number
from gi.vary.hosts.host import Host
from gi.vary.hosts.parent_line import parent_line
from gi.vary.hosts.recipe_code import portable, written
from gi.vary.operators.proposal import Example, OperatorContext, Proposal, proposal, same

EXAMPLES = (
    Example(
        before=(
            "optimizer = torch.optim.SGD(net.parameters(), lr=0.04, momentum=0.9)",
            "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)",
        ),
        after=(
            "optimizer = torch.optim.AdamW(net.parameters(), lr=0.005, weight_decay=0.05)",
            "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.005, total_steps=steps)",
        ),
        is_recipe=True,
    ),
    Example(  # the rate goes where the schedule takes it from
        before=(
            "optimizer = torch.optim.Adam(net.parameters(), lr=0.001)",
            "scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)",
        ),
        after=(
            "optimizer = torch.optim.Adam(net.parameters(), lr=0.01)",
            "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)",
        ),
        is_recipe=True,
    ),
)

_ADAPTIVE = (0.001, 0.002, 0.004, 0.008, 0.015, 0.03)


@dataclass(frozen=True, slots=True)
class OptimizerKind:
    """How an optimizer is usually written: its settings beside the learning rate, and the rates worth trying."""

    settings: tuple[str, ...]
    rates: tuple[float, ...] = _ADAPTIVE


OPTIMIZERS: Mapping[str, OptimizerKind] = {
    "torch.optim.AdamW": OptimizerKind(("weight_decay=0.01", "weight_decay=0.05")),
    "torch.optim.Adam": OptimizerKind(("",)),
    "torch.optim.NAdam": OptimizerKind(("",)),
    "torch.optim.SGD": OptimizerKind(
        ("momentum=0.9, nesterov=True", "momentum=0.9, nesterov=True, weight_decay=0.0005"),
        (0.02, 0.05, 0.1, 0.2, 0.4),
    ),
}
_SCHEDULERS = "torch.optim.lr_scheduler."
SCHEDULES = (
    f"{_SCHEDULERS}OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)",
    f"{_SCHEDULERS}OneCycleLR(optimizer, max_lr=0.01, total_steps=steps, pct_start=0.1)",
    f"{_SCHEDULERS}CosineAnnealingLR(optimizer, T_max=steps)",
    f"{_SCHEDULERS}LinearLR(optimizer, start_factor=1.0, end_factor=0.01, total_iters=steps)",
    f"{_SCHEDULERS}ChainedScheduler([{_SCHEDULERS}LinearLR(optimizer, start_factor=0.1, total_iters=max(1, steps // 10)"
    f"), {_SCHEDULERS}CosineAnnealingLR(optimizer, T_max=steps)])",
)
_FROM_PARENT = 0.4
"""Of the edits take the second parent's pair, where there is one."""


def schedule(host: Host, means: OperatorContext) -> Proposal | None:
    """Optimizer and schedule become another pair, or one of them another that fits the one that stays."""
    if len(host.parts) < 2:
        return None
    if means.other is not None and means.rng.random() < _FROM_PARENT:
        return _exchanged(host, means.other)
    optimizer, scheduler = (portable(host, part) for part in host.parts[:2])
    if optimizer is None or scheduler is None:
        return None
    rate = peak_rate(optimizer, scheduler)
    changes = means.rng.choice(("optimizer", "schedule", "both"))
    if changes != "schedule":
        symbol = means.rng.choice(list(OPTIMIZERS))
        kind = OPTIMIZERS[symbol]
        settings = means.rng.choice(kind.settings)
        fitting = fitting_rate(rate, optimizer, symbol) if rate else kind.rates[0]
        # The rate that corresponds to the present one has the best chance: it has been trained with.
        rate = means.rng.choice([*kind.rates, fitting, fitting])
        # `lr=1` holds the place: the rate is written below, into both parts.
        optimizer = f"{symbol}({', '.join(filter(None, (_weights(optimizer), 'lr=1', settings)))})"
    if changes != "optimizer":
        scheduler = means.rng.choice(SCHEDULES)
    if rate is None:
        return None
    codes = with_number(optimizer, "lr", rate), with_number(scheduler, "max_lr", rate)
    return _replaced(host, codes, (None, None))


def _exchanged(host: Host, other: Host) -> Proposal | None:
    """The other parent's pair in the host's place."""
    codes = [portable(other, part) for part in other.parts[:2]]
    if len(codes) < 2 or codes[0] is None or codes[1] is None:
        return None
    first, second = (parent_line(part.expression.lineno) for part in other.parts[:2])
    return _replaced(host, (codes[0], codes[1]), (first, second))


def _replaced(host: Host, codes: tuple[str, str], origins: tuple[Origin | None, Origin | None]) -> Proposal | None:
    replacements, edits = [], []
    for part, code, origin in zip(host.parts[:2], codes, origins, strict=True):
        before = host.source.code(part.expression)
        after, imports = written(host, code)
        if not same(before, after) and portable(host, part) != code:  # one part of a pair may be what the host has
            replacements += [host.source.replace(part.expression, after), *imports]
            edits.append(Edit("schedule", part.type, part.expression.lineno, before, after, origin))
    return proposal(host, replacements, *edits) if edits else None


def _weights(optimizer: str) -> str:
    """What an optimizer is given to train: its first argument."""
    call = ast.parse(optimizer, mode="eval").body
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return "net.parameters()" if first is None else ast.unparse(first)
