import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gi.archive import Archive, refuse_unfit, run_summary
from gi.core.errors import ArchiveError
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig

CONFIG = RunConfig(dataset="digits")
THREE = [OBJECTIVES[key] for key in CONFIG.objectives]


def create(folder, **options):
    return Archive.create(folder, CONFIG, objectives=THREE, rungs=(30_000,), seeds=[], **options)


def patched(path, statement):
    db = sqlite3.connect(path)
    db.execute(statement)
    db.commit()
    db.close()


def not_sqlite(path):
    path.write_bytes(b"not a database at all" * 100)


def foreign(path):
    patched(path, "CREATE TABLE other (x)")


def later(path):
    create(path.parent).close()
    patched(path, "PRAGMA user_version = 99")


def truncated(path):
    create(path.parent).close()
    path.write_bytes(path.read_bytes()[:5000])


def damaged(path):
    create(path.parent).close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))


def empty(path):
    path.touch()


BAD_FILES = [
    (not_sqlite, "is not a run of gi's"),
    (foreign, "is not a run of gi's"),
    (empty, "is not a run of gi's"),
    (later, "has format 99: this gi reads up to 8"),
    (truncated, "is damaged"),
    (damaged, "is damaged"),
]


@pytest.mark.parametrize(("spoil", "says"), BAD_FILES, ids=lambda v: getattr(v, "__name__", None))
def test_refuses_a_run_file_that_is_foreign_later_or_damaged(tmp_path, spoil, says):
    spoil(tmp_path / "run.sqlite")
    for use in (lambda: Archive.open(tmp_path).run(), lambda: Archive.resume(tmp_path)):
        with pytest.raises(ArchiveError, match=says) as caught:
            use()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("use", [Archive.open, Archive.resume])
def test_refuses_a_folder_without_a_run(tmp_path, use):
    with pytest.raises(ArchiveError, match=r"holds no run: expected run\.sqlite"):
        use(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_refuses_to_start_where_there_is_a_run(tmp_path):
    create(tmp_path).close()
    with pytest.raises(ArchiveError, match="holds a run already: go on with it by `gi evolve --resume"):
        create(tmp_path)
    with pytest.raises(ArchiveError, match="holds a run already"):
        refuse_unfit(tmp_path)


def test_refuses_a_file_as_folder(tmp_path):
    (tmp_path / "taken").touch()
    for folder in (tmp_path / "taken", tmp_path / "taken" / "deeper"):
        with pytest.raises(ArchiveError, match="is a file: pass a folder"):
            refuse_unfit(folder)
    with pytest.raises(ArchiveError, match="cannot be made"):
        create(tmp_path / "taken" / "deeper")


def test_a_run_has_one_writer_and_its_readers_do_not_mind(tmp_path):
    with create(tmp_path):
        with pytest.raises(ArchiveError, match="is in use by another gi evolve"):
            Archive.resume(tmp_path)
        Archive.open(tmp_path).close()
    Archive.resume(tmp_path).close()


def test_a_run_opens_by_its_folder_and_by_its_file(tmp_path):
    create(tmp_path).close()
    for path in (tmp_path, tmp_path / "run.sqlite"):
        with Archive.open(path) as archive:
            assert archive.run().config == CONFIG


def test_sessions_are_told_apart(tmp_path):
    with create(tmp_path) as archive:
        archive.sessions.set_cost(2.0, 3.0)
    with Archive.resume(tmp_path) as archive:
        archive.sessions.set_cost(5.0, 6.0)
        assert archive.sessions.cpu_s() == 7.0
        assert [e.kind for e in archive.sessions.events()] == ["started", "resumed"]


def test_a_start_that_was_cut_off_is_started_over(tmp_path):
    (tmp_path / "run.sqlite.part").write_bytes(b"half")
    create(tmp_path).close()
    assert not (tmp_path / "run.sqlite.part").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from gi.archive import Archive
from gi.core.settings import RunConfig
archive = Archive.create(Path(sys.argv[1]), RunConfig(dataset="digits"), objectives=[], rungs=(30_000,), seeds=[])
for n in range(20):
    archive.sessions.add_event("note", n=n)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_loses_nothing_that_it_wrote(tmp_path):
    killed(tmp_path / "run")
    with Archive.open(tmp_path / "run") as archive:
        assert [e.detail["n"] for e in archive.sessions.events() if e.kind == "note"] == list(range(20))
    with Archive.resume(tmp_path / "run") as archive:
        assert len(archive.sessions.events()) == 22


def read_as_an_ordinary_user(folder):
    """What a process that may not write finds: "events" and their number, or the error."""
    receiver, sender = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if os.getuid() == 0:  # nothing is read-only to root
                os.setuid(65534)
            with Archive.open(folder) as archive:
                said = f"{len(archive.sessions.events())} {run_summary(archive).state}"
        except BaseException as error:
            said = repr(error)
        os.write(sender, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(sender)
    with os.fdopen(receiver) as answer:
        return answer.read()


def killed(folder):
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, timeout=60)


def finished(folder):
    create(folder).close()


def killed_without_its_log(folder):
    killed(folder)
    (folder / "run.sqlite-wal").unlink()
    (folder / "run.sqlite-shm").unlink()


@pytest.mark.parametrize(
    ("make", "found"), [(finished, "1 started"), (killed, "21 started"), (killed_without_its_log, "")]
)
def test_reads_a_run_in_a_read_only_folder(make, found):
    base = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    try:
        make(base / "run")
        for path in [*(base / "run").iterdir(), base / "run", base]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        said = read_as_an_ordinary_user(base / "run")
        assert said == found if found else said.endswith(" started")
    finally:
        base.chmod(0o755)
        (base / "run").chmod(0o755)
        shutil.rmtree(base)


def test_a_folder_with_other_files_becomes_no_run(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ArchiveError, match=r"holds other files \(thesis\.tex, \.\.\.\): pass a new or empty folder"):
        refuse_unfit(tmp_path)


def test_what_a_killed_start_leaves_is_no_other_file(tmp_path):
    (tmp_path / "run.lock").touch()
    (tmp_path / "run.sqlite.part").touch()
    refuse_unfit(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run.lock", "run.sqlite.part"}
