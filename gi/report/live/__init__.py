"""The live display of a run: plain lines for its events, and a panel that is redrawn."""

from gi.report.live.lines import event_line
from gi.report.live.panel import run_panel
from gi.report.live.state import RunState

__all__ = ["RunState", "event_line", "run_panel"]
