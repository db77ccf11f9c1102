"""Attributes that are named by a text, read as the attributes that they are.

`getattr(layer, "weight")` is `layer.weight`, and every rule over attributes holds for it, once it is written so. What
is looked up by a text that is not there to be read stays as it is, and is refused for the name of the builtin.
"""

import ast

#: Builtins that look an attribute up by its name, and how many arguments they take.
LOOKING_UP = {"getattr": (2, 3), "hasattr": (2, 2), "setattr": (3, 3)}


def spelled(tree: ast.Module) -> ast.Module:
    """The tree with attributes in place of `getattr`, `hasattr` and `setattr` with a literal name.

    Only where the text binds none of these names itself, in any scope: then they are the builtins.
    """
    nodes = list(ast.walk(tree))
    if not any(isinstance(n, ast.Name) and n.id in LOOKING_UP for n in nodes) or any(map(_binds, nodes)):
        return tree
    written: ast.Module = _WritingOut().visit(tree)
    return ast.fix_missing_locations(written)


def _binds(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return name in LOOKING_UP
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name in LOOKING_UP
        case ast.alias():
            return (node.asname or node.name) in LOOKING_UP
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return name in LOOKING_UP
        case ast.MatchMapping(rest=name):
            return name in LOOKING_UP
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return not LOOKING_UP.keys().isdisjoint(names)
    return False


class _WritingOut(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = _looked_up(node)
        if not name or not isinstance(node.func, ast.Name) or node.func.id == "setattr":
            return node
        read = ast.copy_location(ast.Attribute(node.args[0], name, ast.Load()), node)
        if node.func.id == "hasattr":
            # Whether it is there is no more than what it is: a truth about it.
            return ast.copy_location(ast.Call(ast.Name("bool", ast.Load()), [read], []), node)
        if len(node.args) == 2:
            return read
        return ast.copy_location(ast.IfExp(ast.Constant(True), read, node.args[2]), node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        call = node.value
        name = _looked_up(call) if isinstance(call, ast.Call) else ""
        if not name or not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return node
        if call.func.id != "setattr":
            return node
        target = ast.copy_location(ast.Attribute(call.args[0], name, ast.Store()), call)
        return ast.copy_location(ast.Assign([target], call.args[2]), node)


def _looked_up(call: ast.Call) -> str:
    """The name that a call looks up, "" where it is none of these calls or its name is not written in it."""
    if not isinstance(call.func, ast.Name) or call.func.id not in LOOKING_UP or call.keywords:
        return ""
    least, most = LOOKING_UP[call.func.id]
    if not least <= len(call.args) <= most or any(isinstance(a, ast.Starred) for a in call.args):
        return ""
    name = call.args[1]
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str) or name.value.startswith("__"):
        return ""
    return name.value if name.value.isidentifier() else ""
