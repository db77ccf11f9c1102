"""Crossover in the recipe: one call for a call of its type, with a learning rate that fits both the old and the new."""

from gi.source.tree.tree import Replacement
from gi.vary.genes import RECIPE_FORM
from gi.vary.hosts.host import Host, donor
from gi.vary.hosts.recipe_code import with_fitting_rate
from gi.vary.operators.proposal import OperatorContext, Proposal, call_text, edit, proposal, same


def recipe_crossover(host: Host, means: OperatorContext) -> Proposal | None:
    """One call of the recipe becomes one of its type from the stock, with a learning rate that fits."""
    genes = [(part, gene) for part in host.parts for gene in part.genes]
    if not genes:
        return None
    part, gene = means.rng.choice(genes)
    ingredient = donor(means.stock, gene.type, RECIPE_FORM, means.rng)
    # Of logits it has no lower bound, and a training that runs away to minus infinity looks like a success to no check.
    if ingredient is None or (ingredient.symbol.endswith(".NLLLoss") and not _gives_log_probabilities(host)):
        return None
    bound = call_text(host, ingredient, host.recipe_names, means)
    if bound is None:
        return None
    code, more = bound[0], list[Replacement]()
    # A rate is fitted where the whole part is one call: in a chain of schedules the outer call decides what the number
    # means.
    if part.expression is gene.call:
        code, more = with_fitting_rate(host, gene.type, ingredient, code)
    if same(code, host.source.code(gene.call)):
        return None
    replacements = [host.source.replace(gene.call, code), *bound[1], *more]
    return proposal(host, replacements, edit("crossover", host, gene, code, ingredient))


def _gives_log_probabilities(host: Host) -> bool:
    """Whether the network ends with a logarithmic softmax: of anything else `NLLLoss` has no least value."""
    symbol = host.genes[-1].symbol if host.genes else ""
    return symbol.rpartition(".")[2].replace("_", "").lower() == "logsoftmax"
