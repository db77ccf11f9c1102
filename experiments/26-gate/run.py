"""How often the gate refuses what it should let through: `run.py [PACKAGE...]`.

A package is `torchvision`, as installed, or one of `corpus/packages.toml`, whose pinned wheel is fetched (by default
torchvision, timm and pytorchcv). Each module class, with all that it uses and without what it does not need to
compute, is one text, as a block would bring it into a program. A class that needs a package that no program may import
is counted apart: the gate never sees it. Blocks are the classes that `experiments/07-blocks` found to work as one.
With `--texts FOLDER` the texts are kept there and read from there: harvesting asks for no other ones where a rule of
the gate changes.
"""

import argparse
import csv
import json
import time
from collections import Counter, defaultdict
from pathlib import Path

from gi.core.settings import cache_folder
from gi.corpus.classes import ModuleClass, module_classes
from gi.corpus.flatten import UnusableError, flattened
from gi.harvest import harvest, packages
from gi.source.gate.gate import refusals
from gi.source.gate.refusal import GateRefusal

HERE = Path(__file__).parent
PACKAGES = ("torchvision", "timm", "pytorchcv")
Text = tuple[str, str, str]
"""A class's text, its name there, and why it has none."""


def text_of(one: ModuleClass) -> Text:
    try:
        return *flattened(one.package, one.module, one.name), ""
    except UnusableError as error:
        return "", "", error.reason


def texts_of(package: str, folder: Path | None) -> dict[str, Text]:
    """The text of each module class of a package, by path and name."""
    kept = folder / f"{package}.json" if folder else None
    if kept and kept.is_file():
        return {name: tuple(text) for name, text in json.loads(kept.read_text()).items()}
    source = next((p.source for p in packages() if p.name == package), package)
    classes = module_classes(harvest(source, cache=cache_folder()))
    texts = {f"{one.origin.path}:{one.name}": text_of(one) for one in classes}
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(texts))
    return texts


def measured(package: str, folder: Path | None) -> dict[str, object]:
    texts = texts_of(package, folder)
    seen = {name: text for name, text in texts.items() if text[0]}
    start = time.process_time()
    found = {name: refusals(text, spelled) for name, (text, spelled, _) in seen.items()}
    spent_s = time.process_time() - start
    blocks = blocks_of(package)
    return {
        "package": package,
        "classes": len(texts),
        "not seen": dict(Counter(why for _, _, why in texts.values() if why).most_common()),
        "ms a text": round(1000 * spent_s / len(seen), 1),
        "all": counted(found),
        "blocks": counted({name: each for name, each in found.items() if name in blocks}),
        "refused by rule": named(found),
    }


def blocks_of(package: str) -> set[str]:
    """The classes that become blocks, and so are what programs get, where that table has the package."""
    table = HERE.parent / "07-blocks" / f"{package}.csv"
    if not table.is_file():
        return set()
    with table.open(newline="") as file:
        return {f"{row['path']}:{row['class']}" for row in csv.DictReader(file) if not row["reason"]}


def named(found: dict[str, tuple[GateRefusal, ...]]) -> dict[str, list[str]]:
    """The refused classes by their first rule, which is the one that is told."""
    by_rule = defaultdict(list)
    for name, each in found.items():
        if each:
            by_rule[each[0].rule].append(f"{name.rpartition('/')[2]}: {each[0].detail}")
    return dict(sorted(by_rule.items(), key=lambda one: -len(one[1])))


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
        "details": dict(sorted(details.items(), key=lambda one: (-one[1], one[0]))[:40]),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    answers = []
    for package in options.packages:
        answers.append(measured(package, options.texts))
        options.out.write_text(json.dumps(answers, indent=1) + "\n")
    print(json.dumps(answers, indent=1))


if __name__ == "__main__":
    main()
