"""The models that a file defines: which one is meant, and the entry that builds it."""

import ast
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gi.core.errors import ConfigError, SourceError
from gi.source.tree.entry import entry_call, entry_name, is_entry
from gi.source.tree.imports import resolve
from gi.source.tree.tree import Source, parse

Model: TypeAlias = ast.ClassDef | ast.FunctionDef

_NETWORKS = ("torch.nn.", "torch.jit.ScriptModule")
"""Where torch's classes are networks: one of `torch.autograd.Function`, `torch.optim.Optimizer` is none."""
# Parameters that switch on further outputs in published models: aux_logits, return_features, deep_supervision.
_FLAG = re.compile(r"(.*_)?(aux|return|output|deep|attn|attention|features|supervision|logits)(_.*|s)?")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a model can be built with: names in order, the defaults' texts, and whether others are taken too."""

    positional_only: tuple[str, ...]
    named: tuple[str, ...]
    defaults: Mapping[str, str]
    takes_any: bool

    def missing(self, given: Mapping[str, str]) -> list[str]:
        """The parameters that have no value yet."""
        return [n for n in (*self.positional_only, *self.named) if n not in self.defaults and n not in given]

    def unknown(self, given: Mapping[str, str]) -> list[str]:
        """The given names that the model does not take."""
        return [] if self.takes_any else [n for n in given if n not in (*self.positional_only, *self.named)]


def entry_of(text: str, name: str | None, arguments: Sequence[str] = ()) -> str:
    """The entry of the model `name` with `arguments` ("width=8"), or of the one that is meant where none is named.

    That is `Net`, else the one class that can be built with these arguments and that no other class is built from,
    else the one function. Raises `SourceError` for none and for several, `ConfigError` for arguments that are wrong.
    """
    source, given = parse(text), _given(arguments)
    # The user's own word comes first; without one a guess has to be the only candidate.
    chosen = name or _meant(source, given)
    if chosen not in bound_names(source.tree):
        choice = ", ".join(m.name for m in _models(source)) or "none"
        raise SourceError(f"defines no model {chosen!r}: choose from {choice}.")
    parameters = _parameters(source, chosen)
    if parameters is None:
        return _expression(chosen, Parameters((), (), {}, takes_any=True), given)
    if unknown := parameters.unknown(given):
        takes = ", ".join((*parameters.positional_only, *parameters.named)) or "no arguments"
        raise ConfigError(f"--arg {unknown[0]}={given[unknown[0]]}: {chosen} takes {takes}.")
    if missing := parameters.missing(given):
        raise SourceError(f"{_needs(chosen, missing)}.")
    return _expression(chosen, parameters, given)


def bound_names(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top level, under conditions too."""
    return set(_bound(tree.body))


def _bound(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        else:
            yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            for inner in ("body", "orelse", "finalbody"):
                yield from _bound(getattr(node, inner, []))
            yield from (name for handler in getattr(node, "handlers", []) for name in _bound(handler.body))


def entries_of_user(text: str, entry: str) -> list[str]:
    """How a user builds a model: as it was asked for, and by its own defaults where every parameter has one."""
    name = entry_name(entry)
    return [entry, name] if name != entry and _can_be_built(parse(text), name, {}) else [entry]


def output_flag(text: str, entry: str) -> str:
    """The argument that may end an output of several tensors, "aux_logits=False"; "" where the model has none such.

    That is a parameter that is true and named like what adds an output.
    """
    source, call = parse(text), ast.parse(entry_call(entry), mode="eval").body
    parameters = _parameters(source, entry_name(entry))
    given = {k.arg: ast.unparse(k.value) for k in call.keywords if k.arg} if isinstance(call, ast.Call) else {}
    values = {**(parameters.defaults if parameters else {}), **given}
    return next((f"{n}=False" for n, v in values.items() if v == "True" and _FLAG.fullmatch(n)), "")


def script_line(text: str) -> int:
    """The line of the first statement that does a script's work when the file is imported; 0 where none does."""
    for node in parse(text).tree.body:
        if isinstance(node, ast.For | ast.While | ast.With):
            # An assignment that calls something is as likely a script's: `model = train(...)`, `args =
            # parser.parse_args()`.
            return node.lineno
        calls = isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call)
        # What modules of models do at import: set a seed, silence warnings, extend a path or a registry.
        if calls and not re.search(r"seed|filterwarnings|append|insert|getLogger|basicConfig", ast.unparse(node)):
            return node.lineno
    return 0


# Arguments -----------------------------------------------------------------------------------------------------------


