"""Guesses of the arguments of a module class, from parameter names, annotations, defaults and real calls.

A guess is an expression over `channels_in`, `channels_out` and `stride`, or a literal, the likely ones first;
`gi.trace.classes.trial` finds which ones work together.

Example: `def __init__(self, inplanes, planes, stride=1)` gives `inplanes` `channels_in`, `channels_out` ...,
`planes` the guesses `channels_out`, `channels_out // 4`, ..., and `stride` the guess `stride`. The first of each are
tried together, then assignments in order of their total rank.

Limits: names decide, so a width called `foo` gets the guesses of any parameter; a parameter with a default that sets
no width or stride keeps the default; relations between parameters are found only by trial.
"""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

UNSET = ""
"""The parameter keeps its default."""

_IN = re.compile(
    r"in_?(put)?_?(channels?|planes?|chs?|features?|feats?|dims?|c|filters?|chans?|size|nc|width|embed_dim)|inp|nin|"
    r"inplanes?|dim_in|c_?in|c1|channels?_in|num_input_features|num_in|d_in|ninput|ni|inplane|n_in|in_chs_\w+|infeatures"
)
_OUT = re.compile(
    r"out_?(put)?_?(channels?|planes?|chs?|features?|feats?|dims?|c|filters?|chans?|size|nc|width|embed_dim)|oup|nout|"
    r"planes|outplanes?|dim_out|c_?out|c2|channels?_out|num_out|d_out|noutput|no|outp|n_out|outplane|num_filters|"
    r"filters|out_chs_\w+|outfeatures"
)
_SAME = re.compile(
    r"dims?|(num_|n_)?channels?|(num_)?features?|(num_)?chs?|embed_dims?|d_model|hidden_(size|dim)|c|ch|nf|nc|width|"
    r"dim_model|model_dim|n_?feats?|normalized_shape|n_embd|ed|num_feature|inner_dim|emb_size|n_channel|C"
)
_MIDDLE = re.compile(
    r"(mid|hidden|squeeze|reduc|bottle|rd|inter|inner|growth|expan|pool|ch\dx\d|mlp|key|qk|head|attn|proj|ffn|stem|"
    r"w_|channels_|internal|c3|ratio_dim|code|radix).*|.*(red|_dim|_planes|_channels|_chs|_features)"
)
_STRIDE = re.compile(r"strides?|downsample_stride|down_?stride")
# Narrow ones first: most inner widths are those of a bottleneck.
_WIDTHS = ("channels_in // 4", "channels_out // 4", "channels_in", "channels_out // 2", "channels_out", "16")
_MODULE = "nn.Conv2d(channels_in, channels_in, 3, padding=1)"
# The first pattern that matches decides.
_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r".*(planes|channels?|chs|features|filters)|ch\dx\d\w*|growth(_rate)?|.*hidden(_size)?", _WIDTHS),
    (r"bn_size|expand_ratio|t", ("4", "2", "1")),
    (r".*kernel.*|k|ks|k_size", ("3", "5", "4", "7", "1")),
    (r"dilations?|dilate|groups?|num_groups|cardinality|first_dilation|radix", ("1", "4", "channels_in")),
    (r"padding|pad", ("1", "0")),
    (r".*(heads?|nhead)", ("4", "2", "1", "8")),
    (r"head_dim|dim_head|dim_per_head|key_dim|qk_dim|pdim|kd?", ("8", "16", "channels_in // 4", "4")),
    (
        r".*norm(_?layer|_?func|_?fn|_?type|_?cls|alization)?",
        ("nn.BatchNorm2d", "nn.LayerNorm", "nn.GroupNorm", "True"),
    ),
    (
        r".*(act|activation|nonlin\w*|nl|relu)(_?layer|_?func|_?fn|_?type|_?cls|ivation)?",
        ("nn.ReLU", "nn.ReLU()", "True"),
    ),
    (r".*conv(_?layer|_?builder|_?cls)?", ("nn.Conv2d",)),
    (
        r"(fn|module|layer|net|inner|block|main|m|f|branch|body|submodule|token_mixer|mixer)\d?",
        (_MODULE, "1", "nn.Conv2d"),
    ),
    (r".*(reduction|squeeze|shrink).*", ("4", "2", "0.25", "channels_in // 4")),
    (r".*(expan|ratio|factor|mult|scale).*|e|alpha|beta", ("2", "1", "4", "0.5", "1.0", "4.0")),
    (r".*(drop|prob|rate|dropout).*|p", ("0.1", "0.0")),
    (r".*(eps|momentum|init_value\w*|layer_scale\w*|temperature|lambda\w*|sigma)", ("1e-05", "0.1", "1.0")),
    (r"depths?|((num|n)_)?(layers?|blocks?|repeats?|stages?|convs?|unit|rep)|n|layer_num", ("1", "2", "3", "[1]")),
    (
        r"use_\w+|is_\w+|has_\w+|bias|\w*bias|affine|last|first|training|inplace|with_\w+|shortcut|residual|se|"
        r"downsample|pre_\w+|bn|identity",
        ("False", "True", "None"),
    ),
    (
        r"(feat|fmap|img|image|input|spatial|base|grid|win|window|partition|attn)_?(size|resolution|shape|hw)|window|"
        r"resolution|feature_size|size|hw",
        ("(16, 16)", "16", "4", "(4, 4)", "[4, 4]", "8", "7"),
    ),
    (r"shift\w*", ("0", "[0, 0]", "(0, 0)", "2")),
    (r"(seq|num)_?(len|patches|tokens|length)|patches|num_patch|n_patches|N", ("64", "16", "256")),
    (r"patch_?\w*|block_size|output_size|stem_size|upscale_factor|levels?|dim_index", ("2", "1", "4")),
    (r"(idx|index|layer_id|layer_idx|block_idx|i|stage)", ("0", "1")),
)
# The first that the annotation contains decides, so that `List[int]` comes before `int`.
_BY_ANNOTATION = (
    ("List[int]", ("[4, 4]", "[0, 0]", "[1, 2]")),
    ("bool", ("False", "True")),
    ("float", ("0.1", "0.0", "1.0")),
    ("Tuple[int, int]", ("(16, 16)", "(4, 4)")),
    ("str", ()),
    ("int", ("channels_in", "channels_out", "1", "2", "4", "3", "8")),
)
# Without a guess from name or annotation: widths, then the most common arguments of layers.
_ANY = ("channels_in", "channels_out", "1", "2", "nn.ReLU", "nn.BatchNorm2d", "None", "0.1", "3")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a constructor with its guesses, likely ones first."""

    name: str
    guesses: tuple[str, ...]


Call = tuple[Sequence[str | None], Mapping[str, str | None]]
"""A real call's positional and named arguments, as literals; None for one that is no literal."""


