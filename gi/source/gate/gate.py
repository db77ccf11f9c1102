"""The gate's rules: the reasons to refuse a program's text, found by static analysis.

A pure function over the text. It refuses what is not a network and its recipe, not what is slow or wrong; and it is one
of two barriers, since a program that passes still needs the worker's limits. Code that runs programs asks `Gate`
(`gi.source.gate.passing`), which caches the answers and knows the texts that the user trusts.
"""

import ast
import warnings

from gi.source.gate.allowed import allowed
from gi.source.gate.attributes import attribute_refusals
from gi.source.gate.classes import class_refusals, function_refusals, top_refusals
from gi.source.gate.flow.analysis import followed
from gi.source.gate.hoisting import hoisted
from gi.source.gate.kept_tensors import kept_tensor_refusals
from gi.source.gate.names import import_refusals, name_refusals
from gi.source.gate.program import GatedProgram
from gi.source.gate.reached import reached_part
from gi.source.gate.refusal import GateRefusal
from gi.source.gate.spelled import LOOKING_UP, spelled
from gi.source.gate.state import state_refusals
from gi.source.gate.syntax import literal_refusals, syntax_refusals
from gi.source.gate.text import depth_refusals, text_refusals

_RULES = (
    import_refusals,
    name_refusals,
    class_refusals,
    function_refusals,
    top_refusals,
    syntax_refusals,
    literal_refusals,
)


def refusals(text: str, entry: str = "") -> tuple[GateRefusal, ...]:
    """Every refusal of a decoded text, by line and column; () for one that passes.

    With an `entry`, a name that may be called with literals, definitions that it, the recipe and the import of the text
    cannot reach are skipped, since nothing calls them. Raises nothing: a text that does not parse, or that exhausts the
    parser, is refused by the rule "parse".
    """
    refused = list(text_refusals(text))
    if refused:
        return tuple(sorted(refused))
    try:
        # A parser that warns about an escape writes to stderr, once for each text.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        return (GateRefusal(error.lineno or 1, max((error.offset or 1) - 1, 0), "parse", str(error.msg)),)
    except (ValueError, MemoryError, RecursionError) as error:
        return (GateRefusal(1, 0, "parse", f"the parser gives up: {type(error).__name__}"),)
    refused = list(depth_refusals(tree))
    if not refused:
        tree = hoisted(tree)
        # Other letters for the same name stay as they are, and are refused for the name.
        if any(name in text for name in LOOKING_UP):
            tree = spelled(tree)
        name, _, arguments = entry.partition("(")
        given_lists = name if "[" in arguments or "{" in arguments else ""
        program = GatedProgram(reached_part(tree, name) if name else tree, allowed(), given_lists, name)
        try:
            refused = [refusal for rule in _RULES for refusal in rule(program)]
            flow = followed(program)
            refused += [*attribute_refusals(program, flow), *state_refusals(program, flow)]
            refused += kept_tensor_refusals(program, flow.hidden.tensors())
        except RecursionError:  # names bound to each other in a long chain
            refused = [GateRefusal(1, 0, "nesting", "names bound to each other in too long a chain")]
    return tuple(sorted(set(refused)))
