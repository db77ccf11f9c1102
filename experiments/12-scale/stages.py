"""The measured stages, each run as a process of its own so that its peak memory is its own: stages.py STAGE ARGUMENTS.

Prints one JSON object.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def build_index(folder, *files):
    """Builds an index of these files."""
    from gi.kernels.index.addition import IndexSource
    from gi.kernels.index.build import build

    wall, cpu = time.perf_counter(), time.process_time()
    built = build([IndexSource(Path(file), Path(file).stem) for file in files], Path(folder), keep_untrained=True)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert not any(taken.reason for taken in built.taken), built.taken
    return {
        "files": len(files), "megabytes": round(sum(Path(f).stat().st_size for f in files) / 1e6),
        "layers": built.state.num_layers, "kernels": built.state.num_kernels, "wall_s": round(wall, 3),
        "cpu_s": round(cpu, 3), "kernels_per_cpu_s": round(built.state.num_kernels / cpu),
    }  # fmt: skip


def ask_kin(folder, count):
    """Children and parents of random kernels."""
    from gi.kernels.index.reader import Index

    started = time.perf_counter()
    index = Index.open(folder)
    kernels = np.random.default_rng(0).integers(0, index.num_kernels, int(count)).tolist()
    index.kinship.children(kernels[0])
    opened = time.perf_counter() - started
    children, sizes = timed(index.children, kernels)
    parents, _ = timed(index.parents, kernels)
    return {
        "kernels": index.num_kernels, "segments": index.segments.num_rows, "open_s": round(opened, 3),
        "children_us": quantiles(children, 1e6), "parents_us": quantiles(parents, 1e6),
        "children_each": int(np.median(sizes)),
    }  # fmt: skip


def ask_nearest(folder, count):
    """The ten nearest 3x3 kernels, one query at a time, against comparing every kernel."""
    from gi.kernels.index.nearest import Nearest
    from gi.kernels.index.reader import Index

    index = Index.open(folder)
    stored = index.kernels((3, 3))
    started = time.process_time()
    lists = Nearest(index, (3, 3))
    made = time.process_time() - started
    rng = np.random.default_rng(0)
    wanted = np.array(stored[np.sort(rng.integers(0, len(stored), int(count)))])
    wanted += rng.normal(0, 0.1, wanted.shape).astype(np.float32) * np.abs(wanted).mean(axis=(1, 2), keepdims=True)
    seconds, found = [], []
    for kernel in wanted:
        begun = time.perf_counter()
        rows, _ = lists.search(kernel[None], 10)
        seconds.append(time.perf_counter() - begun)
        found.append(set(rows[0].tolist()))
    exact, _ = Nearest(index, (3, 3), exact=True).search(wanted[:100], 10)
    recall = np.mean([len(ours & set(rows)) / 10 for ours, rows in zip(found, exact.tolist(), strict=False)])
    return {
        "stored_3x3": len(stored), "lists_cpu_s": round(made, 2), "nearest_us": quantiles(seconds, 1e6),
        "recall_at_10": round(float(recall), 4),
    }  # fmt: skip


def cluster(folder, count, classes):
    """K-Means over unit 3x3 kernels, faiss's defaults, one thread."""
    import faiss

    from gi.kernels.index.nearest import unit
    from gi.kernels.index.reader import Index

    faiss.omp_set_num_threads(1)
    stored = Index.open(folder).kernels((3, 3))
    points = unit(np.array(stored[: int(count)]).reshape(-1, 9))
    wall, cpu = time.perf_counter(), time.process_time()
    means = faiss.Kmeans(9, int(classes))
    means.train(points)
    return {
        "points": len(points), "classes": int(classes), "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
    }  # fmt: skip


def ask_databases(folder, scratch, network, layers, count):
    """The same children query in Ladybug, DuckDB and here, on one exported part."""
    import duckdb
    import ladybug

    from gi.kernels.index.graph_csv import export_csv
    from gi.kernels.index.reader import Index

    index, out = Index.open(folder), Path(scratch, "csv")
    made = export_csv(index, out, networks=[network], layers=int(layers))
    chosen = [
        index.layer(i) for i in range(index.layers.num_rows) if network in index.network(index.layer(i).network).name
    ]
    ids = np.concatenate([np.arange(x.base, x.base + x.num_kernels) for x in chosen[1 : int(layers)]])
    kernels = np.random.default_rng(0).choice(ids, int(count), replace=False).tolist()
    here, sizes = timed(index.children, kernels)

    started = time.perf_counter()
    db = duckdb.connect(str(Path(scratch, "duck.db")))
    db.execute("SET threads = 1")
    db.execute(f"CREATE TABLE child AS SELECT * FROM read_csv('{out}/children.csv', names=['parent', 'child'])")
    db.execute("CREATE INDEX of_parent ON child(parent)")
    duck_load = time.perf_counter() - started
    duck, duck_sizes = timed(lambda k: db.execute("SELECT child FROM child WHERE parent = ?", [k]).fetchall(), kernels)

    started = time.perf_counter()
    connection = ladybug.Connection(ladybug.Database(str(Path(scratch, "lady"))), num_threads=1)
    for statement in (out / "load.cypher").read_text().split(";"):
        if statement.strip():
            connection.execute(statement)
    lady_load = time.perf_counter() - started
    asked = "MATCH (k:Kernel {id: $id})-[:CHILD]->(c:Kernel) RETURN c.id"
    lady, lady_sizes = timed(lambda k: connection.execute(asked, {"id": k}).get_all(), kernels)
    assert sizes == duck_sizes == lady_sizes, "the three do not agree"
    return {
        "kernels": made.kernels, "edges": made.edges, "children_each": int(np.median(sizes)),
        "here_us": quantiles(here, 1e6), "ladybug_us": quantiles(lady, 1e6), "duckdb_us": quantiles(duck, 1e6),
        "ladybug_load_s": round(lady_load, 2), "duckdb_load_s": round(duck_load, 2),
    }  # fmt: skip


def timed(ask, kernels):
    """Seconds of each question, and how many answers it had."""
    seconds, sizes = [], []
    for kernel in kernels:
        begun = time.perf_counter()
        found = ask(kernel)
        seconds.append(time.perf_counter() - begun)
        sizes.append(len(found))
    return seconds, sizes


def quantiles(seconds, unit):
    return {name: round(float(np.quantile(seconds, q)) * unit, 1) for name, q in (("p50", 0.5), ("p95", 0.95))}


if __name__ == "__main__":
    answer = globals()[sys.argv[1]](*sys.argv[2:])
    # Not ru_maxrss, which a process inherits from the one that started it.
    (peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    print(json.dumps({**answer, "peak_mb": int(peak) >> 10}))
