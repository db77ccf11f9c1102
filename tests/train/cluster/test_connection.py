"""How this process comes to a cluster, and one line for each reason why it does not."""

import importlib.util
import signal
import socket
import sys
import threading

import pytest

from gi.core.errors import ConfigError
from gi.train.cluster.connection import _own_stdout, connected, slots


@pytest.fixture
def with_ray():
    pytest.importorskip("ray", reason="needs Ray: pip install 'gi[ray]'")


def test_without_ray_it_says_what_to_install(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else found(name))
    with pytest.raises(ConfigError, match=r"Ray is not installed here.*pip install 'gi\[ray\]'"), connected(None):
        pass


@pytest.mark.parametrize("address", ["nonsense", "http://head:6379", "head:many", "ray://", "head:99999"])
def test_an_address_that_is_none_is_told_with_the_form_of_one(address, with_ray):
    with pytest.raises(ConfigError, match="is no address: write HOST:PORT or ray://HOST:10001"), connected(address):
        pass


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_where_nobody_listens_it_does_not_wait_for_an_answer(form, with_ray):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = form.format(taken.getsockname()[1])
        with pytest.raises(ConfigError, match=f"no Ray cluster answers at {address}"), connected(address):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("token", ["another", ""])
def test_another_token_is_refused_and_so_is_none(token, nodes, monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    told = "refuses this machine's token: put the cluster's own"
    with pytest.raises(ConfigError, match=told), connected(nodes.address):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_cluster_has_a_slot_for_each_cpu_and_gives_signals_and_stdout_back(nodes):
    before = sys.stdout, signal.getsignal(signal.SIGTERM)
    with connected(nodes.address):
        assert slots("cpu") == 4
        with pytest.raises(ConfigError, match="the cluster has no GPU yet: pass --workers N"):
            slots("cuda")
    assert (sys.stdout, signal.getsignal(signal.SIGTERM)) == before


def test_stdout_is_this_threads_own(capsys):
    with _own_stdout():
        other = threading.Thread(target=print, args=("(raylet) a worker died",))
        other.start()
        other.join()
        sys.stdout.write("{}\n")
    assert capsys.readouterr() == ("{}\n", "(raylet) a worker died\n")
