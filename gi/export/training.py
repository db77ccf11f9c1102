"""The training and main of an exported file: the lines of one template that a program needs."""

import re
from collections.abc import Collection
from importlib import resources

from gi.export.layout import ProgramParts, identifiers
from gi.export.recipe import RecipeFacts
from gi.source.tree.entry import plain_entry_call

IMPORTS = tuple(
    f"import {name}" for name in ("argparse", "hashlib", "pathlib", "pickle", "random as python_random", "torch")
)

_CONDITION = re.compile(r"  #\? ([\w ]+)$")
_WEIGHTS_ELSEWHERE = re.compile(r"\brequires_grad|\bParameter\(|\bregister_buffer\(")


def resource(name: str) -> str:
    """The text of a file of this package."""
    return resources.files("gi.export").joinpath(name).read_text("utf-8")


def training_text(
    program: ProgramParts,
    recipe: RecipeFacts,
    entry: str,
    *,
    holdout: bool,
    measured: bool,
    channels_last: bool,
    lazy_torchvision: bool,
) -> str:
    """Training and main for a program, less its imports (`IMPORTS`).

    `holdout` says that evolution set a part of the training files apart, `measured` that SEED and ERROR are those of a
    training in it, `channels_last` that it trained in that memory layout, `lazy_torchvision` that functions
    of the file import torchvision, which only a training calls.
    """
    mentioned = identifiers("\n".join([*program.imports, program.body]))
    planned = recipe.augmentation == "planned"
    holds = {
        "plain": recipe.augmentation == "none",
        "augmenting": recipe.augmentation != "none",
        "each": recipe.augmentation == "each",
        "planned": planned,
        "constant": recipe.scheduler == "none",
        "scheduling": recipe.scheduler != "none",
        "sure": recipe.scheduler == "sure",
        "unsure": recipe.scheduler == "unsure",
        # The one scheduler of torch that takes the loss; an own subclass is recognised by its base's name.
        "plateau": "ReduceLROnPlateau" in mentioned,
        "timed": "ReduceLROnPlateau" not in mentioned,
        # The one optimizer of torch that needs a closure: it evaluates the loss several times a step.
        "searches": "LBFGS" in mentioned,
        "steps": "LBFGS" not in mentioned,
        "fused": recipe.is_fused,
        "numpy_draws": planned or "numpy" in mentioned,
        "other_draws": planned or bool({"random", "numpy"} & mentioned),
        "scattered": has_weights_elsewhere(program.body),
        "countable": not has_weights_elsewhere(program.body),
        "lazy_torchvision": lazy_torchvision,
        "channels_last": channels_last,
        "holdout": holdout,
        "measured": measured,
        "unmeasured": not measured,
    }
    text = chosen_lines(resource("program.py.txt"), {name for name, is_so in holds.items() if is_so})
    text = text.replace("Net()", plain_entry_call(entry))
    # Another entry may be a call or a factory, which names no type.
    if entry != "Net":
        text = text.replace("-> Net", "-> torch.nn.Module").replace("net: Net", "net: torch.nn.Module")
    return text


def chosen_lines(template: str, holds: Collection[str]) -> str:
    """The lines of a template without a condition, and those of whose conditions (`#? one and other`) all hold."""
    lines = []
    for line in template.splitlines():
        condition = _CONDITION.search(line)
        if condition is None or set(condition[1].split(" and ")) <= set(holds):
            lines.append(_CONDITION.sub("", line))
    return "\n".join([*lines, ""])


def counting_text(program: str) -> str:
    """The code that counts weights outside of `net.parameters()`; "" where the program cannot have any."""
    source = resources.files("gi.trace.program").joinpath("weights.py").read_text("utf-8")
    return source if has_weights_elsewhere(program) else ""


def augmenting_text(recipe: RecipeFacts) -> str:
    """The code that applies an augmentation image by image, the very text that a search runs; "" where a line does."""
    source = resources.files("gi.trace.augmentation").joinpath("per_image.py").read_text("utf-8")
    return source if recipe.augmentation == "planned" else ""


def has_weights_elsewhere(program: str) -> bool:
    """Whether a program may keep weights where `net.parameters()` does not look."""
    return bool(_WEIGHTS_ELSEWHERE.search(program))
