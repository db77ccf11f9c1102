"""How often the gate refuses what it should let through: `run.py PACKAGE...`, by default torchvision.

Each module class of a package, with all that it uses, is one text, as a block would bring it into a program. A class
that needs a package that no program may import is counted apart: the gate never sees it.
"""

import ast
import csv
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from gi.corpus.classes import ModuleClass, module_classes
from gi.corpus.flatten import UnusableError, flattened
from gi.harvest import harvest
from gi.source.gate.gate import refusals
from gi.source.gate.refusal import GateRefusal

HERE = Path(__file__).parent


def text_of(one: ModuleClass) -> str:
    try:
        return flattened(one.package, one.module, one.name)[0]
    except UnusableError:
        return ""


class Bare(ast.NodeTransformer):
    """Takes out what a class does not need to compute.

    Its package's usage log, its texts, the reading of old files, what marks or fuses it for a tracer or a quantiser.
    """

    LOG = "_log_api_usage_once"
    MARK = "torch.fx.wrap"
    MEMBERS = frozenset(
        {
            "__repr__",
            "extra_repr",
            "_load_from_state_dict",
            "_version",
            "__annotations__",
            "__constants__",
            "fuse_model",
            "_fuse_modules",
        }
    )

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:
        called = ast.unparse(node.value.func) if isinstance(node.value, ast.Call) else ""
        return ast.copy_location(ast.Pass(), node) if called == self.LOG else None if called == self.MARK else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        node.decorator_list = [d for d in node.decorator_list if ast.unparse(d) != self.MARK]
        return None if node.name in {self.LOG, *self.MEMBERS} else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        return None if isinstance(t := node.targets[0], ast.Name) and t.id in self.MEMBERS else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        return None if isinstance(node.target, ast.Name) and node.target.id in self.MEMBERS else node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node


def bare(text: str) -> str:
    """The text without what `Bare` takes out, and without the imports that nothing uses then."""
    tree = Bare().visit(ast.parse(text))
    imports = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    rest = [n for n in tree.body if n not in imports]
    body = "\n".join(map(ast.unparse, rest))
    used = {node.id for statement in rest for node in ast.walk(statement) if isinstance(node, ast.Name)}
    for node in imports:
        if getattr(node, "module", "") != "__future__":
            dotted = {a.name for a in node.names if not a.asname and "." in a.name and f"{a.name}." not in body}
            node.names = [a for a in node.names if (a.asname or a.name.split(".")[0]) in used and a.name not in dotted]
    tree.body = [*(node for node in imports if node.names), *rest]
    return ast.unparse(ast.fix_missing_locations(tree))


def measured(package: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as cache:
        classes = list(module_classes(harvest(package, cache=Path(cache))))
    texts = {f"{one.origin.path}:{one.name}": text_of(one) for one in classes}
    seen = {name: text for name, text in texts.items() if text}
    blocks = blocks_of(package)
    start = time.process_time()
    found = {name: refusals(text) for name, text in seen.items()}
    spent_s = time.process_time() - start
    return {
        "package": package,
        "classes": len(classes),
        "need another package or too much code": len(texts) - len(seen),
        "ms a text": round(1000 * spent_s / len(seen), 1),
        "as harvested": counted(found),
        "bare": counted({name: refusals(bare(text)) for name, text in seen.items()}),
        "blocks as harvested": counted({name: each for name, each in found.items() if name in blocks}),
        "blocks bare": counted({name: refusals(bare(seen[name])) for name in seen if name in blocks}),
    }


def blocks_of(package: str) -> set[str]:
    """The classes that become blocks, and so are what programs get, by `experiments/07-blocks`."""
    table = HERE.parent / "07-blocks" / f"{package}.csv"
    with table.open(newline="") as file:
        return {f"{row['path']}:{row['class']}" for row in csv.DictReader(file) if not row["reason"]}


def counted(found: dict[str, tuple[GateRefusal, ...]]) -> dict[str, object]:
    refused = {name: each for name, each in found.items() if each}
    rules = Counter(rule for each in refused.values() for rule in {r.rule for r in each})
    alone = Counter(each[0].rule for each in refused.values() if len({r.rule for r in each}) == 1)
    details = Counter(d for each in refused.values() for d in {f"{r.rule}: {r.detail}" for r in each})
    return {
        "seen": len(found),
        "refused": len(refused),
        "share": round(len(refused) / max(len(found), 1), 3),
        "by rule": dict(rules.most_common()),
        "by this rule alone": dict(alone.most_common()),
        "details": dict(sorted(details.items(), key=lambda one: (-one[1], one[0]))[:60]),
        "classes refused": {name: str(each[0]) for name, each in sorted(refused.items())},
    }


def main() -> None:
    answers = [measured(package) for package in sys.argv[1:] or ["torchvision"]]
    (HERE / "results.json").write_text(json.dumps(answers, indent=1) + "\n")
    for answer in answers:
        print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
