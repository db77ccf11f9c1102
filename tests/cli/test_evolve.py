import pytest

from gi.archive import Archive, run_summary
from gi.cli.evolve import _finish
from gi.core.errors import RunError
from tests.small_run import DEEP_ID, write_run


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (StopIteration(), "the best of the front is not exported: StopIteration"),
        (RunError("the text\n is none."), "the best of the front is not exported: the text is none."),
        (OSError(28, "No space left on device"), "the best of the front is not exported: [Errno 28] No space left"),
    ],
)
def test_an_export_that_fails_costs_a_line_and_not_the_front(tmp_path, monkeypatch, capsys, fault, told):
    def failing(*_, **__):
        raise fault

    monkeypatch.setattr("gi.export.export_best", failing)
    folder = write_run(tmp_path / "run")
    with Archive.open(folder) as archive:
        summary = run_summary(archive)
    assert _finish(folder, summary, "text") == 0
    printed = capsys.readouterr()
    (line,) = [row for row in printed.err.splitlines() if "exported" in row]
    assert line.startswith(f"gi: {told}")
    assert DEEP_ID[:8] in printed.out
