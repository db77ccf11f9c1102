"""Literal tweaks: another width, kernel size, stride, rate or factor where a call has a plain number."""

import ast
import random
from collections.abc import Collection, Mapping
from typing import Any

from gi.core.protocols import Signature
from gi.core.types import LineType
from gi.source.repair.repair import add_argument, find_argument
from gi.source.tree.tree import Replacement, Source
from gi.vary.binding import expressions
from gi.vary.binding.bind import evaluated
from gi.vary.binding.magnitudes import MAGNITUDES, moved, strengthened, weight_of
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.operators.proposal import Example, OperatorContext, Proposal, edit, editable, proposal

_WIDTH_FACTORS = (0.5, 0.75, 1.25, 1.5, 2.0)
_WIDTHS = frozenset({"out_channels", "out_features"})
_RECIPE_SHARE = 0.4
_OWNED = frozenset({"last_epoch", "total_steps", "T_max", "T_mult", "eps", "dampening", "size"})
"""What the length of a training or the size of an image decides, and what hardly matters."""
_OF_LAYERS = frozenset(  # shape repair decides these
    {"in_channels", "in_features", "num_features", "num_channels", "normalized_shape", "num_parameters", "output_size"}
    | {"groups", "num_groups", "dim", "padding", "dilation", "start_dim", "end_dim"}
    | {"embedding_dim", "num_embeddings", "embed_dim", "num_heads", "d_model", "nhead"}
)
_OFFERS: Mapping[LineType, Mapping[str, str]] = {
    LineType.CONNECTION: {"stride": "2"},
    LineType.OPTIMIZER: {"weight_decay": "0.0005", "momentum": "0.9"},
    LineType.SCHEDULER: {"pct_start": "0.1"},
    LineType.LOSS: {"label_smoothing": "0.1"},
}


EXAMPLES = (
    Example(  # a padding that kept the size goes on keeping it
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 5, padding=2)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
    ),
)


def tweak(host: Host, means: OperatorContext) -> Proposal | None:
    """One number changes: a width, kernel size, stride, rate, strength."""
    if means.rng.random() < _RECIPE_SHARE:
        return recipe_tweak(host, means)
    genes = editable(host, place=False)
    means.rng.shuffle(genes)
    for gene in genes:
        signature = means.lookup.signature(gene.symbol)
        # Classes are given, and the width of what is cut into heads is in the cut as well, where no repair follows it.
        is_cut = gene is host.classifier or (gene.is_laid_out and gene.input.kind != "image")
        fixed = {"out_channels", "out_features"} if is_cut else set[str]()
        change = tweaked(host.source, gene, signature, means.rng, fixed=fixed) if signature else None
        if change is not None:
            text, replacements = change
            return proposal(host, replacements, edit("tweak", host, gene, text))
    return None


def recipe_tweak(host: Host, means: OperatorContext) -> Proposal | None:
    """One number of the recipe changes, those oftener that a training feels most, or one is given that was left out."""
    rng, lookup = means.rng, means.lookup
    genes = [(g, s) for part in host.parts for g in part.genes if (s := lookup.signature(g.symbol))]
    scheduled = any(name == "max_lr" for g, s in genes for name, _ in _given(g, s))
    fixed = _OWNED | ({"lr"} if scheduled else set())  # OneCycleLR overrides it: another one would change nothing
    numbers: list[tuple[Gene, Signature, str, ast.expr | None]] = []
    numbers += [(g, s, name, node) for g, s in genes for name, node in _given(g, s) if name not in fixed]
    numbers += [(g, s, name, None) for g, s in genes for name, _ in _optional(g, s)]
    while numbers:
        gene, signature, name, node = choice = rng.choices(numbers, [weight_of(n) for _, _, n, _ in numbers])[0]
        new = dict(_optional(gene, signature))[name] if node is None else _moved(host, gene, name, node, rng)
        if new is not None:
            source = host.source
            change = add_argument(source, gene.call, name, new) if node is None else source.replace(node, new)
            return proposal(host, [change], edit("tweak", host, gene, _text_after(source, gene, [change])))
        numbers.remove(choice)
    return None


def _moved(host: Host, gene: Gene, name: str, node: ast.expr, rng: random.Random) -> str | None:
    """The text of another number or pair for a recipe's parameter; None where it stays."""
    value = evaluated(node, {})
    if gene.type == LineType.AUGMENTATION:
        value = strengthened(name, value, rng, side=min(host.task.input_shape[1:]))
    elif _is_number(value):
        value = moved(name, float(value), rng)
    else:
        return None
    return None if value is None else repr(value)


