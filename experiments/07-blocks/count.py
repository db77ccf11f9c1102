"""How many module classes of installed packages become blocks, and why the others do not: `count.py PACKAGE...`."""

import csv
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from gi.core.settings import default_workers
from gi.corpus.blocks import TriedClass, block_json
from gi.corpus.blocks import tried_classes as tried
from gi.harvest import harvest
from gi.trace.classes import client

HERE = Path(__file__).parent
COLUMNS = ["class", "path", "line", "takes", "channels_in", "channels_out", "stride", "keeps_channels", "channels_step",
           "size_step", "params", "characters", "reason", "detail"]  # fmt: skip


class Counted(client.TrialWorker):
    """A trial worker whose CPU seconds outlive it."""

    spent_s = 0.0

    def close(self) -> None:
        Counted.spent_s += self.cpu_s
        super().close()


def row(one: TriedClass) -> dict[str, object]:
    found = {"class": one.name, "path": one.origin.path, "line": one.origin.line, "reason": one.reason}
    if one.block is None:
        return {**found, "detail": one.detail[:120]}
    block = block_json(one.block)
    return {**found, "takes": block["input"], **{name: block[name] for name in COLUMNS[4:12]}}


def measured(package: str) -> dict[str, object]:
    start, Counted.spent_s = time.process_time(), 0.0
    with tempfile.TemporaryDirectory() as cache:
        found = tried(harvest(package, cache=Path(cache)), workers=default_workers())
    own_s = time.process_time() - start
    with (HERE / f"{package}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row(one) for one in found)
    blocks = [one.block for one in found if one.block is not None]
    return {
        "package": found[0].origin.repository,
        "tried": len(found),
        "blocks": len(blocks),
        "distinct blocks": len({(block.name, block.source) for block in blocks}),
        "takes": dict(Counter(block.input for block in blocks).most_common()),
        "cpu_ms_per_class": round(1000 * (own_s + Counted.spent_s) / len(found)),
        "reasons": dict(Counter(one.reason for one in found if one.block is None).most_common()),
    }


def main() -> None:
    client.TrialWorker = Counted  # type: ignore[misc]
    import gi.corpus.blocks

    gi.corpus.blocks.TrialWorker = Counted  # type: ignore[misc, attr-defined]
    answers = [measured(package) for package in sys.argv[1:]]
    (HERE / "blocks.json").write_text(json.dumps(answers, indent=1) + "\n")
    for answer in answers:
        print(f"\n| {answer['package']} | classes |\n| --- | --- |\n| tried | {answer['tried']} |")
        print(f"| **blocks** | **{answer['blocks']}** ({answer['distinct blocks']} distinct) |")
        for kind, count in {**answer["takes"], **answer["reasons"]}.items():  # type: ignore[dict-item]
            print(f"| {'takes ' if kind in answer['takes'] else ''}{kind} | {count} |")  # type: ignore[operator]
        print(f"| CPU ms for each class | {answer['cpu_ms_per_class']} |")


if __name__ == "__main__":
    main()
