"""Faults at random moments of `gi evolve`: is anything lost that was evaluated, and does the run end as it would have?

    python experiments/29-faults/run.py [--times 20] [--seed 1] [--faults "gi killed,full disk"] [--stand-ins]

Each fault strikes a run of its own, once, at a moment drawn evenly over the time that an undisturbed run takes. Then
what the fault took is given back (room, the folder's write permission, SIGCONT) and `gi evolve --resume` takes the run
to its end, where the fault ended it. Archives are compared by `canonical_text`. "Time to go on" is from the resuming
command, or the end of the fault where nothing ended, to the next evaluation.

Each run is a fork of a process that has imported what `gi` imports, so that these times have no imports in them; what
has a clock of its own is a process of its own.

With `--stand-ins` variation and training are those of `tests/stand_ins.py`, with no worker processes: the faults of
workers and of their server are left out then. "full disk" and "read-only folder" mount a tmpfs, "out of memory" moves
a worker into a memory cgroup (version 1) that is full, so that the kernel kills it: only root may. "clock stepped"
needs a C compiler, for a library that gives `gi` another time of day.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from archives import dump, evaluated

from gi.archive import go_back
from gi.core.errors import GiError
from gi.core.settings import RunConfig
from gi.search.evolve import evolve, resume
from tests.stand_ins import outcome, parts

HERE = Path(__file__).parent
CGROUPS = Path("/sys/fs/cgroup/memory")
# The time of day, and a number of seconds that stands in a file.
STEPPED = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long step(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("STEP_FILE"), "r");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t id, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, at);
    if (id == CLOCK_REALTIME) at->tv_sec += step();
    return status;
}
int gettimeofday(struct timeval *at, void *zone) {
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int status = real(at, zone);
    at->tv_sec += step();
    return status;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""
GI = [sys.executable, "-c", "import sys; from gi.cli import main; sys.exit(main())"]
MODULES: list[str] = []
MODEL = HERE.parents[1] / "corpus/seeds/dense_small_append.py"
SETTINGS = (
    f"{MODEL} --dataset digits --clock model --generations 2 --population 4 --images 300 --final-images 300 --finals 2"
)
DRIVER = "import sys; sys.path.insert(0, sys.argv[1]); from run import stood_in; sys.exit(stood_in(*sys.argv[2:]))"


def stood_in(folder, seed, *words):
    """A run with stand-ins for variation and training; the exit status."""
    config = RunConfig(dataset="digits", generations=6, population=6, images=30_000, finals=3, final_seeds=2,
                       clock="model", seed=int(seed))  # fmt: skip

    def delayed(job):
        time.sleep(0.05)
        return outcome(job)

    try:
        if "resume" in words:
            print(go_back(Path(folder)), file=sys.stderr)
            resume(Path(folder), workers=2, parts=parts(evaluate=delayed))
        else:
            evolve(config, Path(folder), workers=2, parts=parts(evaluate=delayed))
    except GiError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


def commanded(*words):
    """`gi WORDS` in a fork of this process; the exit status."""
    from gi.cli import main

    sys.argv = ["gi", *map(str, words)]
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
        try:
            status = main()
        except SystemExit as end:
            status = end.code
    return status or 0


def imported(folder):
    """The modules that `gi` has imported at the end of a run, which is done for that in `folder`."""
    report = "atexit.register(lambda: print('modules', *sys.modules, file=sys.stderr))"
    command = [sys.executable, "-c", f"import atexit, sys; {report}; {GI[-1]}", "evolve", *SETTINGS.split()]
    done = subprocess.run([*command, "--no-cache", "--out", folder], capture_output=True, text=True, check=True)
    return next(line for line in done.stderr.splitlines() if line.startswith("modules ")).split()[1:]


class Forked:
    """What `subprocess.Popen` is to a program, to a function in a fork of this process: no imports to wait for."""

    def __init__(self, function, *arguments):
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (lives as long as this)
        self.returncode = None
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            os.dup2(self._said.fileno(), 2)
            sys.stderr = os.fdopen(2, "w", buffering=1)
            os._exit(function(*arguments))

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout=None):
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("a forked run", timeout)
            time.sleep(0.01)
        return self.returncode

    def communicate(self):
        self.wait()
        self._said.seek(0)
        return "", self._said.read()


@dataclass
class Trial:
    """One run, what happened to it, and what came of it."""

    folder: Path
    process: subprocess.Popen
    rng: random.Random
    before: set = field(default_factory=set)


class MissedError(Exception):
    """The fault came when the run was over."""


def tree(pid):
    """A process and everything that it started and that still runs, parents first."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pids += map(int, task.read_text().split())
    return pids


