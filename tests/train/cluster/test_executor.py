"""Jobs on two nodes: the contract of executors, and what a node costs that dies."""

import time
from dataclasses import replace

import pytest

from gi.core.errors import ConfigError
from gi.core.protocols import Job
from gi.core.settings import RunConfig
from gi.core.types import Failed, Scored
from gi.train.executor import LocalExecutor
from tests.contracts.executor import ExecutorContract
from tests.programs import PROGRAM
from tests.stand_ins import OPEN

pytest.importorskip("ray", reason="needs Ray: pip install 'gi[ray]'")
pytestmark = pytest.mark.slow

CONFIG = RunConfig(dataset="digits", images=640, memory_limit_mb=1024, cpu_limit_s=20, clock="model")
ENDLESS = "import time; time.sleep(100)"
_ENDING = ("shutdown", "waits_for_nothing")  # tests that leave no slot to the next one


@pytest.fixture(scope="module")
def connection(nodes):
    import ray

    ray.init(nodes.address, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def make(connection, digits):
    from gi.train.cluster.executor import RayExecutor

    def made(config=CONFIG, **options):
        return RayExecutor(digits, config, **{"workers": 2, "gate": OPEN} | options)

    return made


@pytest.fixture(scope="module")
def shared(make):
    with make() as executor:
        warm(executor)
        yield executor


def warm(executor):
    """Has every slot begin: on a busy machine its first evaluation waits for a server that imports torch."""
    for future in [executor.submit(job(n)) for n in range(executor.capacity)]:
        future.result(600)


class TestRayExecutor(ExecutorContract):
    good = (PROGRAM, PROGRAM.replace("lr=0.05", "lr=0.001"))
    bad = "def"
    endless = ENDLESS

    @pytest.fixture
    def executor(self, request, make, shared):
        """One for all tests but those that end it: the warm server of each slot takes seconds to start."""
        if not any(word in request.node.name for word in _ENDING):
            yield shared
            return
        with make() as executor:
            yield executor


def job(number=0, text=PROGRAM, **fields):
    return Job(**{"id": f"it-{number}", "text": text, "seed": number, "images": 640} | fields)


@pytest.fixture(scope="module")
def local(server, digits):
    with LocalExecutor(digits, CONFIG, workers=2, gate=OPEN) as executor:
        yield executor


def values(executor, jobs):
    return [future.result(120).values for future in [executor.submit(job) for job in jobs]]


def test_an_outcome_is_that_of_the_local_executor(shared, local):
    jobs = [job(number) for number in range(4)]
    assert values(shared, jobs) == values(local, jobs)


def test_weights_and_what_starts_from_them_are_those_of_the_local_executor(shared, local, tmp_path):
    parents = {}
    for name, executor in (("here", local), ("there", shared)):
        parents[name] = tmp_path / name / "parent.pt"
        assert isinstance(executor.submit(job(1, weights_path=str(parents[name]))).result(120), Scored)
    children = [replace(job(2), inherit_from=str(path)) for path in parents.values()]
    assert values(shared, children) == values(local, children[::-1])
    assert values(shared, children)[0] != values(shared, [job(2)])[0]


def test_a_cost_model_is_asked_on_this_machine(make):
    asked = []

    def cost_model(job):
        asked.append(job.id)
        return {"time": 7.0}

    with make(workers=1, cost_model=cost_model) as executor:
        assert executor.submit(job(3)).result(120).values["time"] == 7.0
    assert asked == ["it-3"]


def test_a_node_that_dies_costs_what_ran_on_it(make, nodes, local, caplog):
    long = [job(number, images=40_000) for number in range(8)]
    other = nodes.add()
    with make(workers=6) as executor:
        futures = [executor.submit(each) for each in long]
        while not any(future.done() for future in futures):
            time.sleep(0.05)
        nodes.kill(other)
        assert [future.result(300).values for future in futures] == values(local, long)
        assert executor.submit(job(9)).result(120).values == values(local, [job(9)])[0]


def test_a_job_that_ends_one_slot_after_another_has_failed(make, monkeypatch):
    from gi.train.cluster import executor as module
    from gi.train.cluster.remote import SlotLostError

    with make(workers=1) as executor:
        monkeypatch.setattr(module.RemoteSlot, "evaluate", lambda *_: (_ for _ in ()).throw(SlotLostError("gone")))
        outcome = executor.submit(job(4)).result(300)
    assert isinstance(outcome, Failed)
    assert (outcome.stage, outcome.reason) == ("worker", "slots lost")


def test_nodes_with_other_versions_are_refused(make, monkeypatch):
    from gi.train.cluster import executor as module

    others = module.installed_versions() | {"torch": "1.0"}
    monkeypatch.setattr(module, "installed_versions", lambda: others)
    with pytest.raises(ConfigError, match=r"has torch .*, this machine 1\.0: outcomes would differ"):
        make(workers=1)


def test_a_gpu_is_chosen_by_ray(make):
    with pytest.raises(ConfigError, match="Pass cuda"):
        make(replace(CONFIG, device="cuda:1"))
