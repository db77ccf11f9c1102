"""Literal tweaks: another width, kernel size, stride, rate or factor where a call has a plain number."""

import ast
import random
from collections.abc import Collection
from typing import Any

from gi.core.protocols import Signature
from gi.source.repair.repair import add_argument, find_argument
from gi.source.tree.tree import Replacement, Source
from gi.vary.binding import expressions
from gi.vary.binding.bind import evaluated
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.operators.proposal import RECIPE_SHARE, Example, OperatorContext, Proposal, edit, editable, proposal

_WIDTH_FACTORS = (0.5, 0.75, 1.25, 1.5, 2.0)
_SCALE_FACTORS = (0.3, 0.5, 0.7, 1.5, 2.0, 3.0)
_RATE_STEPS = (-0.2, -0.1, -0.05, 0.05, 0.1, 0.2)
_WIDTHS = frozenset({"out_channels", "out_features"})
_RATES = frozenset(
    {"p", "label_smoothing", "momentum", "pct_start", "gamma", "negative_slope", "alpha", "init"}
    | {"start_factor", "end_factor", "factor"}
)
_OWNED = frozenset(  # shape repair or the task decides these
    {"in_channels", "in_features", "num_features", "num_channels", "normalized_shape", "num_parameters", "output_size"}
    | {"groups", "num_groups", "size", "dim", "padding", "dilation", "start_dim", "end_dim"}
    | {"embedding_dim", "num_embeddings", "embed_dim", "num_heads", "d_model", "nhead"}
    | {"last_epoch", "total_steps", "T_max"}
)


EXAMPLES = (
    Example(  # a padding that kept the size goes on keeping it
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 5, padding=2)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
    ),
)


def tweak(host: Host, means: OperatorContext) -> Proposal | None:
    """One number changes: a width, kernel size, stride, rate."""
    in_recipe = means.rng.random() < RECIPE_SHARE
    genes = [g for p in host.parts for g in p.genes] if in_recipe else editable(host, place=False)
    scheduled = any(k.arg == "max_lr" for p in host.parts for g in p.genes for k in g.call.keywords)
    means.rng.shuffle(genes)
    for gene in genes:
        signature = means.lookup.signature(gene.symbol)
        is_cut = gene is host.classifier or (gene.is_laid_out and gene.input.kind != "image")
        fixed = {"out_channels", "out_features"} if is_cut else {"lr"} if scheduled else set[str]()
        change = tweaked(host.source, gene, signature, means.rng, fixed=fixed) if signature else None
        if change is not None:
            text, replacements = change
            return proposal(host, replacements, edit("tweak", host, gene, text))
    return None


def tweaked(
    source: Source, gene: Gene, signature: Signature, rng: random.Random, *, fixed: Collection[str] = ()
) -> tuple[str, list[Replacement]] | None:
    """The call's new text with the replacements, None where it has no number to change; `fixed` parameters stay."""
    fixed = {*fixed, *_settled(source, gene)}
    choices = [c for c in _numbers(gene, signature) if c[0] not in fixed]
    optional = [c for c in _optional(gene, signature) if c[0] not in fixed]
    if not choices and not optional:
        return None
    if optional and (not choices or rng.random() < 0.2):
        replacements = [add_argument(source, gene.call, *rng.choice(optional))]
    else:
        name, node = rng.choice(choices)
        value = _other(name, evaluated(node, {}), int(dict(gene.settings).get("groups", "1")), rng)
        replacements = [source.replace(node, repr(value)), *_with_padding(source, gene, signature, name, node, value)]
    return _text_after(source, gene, replacements), replacements


def _settled(source: Source, gene: Gene) -> set[str]:
    """What stays where images are joined, by a sum or a concatenation: each must keep its size."""
    if not gene.is_shared and not expressions.is_joined(source, gene):
        return set()
    return {"stride"} if expressions.window(source, gene) is None else {"stride", "kernel_size"}


def _numbers(gene: Gene, signature: Signature) -> list[tuple[str, ast.expr]]:
    """The parameters that are given as a plain number, with their expressions."""
    names = [name for name, _ in signature]
    given = list(zip(names, gene.call.args, strict=False)) + [(k.arg or "", k.value) for k in gene.call.keywords]
    return [(name, node) for name, node in given if name not in _OWNED and _is_number(evaluated(node, {}))]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _optional(gene: Gene, signature: Signature) -> list[tuple[str, str]]:
    """Settings worth trying that the call leaves to their default."""
    names, given = {name for name, _ in signature}, {k.arg for k in gene.call.keywords}
    offers = {"stride": "2", "label_smoothing": "0.05", "weight_decay": "0.01"}
    # A pool's stride is its kernel size where it is left out: 2 would mostly change nothing.
    if "in_channels" not in names and "stride" in offers:
        offers.pop("stride")
    positional = {name for (name, _), _ in zip(signature, gene.call.args, strict=False)}
    return [(n, v) for n, v in offers.items() if n in names and n not in given | positional]


def _other(name: str, value: float, groups: int, rng: random.Random) -> float:
    """Another value for a parameter, never the old one; a width stays a multiple of the layer's groups."""
    if name in _WIDTHS:
        widths = [w for w in _scaled(value) if w != value and not w % groups]
        return rng.choice(widths or [2 * int(value)])
    if name == "kernel_size":
        kernels = (1, 3, 5, 7) if value % 2 else (2, 3, 4)
        return rng.choice([k for k in kernels if k != value and abs(k - value) <= 2] or [3])
    if name == "stride":
        return 1 if value > 1 else 2
    if isinstance(value, int):
        return max(1, value + rng.choice((-1, 1))) if value > 1 else value + 1
    if name in _RATES or name.endswith("_prob"):
        near = [round(value + step, 4) for step in _RATE_STEPS]
        return rng.choice([v for v in near if 0 < v < 1] or [0.1 if value != 0.1 else 0.2])
    factor = rng.choice(_SCALE_FACTORS)
    return float(f"{value * factor:.2g}") if value and float(f"{value * factor:.2g}") != value else 0.01


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
