"""What each call of an imported module really calls, asked of Python itself: names evaluated, never matched."""

import ast
import builtins
import functools
import importlib
from dataclasses import dataclass

UNJUDGED = object()


@dataclass
class Judged:
    """One call of a file. `why` is "" where `thing` is what it calls, else why this truth cannot say."""

    call: ast.Call
    thing: object = None
    why: str = ""


class Frame:
    """A function's names: parameters with their default expressions, local assignments, local imports."""

    def __init__(self, node, outer):
        self.node, self.outer = node, outer
        self.bindings = {}  # name -> list of (expression or object) or UNJUDGED
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
        positional += arguments.kwonlyargs
        for arg, default in zip(positional, [*defaults, *arguments.kw_defaults], strict=True):
            self.bindings[arg.arg] = [UNJUDGED if default is None else ("default", default)]
        for arg in (arguments.vararg, arguments.kwarg):
            if arg:
                self.bindings[arg.arg] = [UNJUDGED]

    def collect(self, module):
        todo = list(self.node.body) if isinstance(self.node.body, list) else [self.node.body]
        while todo:
            node = todo.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.bind(node.name, UNJUDGED)
                continue
            if isinstance(node, ast.Lambda):
                continue
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self.bind(node.targets[0].id, ("local", node.value))
                todo.append(node.value)
                continue
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self.imports(node, module)
            if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
                self.bind(node.id, UNJUDGED)
            if isinstance(node, ast.ExceptHandler) and node.name:
                self.bind(node.name, UNJUDGED)
            todo.extend(ast.iter_child_nodes(node))

    def bind(self, name, value):
        self.bindings.setdefault(name, []).append(value)

    def imports(self, node, module):
        for alias in node.names:
            try:
                if isinstance(node, ast.Import):
                    thing = importlib.import_module(alias.name if alias.asname else alias.name.split(".")[0])
                else:
                    base = importlib.import_module("." * node.level + (node.module or ""), module.__package__)
                    thing = getattr(base, alias.name)
                self.bind(alias.asname or alias.name.split(".")[0], ("object", thing))
            except (ImportError, AttributeError):
                self.bind(alias.asname or alias.name, UNJUDGED)


class Judge:
    def __init__(self, module, tree):
        self.module, self.globals = module, vars(module)
        self.out = []
        self.visit(tree, None, frozenset())

    def visit(self, node, frame, bound):
        if isinstance(node, ast.JoinedStr):
            return  # the product leaves calls inside f-strings out, and says so
        if isinstance(node, ast.Call):
            self.judge(node, frame, bound)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inner = Frame(node, frame)
            inner.collect(self.module)
            body = node.body if isinstance(node.body, list) else [node.body]
            for child in ast.iter_child_nodes(node):
                self.visit(child, inner if child in body else frame, bound)
            return
        if isinstance(node, ast.ClassDef):  # names of a class body: those that the body binds are not judged
            assigned = (n for s in node.body if isinstance(s, (ast.Assign, ast.AnnAssign)) for n in ast.walk(s))
            names = {n.id for n in assigned if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            for child in ast.iter_child_nodes(node):
                inside = child in node.body and not isinstance(child, ast.FunctionDef)
                self.visit(child, frame, bound | names if inside else bound)
            return
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            bound = bound | {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for child in ast.iter_child_nodes(node):
            self.visit(child, frame, bound)

    def judge(self, call, frame, bound):
        root = call.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            why = {"Call": "result of a call", "Subscript": "element of a container"}.get(type(root).__name__, "other")
            self.out.append(Judged(call, why=why if root is call.func else "method of a value"))
        elif root.id in ("self", "cls", "super") and root is not call.func:
            self.out.append(Judged(call, why="attribute of self"))
        else:
            things = self.evaluate(call.func, frame, bound, 0)
            known = [t for t in things if t is not None and t is not UNJUDGED]
            if UNJUDGED in things or not known:
                why = "local name" if root is call.func else "method of a value"
                self.out.append(Judged(call, why=why))
            else:
                self.out.append(Judged(call, known))

    def evaluate(self, node, frame, bound, depth):
        """Every object that an expression may stand for; UNJUDGED among them where one way is not known."""
        if depth > 8:
            return [UNJUDGED]
        if isinstance(node, ast.Constant):
            return [node.value]
        if isinstance(node, ast.Name):
            return [UNJUDGED] if node.id in bound else self.name(node.id, frame, depth)
        if isinstance(node, ast.Attribute):
            out = []
            for base in self.evaluate(node.value, frame, bound, depth + 1):
                out.append(UNJUDGED if base is UNJUDGED or base is None else getattr(base, node.attr, UNJUDGED))
            return out
        if isinstance(node, ast.IfExp):
            return [t for way in (node.body, node.orelse) for t in self.evaluate(way, frame, bound, depth + 1)]
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            return [t for way in node.values for t in self.evaluate(way, frame, bound, depth + 1)]
        if not isinstance(node, ast.Call) or not node.args:
            return [UNJUDGED]
        is_partial = self.evaluate(node.func, frame, bound, depth + 1) == [functools.partial]
        return self.evaluate(node.args[0], frame, bound, depth + 1) if is_partial else [UNJUDGED]

    def name(self, name, frame, depth):
        while frame is not None:
            if name in frame.bindings:
                out = []
                for binding in frame.bindings[name]:
                    if binding is UNJUDGED:
                        out.append(UNJUDGED)
                    elif binding[0] == "object":
                        out.append(binding[1])
                    elif binding[0] == "default":
                        out += self.evaluate(binding[1], frame.outer, frozenset(), depth + 1)
                    elif isinstance(binding[1], ast.Name) and binding[1].id == name:
                        continue
                    else:
                        ways = self.evaluate(binding[1], frame, frozenset(), depth + 1)
                        out += ways
                return list({id(t): t for t in out}.values())
            frame = frame.outer
        if name in self.globals:
            return [self.globals[name]]
        return [getattr(builtins, name, UNJUDGED)]
