"""Rewrites `getattr`, `hasattr` and `setattr` with a literal name as attributes.

`getattr(layer, "weight")` is `layer.weight`, and in that form every rule over attributes applies to it. A call with a
computed name stays, and is refused for the name of the builtin.
"""

import ast

_BUILTINS = {"getattr": (2, 3), "hasattr": (2, 2), "setattr": (3, 3)}


def spelled(tree: ast.Module) -> ast.Module:
    """The tree with attributes in place of `getattr`, `hasattr` and `setattr` with a literal name.

    Only where the text binds none of these names itself, in any scope: then they are the builtins.
    """
    nodes = list(ast.walk(tree))
    if not any(isinstance(n, ast.Name) and n.id in _BUILTINS for n in nodes) or any(map(_binds, nodes)):
        return tree
    written: ast.Module = _WritingOut().visit(tree)
    return ast.fix_missing_locations(written)


def _binds(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return name in _BUILTINS
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name in _BUILTINS
        case ast.alias():
            return (node.asname or node.name) in _BUILTINS
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return name in _BUILTINS
        case ast.MatchMapping(rest=name):
            return name in _BUILTINS
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return not _BUILTINS.keys().isdisjoint(names)
    return False


class _WritingOut(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = _looked_up(node)
        if not name or not isinstance(node.func, ast.Name) or node.func.id == "setattr":
            return node
        read = ast.copy_location(ast.Attribute(node.args[0], name, ast.Load()), node)
        if node.func.id == "hasattr":
            # The rules for reading an attribute cover the question whether it exists; the result is a bool.
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
    """The literal name that a call of `_BUILTINS` looks up; "" for another call or a computed name."""
    if not isinstance(call.func, ast.Name) or call.func.id not in _BUILTINS or call.keywords:
        return ""
    least, most = _BUILTINS[call.func.id]
    if not least <= len(call.args) <= most or any(isinstance(a, ast.Starred) for a in call.args):
        return ""
    name = call.args[1]
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str) or name.value.startswith("__"):
        return ""
    return name.value if name.value.isidentifier() else ""