def tweaked(
    source: Source, gene: Gene, signature: Signature, rng: random.Random, *, fixed: Collection[str] = ()
) -> tuple[str, list[Replacement]] | None:
    """The call's new text with the replacements, None where it has no number to change; `fixed` parameters stay."""
    fixed = {*fixed, *_settled(source, gene)}
    choices = [c for c in _numbers(gene, signature) if c[0] not in fixed]
    optional = [c for c in _optional(gene, signature) if c[0] not in fixed]
    if optional and (not choices or rng.random() < 0.2):
        replacements = [add_argument(source, gene.call, *rng.choice(optional))]
        return _text_after(source, gene, replacements), replacements
    rng.shuffle(choices)
    for name, node in choices:
        value = _other(name, evaluated(node, {}), int(dict(gene.settings).get("groups", "1")), rng)
        if value is not None:
            padding = _with_padding(source, gene, signature, name, node, value)
            replacements = [source.replace(node, repr(value)), *padding]
            return _text_after(source, gene, replacements), replacements
    return None


def _settled(source: Source, gene: Gene) -> set[str]:
    """What stays where images are joined, by a sum or a concatenation: each must keep its size."""
    if not gene.is_shared and not expressions.is_joined(source, gene):
        return set()
    return {"stride"} if expressions.window(source, gene) is None else {"stride", "kernel_size"}


def _given(gene: Gene, signature: Signature) -> list[tuple[str, ast.expr]]:
    """The parameters that a call gives, by position or by name, with their expressions."""
    names = [name for name, _ in signature]
    return list(zip(names, gene.call.args, strict=False)) + [(k.arg or "", k.value) for k in gene.call.keywords]


def _numbers(gene: Gene, signature: Signature) -> list[tuple[str, ast.expr]]:
    """The parameters that are given as a plain number, with their expressions."""
    owned = _OWNED | _OF_LAYERS
    return [(n, node) for n, node in _given(gene, signature) if n not in owned and _is_number(evaluated(node, {}))]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _optional(gene: Gene, signature: Signature) -> list[tuple[str, str]]:
    """Settings worth trying that the call leaves to their default."""
    names, given = {name for name, _ in signature}, {name for name, _ in _given(gene, signature)}
    offers = dict(_OFFERS.get(gene.type, ()))
    if gene.symbol == "torch.optim.AdamW":  # whose default is 0.01
        offers["weight_decay"] = "0.05"
    return [(n, v) for n, v in offers.items() if n in names and n not in given]


def _other(name: str, value: float, groups: int, rng: random.Random) -> float | None:
    """Another value for a layer's parameter, never the old one; a width stays a multiple of the layer's groups."""
    if name in _WIDTHS:
        widths = [w for w in _scaled(value) if w != value and not w % groups]
        return rng.choice(widths or [2 * int(value)])
    if name == "kernel_size":
        # An odd kernel stays odd: a padding of its half keeps the image's size.
        kernels = (1, 3, 5, 7) if value % 2 else (2, 3, 4)
        return rng.choice([k for k in kernels if k != value and abs(k - value) <= 2] or [3])
    if name == "stride":
        return 1 if value > 1 else 2
    if isinstance(value, int) and name not in MAGNITUDES:
        return max(1, value + rng.choice((-1, 1))) if value > 1 else value + 1
    return moved(name, value, rng)


def _scaled(width: float) -> list[int]:
    """Widths near a width, even numbers from 4 on."""
    near = {max(2, round(width * factor)) for factor in _WIDTH_FACTORS}
    return sorted({w + w % 2 if w > 4 else w for w in near} - {int(width)}) or [int(width) + 1]


def _with_padding(
    source: Source, gene: Gene, signature: Signature, name: str, node: ast.expr, value: float
) -> list[Replacement]:
    """A padding that kept the image's size goes on keeping it when the kernel changes."""
    names = [n for n, _ in signature]
    if name != "kernel_size" or "in_channels" not in names:
        return []
    padding = find_argument(gene.call, "padding", names.index("padding"))
    old, half = evaluated(node, {}), repr(int(value) // 2)
    if padding is None:
        return [add_argument(source, gene.call, "padding", half)] if old == 1 else []
    return [source.replace(padding, half)] if evaluated(padding, {}) == old // 2 else []


def _text_after(source: Source, gene: Gene, replacements: list[Replacement]) -> str:
    start, end = source.bytes_of(gene.call)
    shifted = [Replacement(r.start - start, r.end - start, r.text) for r in replacements]
    data = source.data[start:end]
    for r in sorted(shifted, key=lambda r: -r.start):
        data = data[: r.start] + r.text.encode() + data[r.end :]
    return data.decode()
