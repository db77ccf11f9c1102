"""Two nodes of a Ray cluster on this machine, with a token of their own."""

import os

import pytest

# Ray reads it once, as it is imported, which the first test or module that asks for Ray does; `connected` sets it too.
os.environ.setdefault("RAY_AUTH_MODE", "token")


@pytest.fixture(scope="package")
def nodes(tmp_path_factory):
    pytest.importorskip("ray", reason="needs Ray: pip install 'gi[ray]'")
    from tests.ray_nodes import Nodes

    with pytest.MonkeyPatch.context() as patch, Nodes(tmp_path_factory.mktemp("node")) as started:
        for name, value in started.environment.items():
            patch.setenv(name, value)
        started.add()
        yield started
