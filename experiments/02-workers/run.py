"""Measures what a worker costs beside its work. Usage: python experiments/02-workers/run.py [--dataset mnist]"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

from programs import PROGRAMS

from gi.core.protocols import Job
from gi.core.settings import RunConfig, cache_folder
from gi.data.dataset import load_dataset
from gi.sandbox.limits import Limits
from gi.sandbox.messages import receive, send
from gi.sandbox.server import warm_server
from gi.sandbox.warm_worker import WarmWorker
from gi.train.executor import LocalExecutor

HERE = Path(__file__).parent


def start_costs() -> dict[str, float]:
    """Wall milliseconds until the server has forked its first worker, of each later one, and of a warm call."""
    with warm_server() as server:
        start = time.perf_counter()
        fork_ms = []
        for _ in range(21):
            with server.fork("math:sqrt", Limits(memory_mb=256)) as child:
                child.wait()
            fork_ms.append((time.perf_counter() - start) * 1e3)
            start = time.perf_counter()
        with WarmWorker("math:sqrt", wall_limit_s=5, memory_mb=256) as worker:
            worker.call(4)
            calls = []
            for _ in range(1000):
                start = time.perf_counter()
                worker.call(4)
                calls.append((time.perf_counter() - start) * 1e3)
    return {"first": fork_ms[0], "later": statistics.median(fork_ms[1:]), "call": statistics.median(calls)}


def job_costs(dataset, text: str, *, workers: int, count: int, images: int) -> dict[str, float]:
    """Seconds by part, medians over `count` jobs; `overhead_s` is CPU beside training and measuring."""
    with LocalExecutor(dataset, RunConfig(dataset=dataset.name, images=images), workers=workers) as executor:
        jobs = [executor.submit(Job(str(i), text, 0, images)) for i in range(count)]
        outcomes = [job.result() for job in jobs]
    costs = [outcome.cost for outcome in outcomes]
    times = [outcome.values["time"] for outcome in outcomes]
    return {
        "train_s": statistics.median(c.train_cpu_s for c in costs),
        "measure_s": statistics.median(c.measure_cpu_s for c in costs),
        "overhead_s": statistics.median(c.cpu_s - c.train_cpu_s - c.measure_cpu_s for c in costs),
        "time": statistics.mean(times),
        "time_spread": statistics.stdev(times) / statistics.mean(times),
    }


def step_costs(dataset, text: str) -> dict[str, float]:
    with warm_server() as server, server.fork("pace:compare", Limits(memory_mb=4096)) as child:
        send(child.connection, [text, str(dataset.path)])
        return receive(child.connection)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--images", type=int, default=6400)
    parser.add_argument("--count", type=int, default=10)
    args = parser.parse_args()
    sys.path.insert(0, str(HERE))
    dataset = load_dataset(args.dataset, cache=cache_folder())
    result = {"load_average": os.getloadavg()[0], "starts": start_costs(), "jobs": {}, "steps": {}}
    print("| | ms |\n| --- | --- |")
    print("\n".join(f"| {name} | {ms:.2f} |" for name, ms in result["starts"].items()))
    print("\n| program | workers | train s | measure s | overhead s | time | spread |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, text in PROGRAMS.items():
        for workers in (1, 2):
            costs = job_costs(dataset, text, workers=workers, count=args.count, images=args.images)
            result["jobs"][f"{name}/{workers}"] = costs
            numbers = " | ".join(f"{costs[key]:.3f}" for key in ("train_s", "measure_s", "overhead_s", "time"))
            print(f"| {name} | {workers} | {numbers} | {costs['time_spread']:.1%} |", flush=True)
    print("\n| program | bare ms | bare, channels last ms | ours ms |\n| --- | --- | --- | --- |")
    for name, text in PROGRAMS.items():
        steps = step_costs(dataset, text)
        result["steps"][name] = steps
        print(f"| {name} | " + " | ".join(f"{ms:.2f}" for ms in steps.values()) + " |", flush=True)
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
