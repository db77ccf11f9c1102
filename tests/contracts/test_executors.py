"""The executor of this machine and the stand-in of the tests keep to one contract."""

import pytest

from gi.core.settings import RunConfig
from gi.train.executor import LocalExecutor
from tests.contracts.executor import ExecutorContract
from tests.programs import PROGRAM
from tests.stand_ins import OPEN, PoolExecutor


class TestLocalExecutor(ExecutorContract):
    good = (PROGRAM, PROGRAM.replace("lr=0.05", "lr=0.001"))
    bad = "def"
    endless = "import time; time.sleep(100)"

    @pytest.fixture
    def executor(self, server, digits):
        config = RunConfig(dataset="digits", images=640, memory_limit_mb=1024, cpu_limit_s=20)
        with LocalExecutor(digits, config, workers=2, gate=OPEN) as local:
            yield local


class TestStandIn(ExecutorContract):
    good = ("8 1", "64 2")
    bad = "no numbers"
    endless = "9 9"

    @pytest.fixture
    def executor(self):
        stand_in = PoolExecutor(2, delay_s=lambda job: 100.0 if job.text == self.endless else 0.0)
        yield stand_in
        stand_in.shutdown()
