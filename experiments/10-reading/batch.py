"""One batch of the fuzz run, a process of its own: makes files, builds an index of them, tells what it opened.

Usage: batch.py SEEDS_FOLDER WORK_FOLDER SEED COUNT. Prints one JSON object.
"""

import collections
import json
import os
import random
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from hostile import hostile

from gi.kernels.index.addition import IndexSource
from gi.kernels.index.build import build
from gi.kernels.index.reader import Index

OPENED = set()


def main():
    seeds, work, seed, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    rng = random.Random(seed)
    folder, outside = laid_out(work)
    kinds = {}
    files = sorted(path for path in seeds.rglob("*") if path.suffix == ".onnx" and path.stat().st_size < 300_000)
    for number in range(count):
        kind, data = hostile(rng.choice(files).read_bytes(), rng, str(outside))
        path = folder / f"{number:05d}-{kind}.onnx"
        path.write_bytes(data)
        kinds[path.stem] = kind
    sources = [IndexSource(path, path.stem) for path in sorted(folder.glob("*.onnx"))]
    warm_up(seeds, work)
    before = peak_mb()
    slowest, times = 0.0, []
    sys.addaudithook(watch)
    started = time.process_time()
    built = build(timed(sources, times), work / "index", keep_untrained=bool(seed % 2))
    spent = time.process_time() - started
    slowest = max(b - a for a, b in zip(times, [*times[1:], time.perf_counter()], strict=True))
    print(json.dumps(result(built, kinds, work, outside, spent, slowest, before)))


def laid_out(work):
    """The models' folder with what hostile paths point to, and the file outside that must stay unread."""
    folder, outside = work / "models", work / "outside.bin"
    (folder / "folder").mkdir(parents=True)
    outside.write_bytes(bytes(1 << 20))
    (folder / "data.bin").write_bytes(random.Random(0).randbytes(1 << 20))
    (folder / "link.bin").symlink_to(outside)
    (folder / "folder" / "link.bin").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.bin")
    return folder, outside


def warm_up(seeds, work):
    """Imports what reading needs, so that the run itself opens nothing but models."""
    good = [path for path in sorted(seeds.rglob("*.onnx")) if path.stat().st_size < 300_000]
    build([IndexSource(path, path.stem) for path in good], work / "warm")


def timed(sources, times):
    for source in sources:
        times.append(time.perf_counter())
        yield source


def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        OPENED.add(os.fsdecode(arguments[0]))


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def result(built, kinds, work, outside, spent, slowest, before):
    root = str(work.resolve())
    allowed = (root + "/models/", root + "/index", sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]))
    strangers = sorted(
        path
        for path in OPENED
        if not os.path.realpath(path).startswith(allowed) or os.path.realpath(path) == str(outside)
    )
    taken = collections.Counter("taken" if t.network and t.network.layers else "refused" for t in built.taken)
    reasons = collections.Counter(kind_of(t.reason) for t in built.taken if t.reason)
    unforeseen = [(t.source.name, t.reason) for t in built.taken if t.reason.startswith("cannot be read")]
    Index.open(work / "index").layers.num_rows  # noqa: B018 (the index must open)
    return {
        "files": len(built.taken), **taken, "unforeseen": unforeseen, "reasons": dict(reasons), "strangers": strangers,
        "cpu_s": round(spent, 2), "slowest_s": round(slowest, 3), "peak_mb": peak_mb(), "before_mb": before,
        "kinds": dict(collections.Counter(kinds.values())),
    }  # fmt: skip


def kind_of(reason):
    """A reason without what is only this file's."""
    return reason.split(":")[0][:40]


if __name__ == "__main__":
    main()