def _given(arguments: Sequence[str]) -> dict[str, str]:
    """The arguments' values in Python's own spelling, by name."""
    given = dict[str, str]()
    for argument in arguments:
        name, equals, value = (part.strip() for part in argument.partition("="))
        if not equals or not name.isidentifier() or keyword.iskeyword(name):
            raise ConfigError(f"--arg {argument}: write it as name=value.")
        if name in given:
            raise ConfigError(f"--arg {argument}: {name} is given twice.")
        try:
            ast.literal_eval(value)
            given[name] = ast.unparse(ast.parse(value, mode="eval"))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            # A literal alone: an expression would be evaluated in the file's scope, and the entry is stored in the
            # run's file, which may come from a stranger.
            raise ConfigError(
                f"--arg {argument}: {value} is no literal: write a number, True, None, a list, or a text in quotes "
                f"of its own (--arg \"{name}='text'\")."
            ) from None
    return given


def _expression(name: str, parameters: Parameters, given: Mapping[str, str]) -> str:
    """The call that builds a model; its bare name where it takes no arguments.

    Raises `ConfigError` where a default that has to be written out is no literal: an entry is made of these alone.
    """
    if not given:
        return name
    # Parameters that are positional only have to be given in order, so those before a given one are written out.
    places = [n for n, only in enumerate(parameters.positional_only) if only in given]
    first = parameters.positional_only[: places[-1] + 1] if places else ()
    positional = [given.get(n) or parameters.defaults[n] for n in first]
    for n, value in zip(first, positional, strict=True):
        if not is_entry(f"{name}({value})"):
            raise ConfigError(
                f"--arg {first[-1]}: {n} comes before it and is {value} by default: pass --arg {n}=VALUE."
            )
    return f"{name}({', '.join([*positional, *(f'{n}={v}' for n, v in given.items() if n not in first)])})"


def _needs(name: str, missing: Sequence[str]) -> str:
    return f"{name} needs {', '.join(missing)}: pass " + " ".join(f"--arg {n}=VALUE" for n in missing)


def _parameters(source: Source, name: str) -> Parameters | None:
    """What the model `name` takes; None where its text does not say (an import, a partial, an inherited start)."""
    # The last definition of a name is the one that Python keeps.
    definition = next((m for m in reversed(_models(source)) if m.name == name), None)
    if isinstance(definition, ast.FunctionDef):
        # A decorator may give the function another signature.
        return None if definition.decorator_list else _signature(definition, skipped=0)
    return _class_parameters(source, definition) if definition is not None else None


def _class_parameters(source: Source, model: ast.ClassDef) -> Parameters | None:
    for owner in _line_of_bases(source, model):
        start = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if start is not None:
            return _signature(start, skipped=1)
        if owner.decorator_list:  # a data class, say
            return None
    last = _line_of_bases(source, model)[-1]
    # Without a start of its own a class takes that of its base; torch.nn.Module takes nothing, other bases of torch are
    # not read here.
    plain = all(resolve(source, base) == "torch.nn.Module" for base in last.bases)
    return Parameters((), (), {}, takes_any=False) if plain else None


def _line_of_bases(source: Source, model: ast.ClassDef) -> list[ast.ClassDef]:
    """A class and the first bases that stand in the same file."""
    line, classes = [model], {n.name: n for n in source.tree.body if isinstance(n, ast.ClassDef)}
    while True:
        bases = [classes[b.id] for b in line[-1].bases if isinstance(b, ast.Name) and b.id in classes]
        if not bases or bases[0] in line:
            # A class may name itself as its base where a name is bound twice.
            return line
        line.append(bases[0])


def _signature(function: ast.FunctionDef, *, skipped: int) -> Parameters:
    a = function.args
    ordered = [*a.posonlyargs, *a.args]
    defaults = {p.arg: ast.unparse(d) for p, d in zip(ordered[::-1], a.defaults[::-1], strict=False)}
    defaults |= {p.arg: ast.unparse(d) for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None}
    only = a.posonlyargs[skipped:]
    named = [*a.args[max(skipped - len(a.posonlyargs), 0) :], *a.kwonlyargs]
    return Parameters(tuple(p.arg for p in only), tuple(p.arg for p in named), defaults, takes_any=a.kwarg is not None)


# Which one is meant --------------------------------------------------------------------------------------------------


def _models(source: Source) -> list[Model]:
    """The classes that may be networks and the functions that give something back, in the order of the text."""
    body = source.tree.body
    return [n for n in body if _may_be_network(source, n) or _gives_something(n)]  # type: ignore[misc]


