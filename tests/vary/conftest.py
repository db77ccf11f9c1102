import pytest

from tests.checking import InProcess


@pytest.fixture(scope="session")
def check() -> InProcess:
    return InProcess()
