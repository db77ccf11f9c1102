"""Which programs for images with colours deserve to be seed programs: error and cost of each after one training.

Usage: python experiments/23-seeds/colour.py DIR/cifar10 [--images 112500]      DIR/cifar10/train/CLASS/*.jpg and test/
Candidates are corpus/seeds/colour and dropped/colour. Prints a row as each training ends, and writes colour.csv.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import write_csv

from gi.core.protocols import Job
from gi.core.settings import RunConfig, cache_folder
from gi.core.types import Scored
from gi.data.dataset import load_dataset
from gi.train.executor import LocalExecutor

HERE = Path(__file__).parent
FOLDERS = {"yes": HERE.parents[1] / "corpus" / "seeds" / "colour", "no": HERE / "dropped" / "colour"}
SEED = 1001  # a tuning seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="a folder of images with colours, 32 by 32, of 10 classes")
    parser.add_argument("--images", type=int, default=112_500, help="samples presented in a training")
    options = parser.parse_args()
    candidates = [(path, kept) for kept, folder in FOLDERS.items() for path in sorted(folder.glob("*.py"))]
    config = RunConfig(dataset=options.dataset, images=options.images)
    rows = []
    with LocalExecutor(load_dataset(options.dataset, cache=cache_folder()), config, workers=2) as executor:
        # Without a limit of its own a job has ten CPU minutes for 30,000 images.
        jobs = [Job(path.stem, path.read_text(), SEED, options.images) for path, _ in candidates]
        futures = [executor.submit(job) for job in jobs]
        for (path, kept), future in zip(candidates, futures, strict=True):
            outcome = future.result()
            values = outcome.values if isinstance(outcome, Scored) else {}
            row = {"program": path.stem, "kept": kept, "error": values.get("error"), "params": values.get("params")}
            rows.append(row | {"time": values.get("time"), "train_cpu_s": values.get("train_time")})
            print(rows[-1], flush=True)
            write_csv(HERE / "colour.csv", rows)


if __name__ == "__main__":
    main()