def _may_be_network(source: Source, node: ast.stmt) -> bool:
    """Whether a statement defines a class with bases that none of torch's shows to be something else."""
    if not isinstance(node, ast.ClassDef) or not node.bases:
        return False
    bases = [resolve(source, base) for owner in _line_of_bases(source, node) for base in owner.bases]
    return not any(base.startswith("torch.") and not base.startswith(_NETWORKS) for base in bases)


def _gives_something(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef) or node.name == "recipe":
        return False
    return any(isinstance(n, ast.Return) and n.value is not None for n in ast.walk(node))


def _meant(source: Source, given: Mapping[str, str]) -> str:
    """The name of the model that is meant where the user names none."""
    models = _models(source)
    networks = [m for m in models if isinstance(m, ast.ClassDef) and _is_network(source, m)]
    # gi's own convention comes first, so that files written for it are never ambiguous.
    if any(m.name == "Net" for m in models):
        return "Net"
    # A class that another class builds is a part of a network.
    parts = {n.id for m in networks for n in ast.walk(m) if isinstance(n, ast.Name) and n.id != m.name}
    whole = [m for m in networks if m.name not in parts]
    returning = [m for m in models if isinstance(m, ast.FunctionDef)]
    # Beside classes a function that returns layers of torch's is a part; without any it is all that there is.
    factories = [m for m in returning if _mentions(m, networks)] or (
        [] if networks else _not_called([m for m in returning if _returns_layers(source, m)])
    )
    classes, functions = [m.name for m in whole], [m.name for m in factories]
    # Classes before functions: a factory of a class that can be built by itself is a second way to the same network.
    for candidates in (classes, functions):
        free = [n for n in candidates if _can_be_built(source, n, given)]
        if len(free) > 1:
            raise SourceError(f"defines {len(free)} models: {', '.join(free)}: name one, as FILE:{free[0]}.")
        if free:
            return free[0]
    named = classes or functions
    if not named:
        raise SourceError(
            "defines no model: a class with torch.nn.Module as its base, or a function that builds one."
            + _advice_on_built(source)
        )
    if len(named) > 1:
        choice = ", ".join((*classes, *functions))
        raise SourceError(f"defines no model that can be built {_with(given)}: name one of {choice}, as FILE:NAME.")
    return named[0]


def _is_network(source: Source, model: ast.ClassDef) -> bool:
    line = _line_of_bases(source, model)
    forward = any(isinstance(n, ast.FunctionDef) and n.name == "forward" for owner in line for n in owner.body)
    return forward or any(resolve(source, base).startswith("torch.nn.") for owner in line for base in owner.bases)


def _mentions(function: ast.FunctionDef, networks: Sequence[Model]) -> bool:
    names = {m.name for m in networks}
    return any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(function))


def _returns_layers(source: Source, function: ast.FunctionDef) -> bool:
    """Whether a function returns what it makes of torch's own layers, `nn.Sequential(...)` for one."""
    nodes = list(ast.walk(function))
    made = {t.id for n in nodes if isinstance(n, ast.Assign) and _is_layer(source, n.value)
            for t in n.targets if isinstance(t, ast.Name)}  # fmt: skip
    returned = [n.value for n in nodes if isinstance(n, ast.Return) and n.value is not None]
    return any(_is_layer(source, value) or (isinstance(value, ast.Name) and value.id in made) for value in returned)


def _is_layer(source: Source, value: ast.expr) -> bool:
    symbol = resolve(source, value.func) if isinstance(value, ast.Call) else ""
    return symbol.startswith("torch.nn.") and symbol.rpartition(".")[2][:1].isupper()


def _not_called(functions: Sequence[ast.FunctionDef]) -> list[ast.FunctionDef]:
    """Those that none of the others uses: the rest build parts."""
    return [f for f in functions if not any(_mentions(other, [f]) for other in functions if other is not f)]


def _advice_on_built(source: Source) -> str:
    """Advice for a file that builds a network at its top, where nothing else can build it again; "" for others."""
    built = (n for n in source.tree.body if isinstance(n, ast.Assign) and _is_layer(source, n.value))
    first = next(built, None)
    return f" Line {first.lineno} builds one once: put it into a function that returns it." if first else ""


def _can_be_built(source: Source, name: str, given: Mapping[str, str]) -> bool:
    parameters = _parameters(source, name)
    return parameters is None or not (parameters.missing(given) or parameters.unknown(given))


def _with(given: Mapping[str, str]) -> str:
    return f"with {', '.join(given)} alone" if given else "without arguments"
