import random

from gi.search.toolbox import run_toolbox
from gi.vary import OPERATORS, SHARES
from gi.vary.operators.table import FOR_TWO_PARENTS, FOR_UNEVEN_CLASSES
from gi.vary.variation import Plan
from tests import stand_ins


def toolbox(vary=stand_ins.vary):
    with stand_ins.made(stand_ins.PoolExecutor(1), variation=vary) as parts:
        return run_toolbox(parts)


def offspring(tools):
    return tools.vary(["8 1", "64 2"], rng=random.Random(3), known=set())


def test_every_operator_stands_in_the_toolbox_by_its_name_beside_the_steps_of_a_generation():
    tools = toolbox()
    assert {*stand_ins.OPERATORS, "vary", "select", "evaluate", "survive"} <= set(vars(tools))
    assert tools.tweak(["8 1"], random.Random(0)) == stand_ins.tweak(["8 1"], random.Random(0))


def test_variation_reads_operators_and_shares_from_the_toolbox():
    given = []
    tools = toolbox(lambda parents, **options: given.append(options))
    offspring(tools)
    assert given[0]["shares"] == stand_ins.SHARES == tools.vary.keywords["shares"]
    assert all(given[0]["operators"][name] is getattr(tools, name) for name in stand_ins.OPERATORS)


def test_an_operator_that_is_registered_anew_or_decorated_is_the_one_that_is_drawn():
    tools, drawn = toolbox(), []
    for name in stand_ins.OPERATORS:
        tools.register(name, lambda parents, rng: "9 9")
    assert offspring(tools).text == "9 9"

    def counted(operator):
        return lambda *arguments: drawn.append(operator) or operator(*arguments)

    for name in stand_ins.OPERATORS:
        tools.decorate(name, counted)
    assert offspring(tools).text == "9 9"
    assert len(drawn) == 1


def test_every_operator_of_variation_has_a_share_and_one_parent_draws_none_that_needs_two():
    assert set(OPERATORS) == set(SHARES)
    plan = Plan(SHARES)
    assert plan.drawn(parents=2) == (list(SHARES), list(SHARES.values()))
    assert set(plan.drawn(parents=1)[0]) == set(SHARES) - FOR_TWO_PARENTS
    assert set(plan.drawn(parents=2, uneven=False)[0]) == set(SHARES) - FOR_UNEVEN_CLASSES
