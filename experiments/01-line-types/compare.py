"""Typed calls of torchvision's and timm's models against what Python itself says that they call.

    python experiments/01-line-types/compare.py [--seed 0] [--per-module 3]

Writes types.csv (recall and precision by type and truth), calls.csv (what each truth could judge) and
differences.csv (every call on which gi and a truth differ) beside itself.
"""

import argparse
import ast
import collections
import contextlib
import csv
import importlib
import inspect
import pkgutil
import random
import sys
import types
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
sys.modules["torchvision._meta_registrations"] = types.ModuleType("_meta_registrations")

import ran  # noqa: E402
import torch  # noqa: E402
from filing import kind_of  # noqa: E402
from truth import Judge  # noqa: E402

from gi.lines import decode, package_index, typed_lines  # noqa: E402

HERE = Path(__file__).parent
PACKAGES = ("torchvision.models", "timm.models", "timm.layers")


def import_all():
    """Every module below the packages by name, loaded so that each call notes what it calls."""
    ran.install(*PACKAGES)
    for name in [name for name in sys.modules if name.startswith(PACKAGES)]:
        del sys.modules[name]
    modules = {}
    for package in PACKAGES:
        root = importlib.import_module(package)
        names = [package, *(found.name for found in pkgutil.walk_packages(root.__path__, package + "."))]
        modules |= {name: importlib.import_module(name) for name in names}
    return modules


def run_models(seed, per_module):
    """Builds and runs networks on meta tensors; returns how many were built and how many also ran."""
    import timm
    import torchvision.models as tvm

    rng, by_module = random.Random(seed), collections.defaultdict(list)
    for name in timm.list_models():
        by_module[timm.models._registry._model_to_module[name]].append(name)
    chosen = [n for _, names in sorted(by_module.items()) for n in rng.sample(names, min(per_module, len(names)))]
    built = went = 0
    for name, make in [
        *((n, lambda n=n: timm.create_model(n)) for n in chosen),
        *((n, lambda n=n: tvm.get_model(n, weights=None, **without_weights(tvm, n))) for n in tvm.list_models()),
    ]:
        with contextlib.suppress(Exception), torch.device("meta"), torch.no_grad():
            network = make().eval()
            built += 1
            side = 299 if "incep" in name else 224
            network(torch.empty(1, *getattr(network, "default_cfg", {}).get("input_size", (3, side, side))))
            went += 1
    return built, went


def without_weights(tvm, name):
    accepted = inspect.signature(tvm.get_model_builder(name)).parameters
    return {"weights_backbone": None} if "weights_backbone" in accepted else {}


def place(node):
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def claims(text, module, index):
    """gi's typed calls of a file by place (columns in characters; these files' calls stand in ASCII lines)."""
    name = module.__name__ + (".__init__" if module.__file__.endswith("__init__.py") else "")
    found = {}
    for line in typed_lines(text, module=name, classes=index):
        for call in line.calls:
            span = call.span
            found[span.line, span.column, span.end_line, span.end_column] = call.type.value
    return found


class Tally:
    def __init__(self):
        self.truth, self.hits = collections.Counter(), collections.Counter()
        self.claimed, self.right = collections.Counter(), collections.Counter()

    def add(self, kinds, claim):
        """Counts a judged call: `kinds` are the types that it had, None among them where it had none."""
        kind = claim if claim in kinds else next(iter(sorted(kinds - {None})), None)
        if kind:
            self.truth[kind] += 1
            self.hits[kind] += claim == kind
        if claim:
            self.claimed[claim] += 1
            self.right[claim] += claim in kinds
        return claim in kinds

    def rows(self):
        for kind in [*sorted(self.truth | self.claimed), "all"]:
            truth, hits, claimed, right = (
                counts.total() if kind == "all" else counts[kind]
                for counts in (self.truth, self.hits, self.claimed, self.right)
            )
            yield kind, truth, ratio(hits, truth), claimed, ratio(right, claimed)


def ratio(part, whole):
    return f"{100 * part / whole:.2f}" if whole else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-module", type=int, default=3)
    options = parser.parse_args()
    modules = import_all()
    built, went = run_models(options.seed, options.per_module)
    print(f"{len(modules)} modules imported; {built} networks built, {went} of them run")
    index = package_index(Path(sys.modules["timm"].__file__).parent.parent)
    tallies, counts, differences = collections.defaultdict(Tally), collections.Counter(), []
    for name, module in modules.items():
        package = next(p for p in PACKAGES if name.startswith(p))
        text = decode(Path(module.__file__).read_bytes())
        claimed = claims(text, module, index)
        for judged in Judge(module, ast.parse(text)).out:
            key, call = place(judged.call), ast.unparse(judged.call.func)
            claim = claimed.get(key)
            seen = ran.SEEN.get((name, *key))
            counts[package, "calls"] += 1
            static = None if judged.why else {kind_of(thing) for thing in judged.thing}
            for source, kinds in (("names", static), ("run", seen)):
                if kinds is None:
                    counts[package, f"not judged by {source}"] += 1
                    counts[package, f"not judged by {source}, claimed"] += claim is not None
                elif not tallies[package, source].add(kinds, claim):
                    differences.append((source, name, key[0], call, "|".join(sorted(str(k) for k in kinds)), claim))
            if judged.why:
                counts[package, f"names: {judged.why}"] += 1
            # What no text tells: a class that only a caller far away decides on.
            if static is None and seen and seen != {None}:
                counts[package, f"only run tells ({judged.why})"] += 1
                counts[package, f"only run tells ({judged.why}), claimed rightly"] += claim in seen
    write(tallies, counts, differences)


def write(tallies, counts, differences):
    with (HERE / "types.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["package", "truth", "type", "true", "recall_percent", "claimed", "precision_percent"])
        for (package, source), tally in sorted(tallies.items()):
            for row in tally.rows():
                out.writerow([package, source, *row])
                print(f"{package:20} {source:6} {row[0]:15} {row[1]:6} {row[2]:>7} {row[3]:6} {row[4]:>7}")
    with (HERE / "calls.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["package", "what", "calls"])
        for (package, what), number in sorted(counts.items()):
            out.writerow([package, what, number])
            print(f"{package:20} {what:50} {number:6}")
    with (HERE / "differences.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["truth", "module", "line", "function", "is", "claimed"])
        out.writerows(differences)


if __name__ == "__main__":
    main()