def parameters(signature: inspect.Signature, calls: Sequence[Call], extra: Sequence[str] = ()) -> list[Parameter]:
    """The parameters to find values for: required ones, those that set a width or the stride, and `extra`.

    `extra` are names that the class only passes on, as `kernel_size` in `def __init__(self, **kwargs)`.
    """
    own = [
        p
        for p in signature.parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    names = [p.name for p in own]
    seen = {name: _seen(name, names, calls) for name in (*names, *extra)}
    settable = [_parameter(p, seen[p.name], lone=_is_lone(p, own)) for p in own]
    more = [Parameter(name, _distinct([*seen[name], *_by_name(name, lone=False), *_ANY])) for name in extra]
    return [p for p in settable if p is not None] + more


def _is_lone(parameter: inspect.Parameter, own: Sequence[inspect.Parameter]) -> bool:
    """Whether no other parameter has a name for the width of the input."""
    return not any(_IN.fullmatch(p.name) for p in own if p is not parameter)


def _parameter(parameter: inspect.Parameter, seen: Sequence[str], *, lone: bool) -> Parameter | None:
    name, required = parameter.name, parameter.default is parameter.empty
    by_name = _by_name(name, lone=lone)
    if required:
        annotation = _by_annotation(str(parameter.annotation))
        # A width in real calls is a number of one network; the guess by name fits every place.
        first = [*by_name, *seen] if by_name and "channels" in by_name[0] else [*seen, *by_name]
        first = [*annotation, *first] if annotation and annotation[0].startswith("[") else first
        if by_name == _WIDTHS and annotation[:1] != ("[4, 4]",):
            return Parameter(name, _WIDTHS)
        return Parameter(name, _distinct([*first, *annotation, *(() if annotation and by_name else _ANY)]))
    number = parameter.default is None or (
        isinstance(parameter.default, int) and not isinstance(parameter.default, bool)
    )
    if by_name and number and (_IN.fullmatch(name) or _SAME.fullmatch(name) or (_OUT.fullmatch(name))):
        # A default of None or an integer is a placeholder for a width that callers pass.
        return Parameter(name, _distinct([*by_name[:2], UNSET]))
    if _STRIDE.fullmatch(name):
        return Parameter(name, ("stride", UNSET))
    # Other parameters keep their defaults: each additional parameter multiplies the trials.
    return None


def _by_name(name: str, *, lone: bool) -> tuple[str, ...]:
    if _STRIDE.fullmatch(name):
        return ("stride", "1", "2", "(1, 1)")
    if _IN.fullmatch(name):
        return ("channels_in", "channels_out", "channels_in // 2")
    if _OUT.fullmatch(name):
        return ("channels_out", "channels_out // 4", "channels_out // 2", "channels_in", "channels_out - channels_in")
    if _SAME.fullmatch(name):
        return ("channels_in", "channels_out") if lone else ("channels_out", "channels_in", "channels_in // 4")
    for pattern, guesses in _RULES:
        if re.fullmatch(pattern, name):
            return guesses
    if _MIDDLE.fullmatch(name):
        return _WIDTHS
    return ()


def _by_annotation(annotation: str) -> tuple[str, ...]:
    return next((guesses for kind, guesses in _BY_ANNOTATION if kind in annotation), ())


def _seen(name: str, names: Sequence[str], calls: Sequence[Call]) -> list[str]:
    """The literals that real calls pass for a parameter, the three most common first."""
    values: list[str] = []
    for positional, named in calls:
        given = {**dict(zip(names, positional, strict=False)), **named}
        value = given.get(name)
        if value is not None:
            values.append(value)
    return sorted(dict.fromkeys(values), key=lambda value: (-values.count(value), values.index(value)))[:3]


def _distinct(guesses: Sequence[str]) -> tuple[str, ...]:
    # Eight at most: each guess multiplies the trials.
    return tuple(dict.fromkeys(guesses))[:8]


def assignments(parameters: Sequence[Parameter], limit: int) -> Iterator[dict[str, str]]:
    """Guesses for all parameters together: the first of each, one width for all inner ones, then less likely ones."""
    # One generator in both places, so that the first choice is not tried twice.
    ranked = _by_rank(parameters)
    return islice(chain(islice(ranked, 1), _alike(parameters), ranked), limit)


def _alike(parameters: Sequence[Parameter]) -> Iterator[dict[str, str]]:
    """The first guess of each, but one common width where three or more parameters set inner widths."""
    inner = {p.name for p in parameters if p.guesses == _WIDTHS}
    # Blocks of the Inception kind have half a dozen inner widths, whose combinations would use up all trials.
    if len(inner) > 2:
        for width in _WIDTHS:
            first = {p.name: width if p.name in inner else p.guesses[0] for p in parameters}
            yield {name: guess for name, guess in first.items() if guess != UNSET}


def _by_rank(parameters: Sequence[Parameter]) -> Iterator[dict[str, str]]:
    most = sum(len(p.guesses) - 1 for p in parameters)
    for rank in range(most + 1):
        for choice in _choices([len(p.guesses) for p in parameters], rank):
            yield {p.name: p.guesses[i] for p, i in zip(parameters, choice, strict=True) if p.guesses[i] != UNSET}


def _choices(counts: Sequence[int], rank: int) -> Iterator[tuple[int, ...]]:
    """The index tuples within `counts` that sum to `rank`."""
    if not counts:
        yield from [()] if not rank else []
        return
    for first in range(min(rank, counts[0] - 1), -1, -1):
        yield from ((first, *rest) for rest in _choices(counts[1:], rank - first))
