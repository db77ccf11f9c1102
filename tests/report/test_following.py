import http.client
import json
from urllib.parse import urlsplit

import pytest

from gi.archive import Archive
from gi.cli import run
from gi.core.errors import ArchiveError, ConfigError
from gi.core.types import Failed
from gi.report.page import following
from gi.report.page.following import Followed, served
from tests.small_run import SMALL_ID, write_run


@pytest.fixture
def followed(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "_EVERY_S", 0.0)
    monkeypatch.setattr(following, "_SHARE", 1e9)
    return Followed(write_run(tmp_path / "run"))


@pytest.fixture
def url(followed):
    with served(followed) as address:
        yield urlsplit(address)


def asked(url, path, method="GET", **headers):
    """Status, headers and text of the answer; a header of None is left out."""
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": url.netloc, **headers}.items():
        if value is not None:
            connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def add_outcome(folder):
    with Archive.annotate(folder) as archive:
        archive.outcomes.add(SMALL_ID, Failed("train", "nan"), seed=9, images=640)


def test_it_listens_on_this_machine_alone_under_a_path_that_nobody_guesses(url):
    assert url.hostname == "127.0.0.1"
    assert len(url.path.strip("/")) >= 32


def test_the_page_may_ask_its_own_server_and_nobody_else(url):
    status, headers, page = asked(url, url.path)
    assert status == 200
    assert "connect-src 'self'" in page
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_what_changed_is_told_to_who_has_not_got_it(followed, url, tmp_path):
    assert asked(url, f"{url.path}content?after=1")[0] == 204
    followed.refresh()
    assert asked(url, f"{url.path}content?after=1")[0] == 204, "nothing changed"
    add_outcome(tmp_path / "run")
    followed.refresh()
    status, _, text = asked(url, f"{url.path}content?after=1")
    told = json.loads(text)
    assert (status, told["version"]) == (200, 2)
    assert sum(group["count"] for group in told["failures"]) == 2
    assert asked(url, f"{url.path}content?after=2")[0] == 204


def test_a_run_that_has_gone_is_said_and_what_was_read_stays(followed, url, tmp_path):
    (tmp_path / "run" / "run.sqlite").unlink()
    followed.refresh()
    status, _, text = asked(url, f"{url.path}content?after=0")
    assert (status, "holds no run" in text) == (503, True)
    assert asked(url, url.path)[0] == 200


@pytest.mark.parametrize("path", ["/", "/content", "/wrong/", "/wrong/content?after=0", "*", "http://127.0.0.1/", "//"])
def test_without_the_token_there_is_nothing(url, path):
    assert asked(url, path)[0] == 404


@pytest.mark.parametrize("name", ["", "run.sqlite", "../", "content/"])
def test_with_the_token_there_are_two_pages(url, name):
    expected = 404 if name else 200
    assert asked(url, url.path + name)[0] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.com"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1.example.com:{port}"},
        {"Host": None},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_foreign_host_or_page_is_refused_though_it_has_the_token(url, headers):
    given = {name: value and value.format(port=url.port) for name, value in headers.items()}
    for path in (url.path, f"{url.path}content?after=0"):
        status, _, text = asked(url, path, **given)
        assert status == 403
        assert "nan" not in text


def test_its_own_page_is_answered(url):
    own = {"Origin": f"http://{url.netloc}", "Sec_Fetch_Site": "same-origin"}
    assert asked(url, f"{url.path}content?after=0", **own)[0] == 200
    assert asked(url, url.path, Host=f"localhost:{url.port}", Sec_Fetch_Site="none")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_it_is_only_read(url, method):
    assert asked(url, url.path, method)[0] == 501


def test_a_port_that_is_taken_and_a_folder_without_a_run_are_one_line(followed, url, tmp_path):
    with pytest.raises(ConfigError, match=f"--port {url.port} cannot be used"), served(followed, url.port):
        pass
    with pytest.raises(ArchiveError, match="holds no run"):
        Followed(tmp_path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--follow", "-o", "a.html"], "--follow writes no file: leave --out out"),
        (["--follow", "--force"], "--follow writes no file: leave --force out"),
        (["--port", "8000"], "--port 8000 is for --follow"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, options, says):
    assert run(["report", str(write_run(tmp_path / "run")), *options]) == 2
    assert says in capsys.readouterr().err


def test_the_verb_prints_the_address_and_ends_with_ctrl_c(tmp_path, capsys, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(following.time, "sleep", interrupted)
    assert run(["report", str(write_run(tmp_path / "run")), "--follow"]) == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
