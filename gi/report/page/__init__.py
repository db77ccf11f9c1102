"""One HTML file that shows a run and needs nothing else: no network, no server, no other file."""

from gi.report.page.following import follow
from gi.report.page.writing import write_page

__all__ = ["follow", "write_page"]
