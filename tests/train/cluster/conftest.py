"""Two nodes of a Ray cluster on this machine, with a token of their own."""

import pytest


@pytest.fixture(scope="package")
def nodes(tmp_path_factory):
    pytest.importorskip("ray", reason="needs Ray: pip install 'gi[ray]'")
    from tests.ray_nodes import Nodes

    with pytest.MonkeyPatch.context() as patch, Nodes(tmp_path_factory.mktemp("node")) as started:
        for name, value in started.environment.items():
            patch.setenv(name, value)
        started.add()
        yield started
