"""What closing a worker off costs: forks with and without isolation, in turn. See README.md."""

import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

from gi.sandbox.isolation import ISOLATIONS, VARIABLE
from gi.sandbox.limits import Limits
from gi.sandbox.server import ForkServer, warm_server

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import put_table

FORKS, ROUNDS = 40, 5
ARMS = ("off", "auto")


def fork_ms(server: ForkServer) -> float:
    """Wall milliseconds from the request for a worker that does nothing to the news of its end."""
    started = time.perf_counter()
    with server.fork("math:sqrt", Limits(memory_mb=256)) as child:
        child.wait()
        return 1e3 * (time.perf_counter() - started)


def main() -> None:
    assert set(ARMS) <= set(ISOLATIONS)
    rounds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    with warm_server() as server:
        fork_ms(server)
        for _ in range(ROUNDS):
            for arm in ARMS:
                os.environ[VARIABLE] = arm
                rounds[arm].append(statistics.median(fork_ms(server) for _ in range(FORKS)))
    text = "| isolation | ms a fork, median of rounds | least to most |\n| --- | --- | --- |\n" + "".join(
        f"| {arm} | {statistics.median(ms):.1f} | {min(ms):.1f} to {max(ms):.1f} |\n" for arm, ms in rounds.items()
    )
    out = Path(__file__).parent / "results.json"
    out.write_text(
        json.dumps({"system": platform.platform(), "cores": os.cpu_count(), "rounds": rounds}, indent=1) + "\n"
    )
    print(text)
    put_table(out, Path(__file__), text)


if __name__ == "__main__":
    main()