def signalled(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


# Each fault strikes a trial and gives back, or returns, what undoes it.


def gi_killed(trial):
    signalled(tree(trial.process.pid), signal.SIGKILL)


def worker_killed(trial):
    workers = tree(trial.process.pid)[2:]
    signalled([trial.rng.choice(workers)] if workers else [], signal.SIGKILL)


def out_of_memory(trial):
    """The kernel kills a worker with its next page: its group has no memory left."""
    workers = tree(trial.process.pid)[2:]
    group = CGROUPS / f"gi-fault-{os.getpid()}"
    group.mkdir(exist_ok=True)
    (group / "memory.limit_in_bytes").write_text("4096")
    with contextlib.suppress(OSError):  # it may have ended
        (group / "cgroup.procs").write_text(str(trial.rng.choice(workers)) if workers else "")


def clock_stepped(trial):
    step_s = trial.rng.choice([-1, 1]) * trial.rng.choice([3_600, 86_400, 31_536_000])
    trial.folder.with_name("step").write_text(str(step_s))


def server_killed(trial):
    signalled(tree(trial.process.pid)[1:2], signal.SIGKILL)


def stopped(trial):
    pids = tree(trial.process.pid)
    signalled(pids, signal.SIGSTOP)
    time.sleep(3)
    signalled(pids, signal.SIGCONT)


def full_disk(trial):
    used = shutil.disk_usage(trial.folder.parent).used
    remount(trial.folder.parent, f"size={used // 1024 + 64}k")
    return lambda: remount(trial.folder.parent, "size=200m")


def read_only(trial):
    """The kernel makes nothing read-only that is written to: `gi` dies first, and its successor finds it so."""
    signalled(tree(trial.process.pid), signal.SIGKILL)
    trial.process.wait()
    remount(trial.folder.parent, "ro")
    refused = started(trial.folder, "resume")
    _, said = refused.communicate()
    assert refused.returncode in (1, 2), said
    assert "writable" in said, said
    return lambda: remount(trial.folder.parent, "rw")


def deleted(trial):
    shutil.rmtree(trial.folder)


def second_gi(trial):
    other = started(trial.folder, "resume")
    _, said = other.communicate()
    if other.returncode == 0 and trial.process.poll() is not None:
        raise MissedError  # the first had come to its end meanwhile
    assert other.returncode == 2, said
    assert "in use by another gi" in said, said


def damaged(trial):
    signalled(tree(trial.process.pid), signal.SIGKILL)
    trial.process.wait()
    path = trial.folder / "run.sqlite"
    if path.exists():
        data = bytearray(path.read_bytes())
        start = trial.rng.randrange(len(data))
        data[start : start + 8192] = b"\xff" * min(8192, len(data) - start)
        path.write_bytes(bytes(data))
        for log in ("-wal", "-shm"):
            path.with_name(path.name + log).unlink(missing_ok=True)


FAULTS = {
    "gi killed": gi_killed,
    "worker killed": worker_killed,
    "out of memory": out_of_memory,
    "server killed": server_killed,
    "SIGSTOP, SIGCONT": stopped,
    "clock stepped": clock_stepped,
    "full disk": full_disk,
    "read-only folder": read_only,
    "run folder deleted": deleted,
    "a second gi": second_gi,
    "run file damaged": damaged,
}
OF_WORKERS = ("worker killed", "out of memory", "server killed")
NEEDS_DISK = ("full disk", "read-only folder")
STAND_INS: list[int] = []


def started(folder, *words, steppable=None):
    """`gi` at work; with a library as `steppable` its time of day moves by what stands in a file beside the folder."""
    if STAND_INS and not steppable:
        return Forked(stood_in, folder, STAND_INS[0], *words)
    options = ["--resume", folder] if "resume" in words else [*SETTINGS.split(), "--no-cache", "--out", folder]
    if MODULES and not steppable:
        return Forked(commanded, "evolve", *options, "--workers", "2")
    if STAND_INS:
        command = [sys.executable, "-c", DRIVER, str(HERE), str(folder), str(STAND_INS[0]), *words]
    else:
        command = [*GI, "evolve", *map(str, options), "--workers", "2"]
    variables = {"LD_PRELOAD": str(steppable), "STEP_FILE": str(folder.with_name("step"))} if steppable else {}
    environment = {**os.environ, **variables}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)


def clock_library(folder):
    source, library = folder / "step.c", folder / "step.so"
    source.write_text(STEPPED)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True, capture_output=True)


def next_evaluation_s(folder, process, known):
    """Seconds until the archive holds more than is known, or until the process ends."""
    begun = time.monotonic()
    while process.poll() is None and not evaluated(folder) - known:
        time.sleep(0.1)
    return time.monotonic() - begun


