"""Text to LibCST tree: guarded parsing, and the tree's nodes in source order without LibCST's slow visitors."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

import libcst as cst

from gi.core.errors import SourceError
from gi.core.text_lines import MAX_LINES

_MAX_DEPTH: Final = 1000  # LibCST's parser overflows the C stack somewhere above 1,000 levels
_MAX_BRACKETS: Final = 200  # CPython's own limit

_TRIVIA = frozenset(
    {"lpar", "rpar", "lbracket", "rbracket", "lbrace", "rbrace", "comma", "semicolon", "equal", "footer"}
)
_LEAVES: Final = frozenset(
    {"FormattedString", "TemplatedString", "Name", "SimpleString", "Integer", "Float", "Imaginary"}
)
# Fields of nodes whose dataclass does not list them in source order.
_SOURCE_ORDER: Final = {
    "FunctionDef": ("decorators", "type_parameters", "params", "returns", "body"),
    "ClassDef": ("decorators", "type_parameters", "bases", "keywords", "body"),
    "Parameters": ("posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg"),
    "IfExp": ("body", "test", "orelse"),
    "ExceptHandler": ("type", "body"),
    "ExceptStarHandler": ("type", "body"),
    "MatchCase": ("pattern", "guard", "body"),
    # Keywords, attributes and imported names are `Name` nodes that refer to nothing in scope: a walk must not take them
    # for names that are read.
    "Arg": ("value",),
    "Attribute": ("value",),
    "Import": (),
    "ImportFrom": (),
}
# Field names by node type: looked up once for each type instead of once for each node.
_children: dict[type, tuple[str, ...]] = {}

_CHAIN_WORD = re.compile(r"\b(?:and|or)\b")
# Strings, comments, the words and signs that nest, and the signs that end a chain of them.
_TOKEN = re.compile(
    r"""(?P<string>[rbuftRBUFT]{0,2}(?:'{3}(?:[^\\]|\\.)*?'{3}|"{3}(?:[^\\]|\\.)*?"{3}|'(?:[^\\\n']|\\.)*'|"(?:[^\\\n"]|\\.)*"))"""
    r"""|(?P<comment>\#[^\r\n]*)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>[,;\r\n])"""
    r"""|(?P<nest>\b(?:and|or|not|lambda|if|else|elif|await|in|is)\b|[-+~*/%@&|^<>=.]+)""",
    re.DOTALL,
)


def parse(text: str) -> tuple[cst.Module, ast.Module | None]:
    """The LibCST tree of a text, and Python's own tree where the running Python knows the syntax.

    Raises:
        SourceError: "line:column: what is wrong" for a text that is not Python 3, is too long or nests too deeply.
    """
    if text.count("\n") >= MAX_LINES:
        raise SourceError(f"{MAX_LINES + 1}:1: the text is longer than {MAX_LINES:,} lines, which gi does not read.")
    # One character for one, so that offsets stay those of the given text. `ast` refuses a byte order mark; a form feed
    # at the start of a line means nothing to either parser.
    source = re.sub("\r(?!\n)", "\n", text).replace("\ufeff", "\f", 1) if "\r" in text or "\ufeff" in text[:1] else text
    try:
        tree = _python_tree(source)
        _refuse_deep_nesting(source, sure=tree is not None)
        return cst.parse_module(source), tree
    except cst.ParserSyntaxError as error:
        raise SourceError(_located(source, error)) from None
    except (RecursionError, MemoryError):
        raise SourceError("1:1: the text nests too deeply to be read. Split its longest expression.") from None
    except UnicodeError as error:
        raise SourceError(f"1:1: the text holds characters that no file can hold ({error}).") from None


def _python_tree(source: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            # CPython's own limits on nesting; any other error may be syntax that this Python is too old for.
            if "too many" in (error.msg or ""):
                raise SourceError(f"{error.lineno or 1}:{error.offset or 1}: {error.msg}.") from None
            return None
        except ValueError:  # null bytes: LibCST says where
            return None


def _refuse_deep_nesting(source: str, *, sure: bool) -> None:
    """Raises `SourceError` for a text that would overflow the stack of LibCST's parser, which has no guard of its own.

    Where Python itself has parsed the text (`sure`), only two constructs can still be too deep, because `ast` flattens
    them: chains of and/or and of adjacent strings. Counting those words first keeps this off nearly every text.
    """
    if sure and len(_CHAIN_WORD.findall(source)) < _MAX_DEPTH and source.count('"') + source.count("'") < _MAX_DEPTH:
        return
    chain, brackets = [0], 0
    for token in _TOKEN.finditer(source):
        kind = token.lastgroup
        if kind in ("nest", "string"):
            chain[-1] += 1 if sure or kind == "nest" else _depth_bound(token.group())
        elif kind == "open":
            chain.append(chain[-1] + 1)
        elif kind == "close" and len(chain) > 1:
            chain.pop()
            chain[-1] += 1
        elif kind == "end" and (token.group() in ",;" or len(chain) == 1):
            chain[-1] = chain[-2] + 1 if len(chain) > 1 else 0
        brackets = max(brackets, len(chain))
        if chain[-1] > _MAX_DEPTH or brackets > _MAX_BRACKETS:
            line = source.count("\n", 0, token.start()) + 1
            raise SourceError(f"{line}:1: the text nests too deeply to be read. Split its longest expression.")


def _depth_bound(string: str) -> int:
    """An upper bound for the depth of expressions inside a string: 1 where it is no f-string."""
    if "{" not in string or not {"f", "F", "t", "T"} & set(string[:2]):
        return 1
    return 1 + sum(map(string.count, ("(", "[", "{", ".", "-", "+", "~", "*", "/", " ")))


def _located(source: str, error: cst.ParserSyntaxError) -> str:
    """Line, column and message of a syntax error: Python's where it reports one, since LibCST's place is often 1:1."""
    try:
        ast.parse(source)
    except SyntaxError as own:
        return f"{own.lineno or 1}:{own.offset or 1}: {own.msg}."
    except ValueError:
        pass
    match = re.search(r"error at (\d+):(\d+): (.*)", str(error))
    if match:
        return f"{match[1]}:{int(match[2]) + 1}: invalid syntax."
    return f"{error.raw_line}:{error.raw_column + 1}: invalid syntax."


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes directly under a node in source order, without whitespace, brackets, and the insides of f-strings."""
    kind = type(node)
    for name in _children.get(kind) or _child_fields(kind):
        value = getattr(node, name)
        if value.__class__ is tuple or value.__class__ is list:
            yield from value
        elif isinstance(value, cst.CSTNode):
            yield value


def _child_fields(kind: type) -> tuple[str, ...]:
    if kind.__name__ in _LEAVES:
        names: tuple[str, ...] = ()
    else:
        names = _SOURCE_ORDER.get(kind.__name__) or tuple(
            f.name
            for f in fields(kind)
            if f.name not in _TRIVIA
            and "whitespace" not in f.name
            and not f.name.endswith(("lines", "header", "operator"))
        )
    _children[kind] = names or ("__class__",)  # truthy, and no node
    return _children[kind]


def calls_in_source_order(module: cst.Module) -> list[cst.Call]:
    """Every call outside f-strings: by where it starts, an outer call before the calls in it."""
    calls: list[cst.Call] = []
    stack: list[cst.CSTNode] = [module]
    while stack:
        node = stack.pop()
        if node.__class__ is cst.Call:
            calls.append(node)
        stack.extend(reversed(list(children(node))))
    return calls
