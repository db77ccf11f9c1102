"""Each layer's job, tried from inside a worker. Where the system lacks layers, what is left is not what is tested."""

import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gi.core.errors import ConfigError
from gi.sandbox.isolation import LAYERS, Reach, chosen_isolation
from gi.sandbox.seccomp import DENIED
from gi.sandbox.warm_worker import WarmWorker, WorkerDied

DEED = "tests.sandbox.attempts:deed"


@pytest.fixture(scope="module")
def layers():
    with WarmWorker("gi.sandbox.isolation:missing_layers", wall_limit_s=20, memory_mb=512) as worker:
        missing = worker.call()
    if missing:
        pytest.skip(f"this system lacks layers: {missing}")
    return LAYERS


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("places")
    for name in ("secret", "given"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("text")
    (folder / "taken").mkdir()
    return folder


@pytest.fixture(scope="module")
def worker(layers, places):
    reach = Reach(readable=(str(places / "given"),), writable=(str(places / "taken"),))
    with WarmWorker(DEED, wall_limit_s=30, memory_mb=2048, reach=reach) as warm:
        yield warm


@pytest.mark.parametrize(
    "name",
    [
        "start_a_program",
        "run_a_shell",
        "call_the_shell_of_libc",
        "fork",
        "start_a_process",
        "replace_itself",
        "listen_abstractly",
        "signal_the_server",
        "signal_everybody",
        "trace_the_server",
        "read_the_servers_memory",
        "read_the_servers_environment",
        "lift_limits",
        "leave_the_group",
        "mount",
        "enter_namespaces",
        "outlive_the_server",
        "keep_memory_in_a_file_without_a_name",
        "keep_memory_in_secret",
        "have_the_kernel_signal_the_server",
        "have_the_kernel_signal_a_thread_of_the_server",
        "have_a_socket_signal_the_server",
        "watch_a_folder_by_its_descriptor",
        "watch_a_mount",
        "write_a_segment_table",
        "read_and_write_behind",
        "move_the_servers_pages",
        "raise_its_turns",
        "hold_the_server_to_one_core",
        "signal_by_a_descriptor",
    ],
)
def test_other_processes_and_the_system_are_out_of_reach(worker, name):
    assert worker.call(name) != "done"


def test_newer_calls_are_denied_and_do_not_fail_for_their_arguments(worker, places):
    secret = str(places / "secret" / "file")
    attempts = (("mark_a_file", secret), ("set_a_files_flags", secret), ("keep_memory_in_secret",))
    for deed, *arguments in attempts:
        assert worker.call(deed, *arguments) == "PermissionError", deed
    assert os.listxattr(secret) == []


@pytest.mark.parametrize("name", ["start_a_thread", "write_in_scratch", "read_its_limits", "train", "import_lazily"])
def test_what_a_training_needs_works(worker, name):
    assert worker.call(name) == "done"


def test_the_network_is_out_of_reach(worker, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))
        local.listen()
        port = server.getsockname()[1]
        assert worker.call("connect_by_tcp", port) != "done"
        assert worker.call("send_by_udp", port) != "done"
        assert worker.call("connect_to_a_path", str(tmp_path / "socket")) != "done"


def test_files_are_out_of_reach_but_those_that_a_job_names(worker, places):
    secret, given, taken = (str(places / name) for name in ("secret", "given", "taken"))
    for deed, *arguments in (
        ("read", f"{secret}/file"),
        ("list_folder", secret),
        ("write", f"{secret}/new"),
        ("make_folder", f"{secret}/folder"),
        ("remove", f"{secret}/file"),
        ("truncate", f"{secret}/file"),
        ("change_mode", f"{secret}/file"),
        ("watch_a_folder", secret),
        ("write", f"{given}/file"),
        ("remove", f"{given}/file"),
        ("link", f"{taken}/link", f"{secret}/file"),
        ("hard_link", f"{taken}/hard", f"{secret}/file"),
        ("read", "/etc/passwd"),
        ("list_folder", str(Path.home())),
        ("list_folder", str(Path.cwd())),
        ("write", "/dev/shm/gi-attempt"),
    ):
        assert worker.call(deed, *arguments) != "done", (deed, arguments)
    assert worker.call("read", f"{given}/file") == "done"
    assert worker.call("list_folder", given) == "done"
    assert worker.call("write", f"{taken}/new") == "done"
    assert (places / "secret" / "file").read_text() == "text"
    assert (places / "given" / "file").read_text() == "text"


def test_a_programs_abort_still_ends_it_by_its_signal(layers):
    with WarmWorker("os:abort", wall_limit_s=10, memory_mb=256) as dying, pytest.raises(WorkerDied, match="SIGABRT"):
        dying.call()


def test_isolation_can_be_switched_off_and_a_wrong_word_is_refused(monkeypatch, places):
    monkeypatch.setenv("GI_ISOLATION", "off")
    with WarmWorker(DEED, wall_limit_s=30, memory_mb=512) as free:
        assert free.call("read", str(places / "secret" / "file")) == "done"
    monkeypatch.setenv("GI_ISOLATION", "strong")
    with pytest.raises(ConfigError, match="GI_ISOLATION is 'strong': choose from auto, strict, off"):
        chosen_isolation()


def test_strict_isolation_ends_a_worker_whose_layers_are_missing():
    program = (
        "import gi.sandbox.isolation as i\n"
        "def none(*_, **__): raise OSError(38, 'not there')\n"
        "i.restrict_files = none\n"
        "try: i.isolate('strict', i.Reach())\n"
        "except i.IsolationError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "landlock: not there\n"


def test_denied_calls_have_this_machines_numbers():
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if platform.machine() != "x86_64" or not header.exists():
        pytest.skip("the kernel's header for x86_64 is not installed")
    numbers = {name: int(n) for name, n in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
    assert {name: pair[0] for name, pair in DENIED.items()} == {
        name: numbers.get(name, DENIED[name][0]) for name in DENIED
    }
