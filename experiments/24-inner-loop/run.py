"""Where the CPU seconds of one evaluation go, before and now, beside PyTorch's tutorial loop.

Usage: python experiments/24-inner-loop/run.py [--rounds 3] [--images 13750]
Writes results.json and prints the table. Needs MNIST below $GI_DATA and git.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from programs import PROGRAMS

HERE = Path(__file__).parent
BEFORE = "85d42b4"
ARMS = ("tutorial", "before", "now", "now, measured whole")


def tutorial(images: int) -> dict[str, dict[str, float]]:
    """CPU seconds of PyTorch's beginner tutorial: a DataLoader over torchvision's data set, a plain loop, one scoring.

    Training presents so many images in batches of 64; 5,000 others are scored, as many as gi's validation split has.
    """
    import resource

    import torch
    from torch.utils.data import DataLoader, Subset

    from gi.core.compat import allow_torchvision

    allow_torchvision()
    from torchvision import datasets, transforms

    torch.set_num_threads(1)
    form = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    data = datasets.MNIST(os.environ["GI_DATA"], train=True, transform=form)
    scored = DataLoader(Subset(data, range(55_000, 60_000)), batch_size=64)
    costs = {}
    for name, text in PROGRAMS.items():
        torch.manual_seed(0)
        names: dict = {}
        exec(text, names)  # this experiment's own programs
        net, steps = names["Net"](), images // 64
        optimizer, scheduler, loss_fn, _ = names["recipe"](net, steps)
        loader = DataLoader(Subset(data, range(steps * 64)), batch_size=64, shuffle=True)
        start = resource.getrusage(resource.RUSAGE_SELF)
        net.train()
        for x, y in loader:
            loss = loss_fn(net(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
        trained = resource.getrusage(resource.RUSAGE_SELF)
        net.eval()
        with torch.no_grad():
            sum((net(x).argmax(1) == y).sum().item() for x, y in scored)
        end = resource.getrusage(resource.RUSAGE_SELF)
        costs[name] = {"train_s": _cpu_s(trained) - _cpu_s(start), "cpu_s": _cpu_s(end) - _cpu_s(start)}
    return costs


def _cpu_s(usage) -> float:
    return usage.ru_utime + usage.ru_stime


def evaluations(images: int, **asked) -> dict[str, dict[str, float]]:
    """CPU seconds of one evaluation of each program by the gi on the import path, all of its worker's."""
    from gi.core.protocols import Job
    from gi.core.settings import RunConfig, cache_folder
    from gi.data.dataset import load_dataset
    from gi.train.executor import LocalExecutor

    dataset = load_dataset("mnist", cache=cache_folder())
    costs = {}
    with LocalExecutor(dataset, RunConfig(dataset="mnist", cpu_limit_s=100), workers=1) as executor:
        executor.submit(Job("warm", PROGRAMS["dense, 50,890"], 0, 64)).result()
        for name, text in PROGRAMS.items():
            cost = executor.submit(Job("it", text, 0, images, **asked)).result().cost
            costs[name] = {"train_s": cost.train_cpu_s, "measure_s": cost.measure_cpu_s, "cpu_s": cost.cpu_s}
    return costs


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=13_750, help="a quarter of MNIST's 55,000 training images")
    parser.add_argument("--arm", choices=ARMS, help="measure one arm and print it as JSON")
    options = parser.parse_args()
    if options.arm:
        low_rung = {"timed": False, "scored": 1000} if options.arm == "now" else {}
        measured = tutorial(options.images) if options.arm == "tutorial" else evaluations(options.images, **low_rung)
        print(json.dumps(measured))
        return
    rounds = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        _git("worktree", "add", "--detach", str(before), BEFORE)
        try:
            for _ in range(options.rounds):  # in turn, so that the machine's other work meets every arm
                for arm in ARMS:
                    rounds[arm].append(_measured(arm, before if arm == "before" else HERE.parents[1], options.images))
        finally:
            _git("worktree", "remove", "--force", str(before))
    result = {"images": options.images, "load_average": os.getloadavg()[0], "rounds": rounds}
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(rounds))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=HERE, check=True, capture_output=True)


def _measured(arm: str, tree: Path, images: int) -> dict[str, dict[str, float]]:
    environment = {**os.environ, "PYTHONPATH": f"{tree}:{HERE}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "run.py"), "--arm", arm, "--images", str(images)]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def table(rounds) -> str:
    """Medians over the rounds: CPU seconds, the share of training in them, and the ratio to the tutorial loop's."""
    lines = ["| program | tutorial s | before s | training | now s | training | now, measured whole s | training |"
             " tutorial / before | tutorial / now | step: tutorial / now |", "| --- " * 11 + "|"]  # fmt: skip
    for name in PROGRAMS:

        def middle(arm, figure):
            return statistics.median(figure(each[name]) for each in rounds[arm])  # noqa: B023 (called at once)

        whole = {arm: middle(arm, lambda c: c["cpu_s"]) for arm in ARMS}
        share = {arm: middle(arm, lambda c: c["train_s"] / c["cpu_s"]) for arm in ARMS[1:]}
        step = middle("tutorial", lambda c: c["train_s"]) / middle("now", lambda c: c["train_s"])
        cells = [name, f"{whole['tutorial']:.2f}"]
        for arm in ARMS[1:]:
            cells += [f"{whole[arm]:.2f}", f"{share[arm]:.0%}"]
        cells += [f"{whole['tutorial'] / whole[arm]:.2f}" for arm in ("before", "now")] + [f"{step:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
