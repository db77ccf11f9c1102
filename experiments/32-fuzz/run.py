"""Coverage-guided fuzzing of one target of `tests/fuzz/targets.py`: `run.py TARGET --seconds S`.

Needs atheris (`pip install atheris`), which is no dependency of gi's. What it finds is written by libFuzzer into the
folder that it runs in (`crash-*`, `timeout-*`); each becomes an example in `tests/fuzz`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gi"]):
    from tests.fuzz.targets import TARGETS, samples


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sample").write_bytes(samples()[options.target])
        # The sample and libFuzzer's seed are fixed; how far it gets in the time is the machine's.
        limits = [f"-max_total_time={options.seconds}", "-seed=1", "-timeout=60", "-max_len=20000"]
        atheris.Setup([sys.argv[0], *limits, folder], TARGETS[options.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
