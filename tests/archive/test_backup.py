import shutil
import sqlite3
from contextlib import closing

import pytest

import gi.api.evolving
import gi.search.evolve
from gi.archive import Archive, canonical_text, front_members, go_back
from gi.archive.backup import Backup
from gi.archive.schema import backup_file, connect_reader, connect_writer, run_file
from gi.core.errors import ArchiveError
from gi.core.lock import hold
from gi.core.settings import RunConfig
from gi.search.evolve import evolve, resume
from tests.stand_ins import OPEN, parts

CONFIG = RunConfig(
    dataset="digits", generations=3, population=5, images=30_000, finals=4, final_seeds=2, clock="model", seed=4
)


def dumped(folder):
    with Archive.open(folder) as archive:
        return canonical_text(archive)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    evolve(CONFIG, folder, workers=2, parts=parts())
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def spoiled(at, content):
    def spoil(path):
        data = bytearray(path.read_bytes())
        start = int(at * len(data))
        data[start : start + len(content)] = content
        path.write_bytes(bytes(data))

    return spoil


def patched(statement):
    def patch(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(statement)

    return patch


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE = {
    "the header": spoiled(0, b"\0" * 100),
    "the middle": spoiled(0.3, b"\xff" * 20_000),
    "zeros": spoiled(0.5, bytes(12_000)),
    "cut off": truncated,
    "empty": lambda path: path.write_bytes(b""),
    "another file": lambda path: path.write_text("not a run"),
    "gone": lambda path: path.unlink(),
    "a value": patched("UPDATE outcomes SET figures = substr(figures, 4) WHERE figures IS NOT NULL"),
    "a table": patched("DROP TABLE promotions"),
}


@pytest.mark.parametrize("spoil", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_run_goes_back_to_its_last_generation_and_ends_as_if_nothing_had_been(run, finished, spoil):
    path = run_file(run)
    spoil(path)
    wrong = path.read_bytes() if path.exists() else None
    with pytest.raises(
        ArchiveError, match=f"`gi evolve --resume {run}` goes back to the copy|Open a run that gi wrote"
    ):
        Archive.open(run)
    back = go_back(run)
    assert back is not None
    assert back.generation == CONFIG.generations
    assert "\n" not in back.fault
    assert (back.kept_as.read_bytes() if back.kept_as.exists() else None) == wrong
    resume(run, workers=2, parts=parts())
    assert dumped(run) == dumped(finished)


def test_a_log_of_the_damaged_file_is_not_played_into_the_copy(run, finished):
    path = run_file(run)
    with closing(connect_writer(path)) as db:
        db.execute("UPDATE sessions SET cpu_s = 1e6")
        log = path.with_name(f"{path.name}-wal").read_bytes()
    spoiled(0, b"\0" * 100)(path)
    path.with_name(f"{path.name}-wal").write_bytes(log)
    assert go_back(run) is not None
    with Archive.open(run) as archive:
        assert archive.cpu_s() < 1e6


def test_a_sound_run_stays_as_it_is(run):
    before = run_file(run).read_bytes()
    assert go_back(run) is None
    assert run_file(run).read_bytes() == before


def test_a_run_of_a_later_gi_is_not_damaged(run):
    patched("PRAGMA user_version = 99")(run_file(run))
    assert go_back(run) is None
    with pytest.raises(ArchiveError, match="has format 99"):
        Archive.open(run)


@pytest.mark.parametrize("copy", [None, b"no copy"])
def test_without_a_sound_copy_a_damaged_run_is_an_error_and_stays(run, copy):
    path = run_file(run)
    truncated(path)
    wrong = path.read_bytes()
    backup_file(path).unlink() if copy is None else backup_file(path).write_bytes(copy)
    assert go_back(run) is None
    assert path.read_bytes() == wrong


def test_a_run_that_another_process_writes_does_not_go_back(run):
    truncated(run_file(run))
    with closing(hold(run / "run.lock")), pytest.raises(ArchiveError, match="in use by another gi evolve"):
        go_back(run)


def test_damage_is_noticed_before_it_reaches_the_copy(run):
    path = run_file(run)
    sound = backup_file(path).read_bytes()
    spoiled(0.3, b"\xff" * 20_000)(path)
    with closing(sqlite3.connect(path)) as db, pytest.raises(ArchiveError, match="is damaged"):
        Backup(path, db).keep()
    assert backup_file(path).read_bytes() == sound
    assert not list(run.glob("*.part"))


def test_the_copy_is_one_file_that_opens_by_itself(run, tmp_path):
    (tmp_path / "alone").mkdir()
    alone = shutil.copy(backup_file(run_file(run)), tmp_path / "alone" / "run.sqlite")
    with closing(connect_reader(alone)) as db:
        assert db.execute("SELECT max(number) FROM generations").fetchone() == (CONFIG.generations,)
    assert [path.name for path in (tmp_path / "alone").iterdir()] == ["run.sqlite"]
    with Archive.open(tmp_path / "alone") as archive:
        assert front_members(archive)


def test_a_copy_of_a_large_file_that_takes_long_beside_what_it_saves_waits(run, monkeypatch):
    path = run_file(run)
    with closing(connect_writer(path)) as db:
        backup = Backup(path, db)
        backup_file(path).unlink()
        backup._taken_s, backup._ended = 1e9, 0.0
        monkeypatch.setattr("gi.archive.backup._SMALL_BYTES", 0)
        backup.keep()
        assert not backup_file(path).exists()
        monkeypatch.undo()
        backup.keep()
        assert backup_file(path).exists()


def test_a_resumed_run_says_what_it_went_back_to(run, monkeypatch):
    lines = []
    truncated(run_file(run))
    monkeypatch.setattr(gi.api.evolving, "run_gate", lambda *_, **__: OPEN)  # the stand-ins' programs are two numbers
    monkeypatch.setattr(gi.search.evolve, "resume", lambda *a, **o: resume(*a, **{**o, "parts": parts()}))
    gi.api.evolving.resume(run, workers=1, isolation="off", tell=lines.append)
    (line,) = [line for line in lines if "run.damaged-1.sqlite" in line]
    assert f"Going back to the copy after generation {CONFIG.generations}; what came later is done again." in line