def struck(name, folder, moment_s, rng):
    """One trial: evaluations lost, whether the fault ended the run, seconds to go on, the last line that it wrote.

    Where the fault came too late, to a run that had ended, or too early, to one without a closed generation to go back
    to, what that says of the run's length: the factor to the one that was taken for it.
    """
    folder.with_name("step").unlink(missing_ok=True)
    library = clock_library(folder.parent) if name == "clock stepped" else None
    trial = Trial(folder, started(folder, steppable=library), rng)
    with contextlib.suppress(subprocess.TimeoutExpired):
        trial.process.wait(timeout=moment_s)
    while not (folder / "run.sqlite").exists() and trial.process.poll() is None:
        time.sleep(0.05)
    has_copy = (folder / "run.backup.sqlite").exists() or name != "run file damaged"
    if trial.process.poll() is not None or not has_copy:  # faster than the undisturbed one, or nothing to go back to
        factor = 1.5 if trial.process.poll() is None else 0.8
        signalled(tree(trial.process.pid), signal.SIGKILL)
        trial.process.wait()
        return factor
    before = evaluated(folder)
    try:
        undo = FAULTS[name](trial)
    except MissedError:
        return 0.8
    ends = name in (*NEEDS_DISK, "run folder deleted", "gi killed", "run file damaged")
    if not ends:
        to_go_on = next_evaluation_s(folder, trial.process, evaluated(folder))
        _, said = trial.process.communicate()
        return lost(before, folder), trial.process.returncode != 0, to_go_on, last(said)
    _, said = trial.process.communicate()
    status = trial.process.returncode
    if undo is not None:
        undo()
    kept = evaluated(folder)
    missing = before - kept if name != "run file damaged" else set()
    again = started(folder, "resume") if name != "run folder deleted" else started(folder)
    to_go_on = next_evaluation_s(folder, again, kept)
    _, errors = again.communicate()
    assert again.returncode == 0, errors
    return len(missing) + lost(before, folder), status != 0, to_go_on, last(said)


def lost(before, folder):
    return len(before - evaluated(folder))


def last(said):
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def trial_row(name, number, options, expected, span_s):
    rng = random.Random(f"{options.seed}/{name}/{number}")
    with tempfile.TemporaryDirectory() as scratch:
        if name in NEEDS_DISK:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", scratch], check=True)
        try:
            folder, answer = Path(scratch, "run"), 1.0
            while isinstance(answer, float):  # a busy machine is not as fast as it was
                span_s *= answer
                shutil.rmtree(folder, ignore_errors=True)
                moment_s = rng.uniform(0.1, 1.0) * span_s
                answer = struck(name, folder, moment_s, rng)
            gone, ended, to_go_on, said = answer
            same = dump(folder) == expected
        finally:
            if name in NEEDS_DISK:
                subprocess.run(["umount", "-l", scratch], check=True)
    return {"fault": name, "number": number, "moment_s": round(moment_s, 1), "lost": gone, "ended": ended,
            "equal": same, "to_go_on_s": round(to_go_on, 1), "said": said}  # fmt: skip


def table(rows):
    yield "| fault | times | run ended by it | evaluations lost | archive equal at the end | time to go on, median s |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in dict.fromkeys(row["fault"] for row in rows):
        some = [row for row in rows if row["fault"] == name]
        figures = (
            len(some),
            sum(r["ended"] for r in some),
            sum(r["lost"] for r in some),
            sum(r["equal"] for r in some),
        )
        yield f"| {name} | {' | '.join(map(str, figures))} | {statistics.median(r['to_go_on_s'] for r in some):.1f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--stand-ins", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results.jsonl")
    options = parser.parse_args()
    STAND_INS.extend([options.seed] if options.stand_ins else [])
    names = [name for word in options.faults.split(",") for name in FAULTS if name.startswith(word.strip())]
    names = [name for name in dict.fromkeys(names) if not (options.stand_ins and name in OF_WORKERS)]
    # A call that was stopped is taken up again.
    rows = [json.loads(line) for line in options.out.open()] if options.out.exists() else []
    done = {(row["fault"], row["number"]) for row in rows}
    with tempfile.TemporaryDirectory() as scratch:
        # Imports are two thirds of what so short a run takes: they are done once, and each run is a fork.
        MODULES.extend(() if options.stand_ins else imported(Path(scratch, "first")))
        for name in MODULES:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        begun = time.monotonic()
        whole = started(Path(scratch, "whole"))
        _, errors = whole.communicate()
        assert whole.returncode == 0, errors
        span_s, expected = time.monotonic() - begun, dump(Path(scratch, "whole"))
    print(f"an undisturbed run: {span_s:.0f} s, {expected.count(chr(10))} rows", flush=True)
    with options.out.open("a") as file:
        for number in range(options.times):  # in turn, so that a call that is stopped has some of each
            for name in (name for name in names if (name, number) not in done):
                rows.append(trial_row(name, number, options, expected, span_s))
                print(json.dumps(rows[-1]), file=file, flush=True)
                print(rows[-1], flush=True)
    print("\n".join(table(rows)))
    return 0 if all(row["equal"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
