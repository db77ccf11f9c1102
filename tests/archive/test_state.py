from gi.archive import Archive, run_summary
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig


def test_what_a_run_reads_is_no_state_of_it(tmp_path):
    objectives = [OBJECTIVES["error"], OBJECTIVES["params"]]
    with Archive.create(
        tmp_path, RunConfig(dataset="digits"), objectives=objectives, rungs=(640,), seeds=[]
    ) as archive:
        for kind in ("data", "stock"):
            archive.sessions.add_event(kind, digest="x")
        assert run_summary(archive).state == "started"
        archive.sessions.add_event("interrupted")
        archive.sessions.add_event("stock", digest="y")
        assert run_summary(archive).state == "interrupted"
