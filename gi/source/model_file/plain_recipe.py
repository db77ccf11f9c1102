"""A plain recipe for a file that has none: put in before a run, and taken out again of what is the user's own."""

import ast

from gi.source.identity.dead_code import dead
from gi.source.model_file.entry_points import bound_names
from gi.source.tree.imports import spelling, with_import
from gi.source.tree.statements import delete_statements
from gi.source.tree.tree import parse

# A one-cycle schedule suits any number of steps, which is all that is known of the training here; evolution changes the
# rest.
_RECIPE = """

def recipe(net, steps):
    optimizer = {AdamW}(net.parameters(), lr=0.003, weight_decay=0.01)
    scheduler = {OneCycleLR}(optimizer, max_lr=0.01, total_steps=steps)
    loss = {CrossEntropyLoss}()
    augmentation = None
    return optimizer, scheduler, loss, augmentation
"""
_SYMBOLS = ("torch.optim.AdamW", "torch.optim.lr_scheduler.OneCycleLR", "torch.nn.CrossEntropyLoss")


def with_recipe(text: str) -> str:
    """The text with a plain `recipe` at its end, and the imports that this needs, where it has none."""
    source = parse(text)
    if "recipe" in bound_names(source.tree):
        return text
    spelled = {}
    for symbol in _SYMBOLS:
        spelled[symbol.rpartition(".")[2]], line = spelling(source, symbol)
        if line:
            source = parse(source.edited([with_import(source, line)]))
    return source.text.rstrip("\n") + "\n" + _RECIPE.format(**spelled)


def without_plain_recipe(text: str, original: str, entry: str = "Net") -> str:
    """A descendant of `with_recipe(original)` without the recipe, where `original` had none and it is still as put in.

    With it go the imports that were put in for it; whatever the file itself had stays, used or not.
    """
    source, first = parse(text), parse(with_recipe(original))
    recipe, plain = source.functions.get("recipe"), first.functions.get("recipe")
    # Compared as trees, since evolution may have moved the recipe and its layout without changing it.
    if recipe is None or plain is None or first.text == original or ast.dump(recipe) != ast.dump(plain):
        return text
    rest = parse(source.edited(delete_statements(source, [recipe])))
    # The user's own imports stay, also those that only `recipe` could have used: a patch is about the network.
    own = {ast.dump(s) for s in parse(original).tree.body}
    put_in = [s for (kind, *_), s in dead(rest, entry).items() if kind == "import" and ast.dump(s) not in own]
    return rest.edited(delete_statements(rest, put_in)).rstrip("\n") + "\n"
