"""A run while it goes on: what its events say so far, as plain lines and as a panel that is drawn anew."""

from gi.report.live.lines import event_line
from gi.report.live.panel import run_panel
from gi.report.live.state import RunState

__all__ = ["RunState", "event_line", "run_panel"]
