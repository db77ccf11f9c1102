"""The warm worker: calls, what stops one, and what a fresh one takes over."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gi.core.errors import WorkerError
from gi.sandbox.limits import Limits
from gi.sandbox.server import ForkServer, warm_server
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout


def test_answers_calls_in_one_process(server: ForkServer) -> None:
    with WarmWorker("os:getpid", wall_limit_s=5, memory_mb=256) as worker:
        assert worker.call() == worker.call() != os.getpid()


def test_a_call_costs_less_than_a_millisecond(server: ForkServer) -> None:
    with WarmWorker("math:sqrt", wall_limit_s=5, memory_mb=256) as worker:
        worker.call(4)
        times = []
        for _ in range(200):
            start = time.perf_counter()
            assert worker.call(4.0) == 2.0
            times.append(time.perf_counter() - start)
    assert sorted(times)[100] < 0.001


def test_a_call_that_hangs_is_cut_off_and_the_next_one_works(server: ForkServer) -> None:
    with WarmWorker("time:sleep", wall_limit_s=0.3, memory_mb=256) as worker:
        with pytest.raises(WorkerTimeout, match=r"no answer within 0\.3 s"):
            worker.call(50)
        assert worker.call(0) is None


def test_a_call_that_kills_its_process_says_how_and_the_next_one_works(server: ForkServer) -> None:
    with WarmWorker("os:_exit", wall_limit_s=5, memory_mb=256) as worker, pytest.raises(WorkerDied, match="status 7"):
        worker.call(7)
    with WarmWorker("signal:raise_signal", wall_limit_s=5, memory_mb=256) as worker:
        with pytest.raises(WorkerDied, match="SIGSEGV"):
            worker.call(11)
        assert worker.call(17) is None  # SIGCHLD, which is ignored


def test_an_exception_of_the_function_is_an_error_with_its_text(server: ForkServer) -> None:
    with WarmWorker("math:sqrt", wall_limit_s=5, memory_mb=256) as worker:
        with pytest.raises(WorkerError, match=r"math:sqrt failed: ValueError"):
            worker.call(-1)
        assert worker.call(1) == 1


def test_a_result_that_is_no_json_is_an_error(server: ForkServer) -> None:
    with (
        WarmWorker("builtins:object", wall_limit_s=5, memory_mb=256) as worker,
        pytest.raises(WorkerError, match="not JSON serializable"),
    ):
        worker.call()


@pytest.mark.parametrize("target", ["no_such_module:f", "math:no_such_function"])
def test_a_target_that_does_not_exist_is_an_error(server: ForkServer, target: str) -> None:
    with WarmWorker(target, wall_limit_s=5, memory_mb=256) as worker, pytest.raises(WorkerError, match="cannot start"):
        worker.call()


def test_memory_is_limited(server: ForkServer) -> None:
    with (
        WarmWorker("builtins:bytearray", wall_limit_s=5, memory_mb=256) as worker,
        pytest.raises(WorkerError, match="MemoryError"),
    ):
        worker.call(1 << 30)


def test_is_recycled_after_its_calls(server: ForkServer) -> None:
    with WarmWorker("os:getpid", wall_limit_s=5, memory_mb=256, recycle_after=2) as worker:
        pids = [worker.call() for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_last_call_ends_its_process(server: ForkServer) -> None:
    with WarmWorker("os:getpid", wall_limit_s=5, memory_mb=256) as worker:
        pids = [worker.call(), worker.last_call(), worker.last_call(), worker.call(), worker.call()]
    assert pids[0] == pids[1] != pids[2] != pids[3] == pids[4]


def test_calls_from_threads_take_turns(server: ForkServer) -> None:
    results: list[float] = []
    with WarmWorker("math:sqrt", wall_limit_s=5, memory_mb=256) as worker:
        threads = [threading.Thread(target=lambda i=i: results.append(worker.call(i * i))) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == list(range(20))


def test_large_messages_pass(server: ForkServer) -> None:
    with WarmWorker("builtins:len", wall_limit_s=5, memory_mb=256) as worker:
        assert worker.call("x" * 3_000_000) == 3_000_000


def test_closing_leaves_no_process(server: ForkServer, processes: Callable[[], set[int]]) -> None:
    worker = WarmWorker("os:getpid", wall_limit_s=5, memory_mb=256)
    pid = worker.call()
    assert pid in processes()
    worker.close()
    assert pid not in processes()


def test_the_server_has_one_thread_and_ends_with_its_last_user(
    processes: Callable[[], set[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    own = ForkServer()
    try:
        with own.fork("math:sqrt", Limits(memory_mb=256)) as child:
            child.wait()
        assert own._process is not None
        pid = own._process.pid
        assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
        assert list(tmp_path.glob("gi-*"))
    finally:
        own.close()
    assert pid not in processes()
    assert not list(tmp_path.glob("gi-*"))


def test_users_share_one_server(server: ForkServer) -> None:
    with warm_server() as other:
        assert other is server


def test_says_why_the_server_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gi.sandbox.server._import_path", lambda: [])
    own = ForkServer()
    try:
        with pytest.raises(WorkerError, match=r"cannot start .*(No module named|Error).*gi doctor"):
            own.fork("math:sqrt", Limits(memory_mb=256))
    finally:
        own.close()


def test_a_process_that_is_killed_while_it_starts_is_started_again(server: ForkServer, monkeypatch) -> None:
    fork, killed = server.fork, []

    def killing(*arguments, **named):
        child = fork(*arguments, **named)
        if not killed:
            killed.append(child.pid)
            child.kill()
        return child

    with WarmWorker("math:sqrt", wall_limit_s=20, memory_mb=256) as worker:
        monkeypatch.setattr(worker._server, "fork", killing)
        assert worker.call(9.0) == 3.0
        assert killed
