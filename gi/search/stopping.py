"""Ctrl-C and SIGTERM as a request to stop, which the loop handles at safe points."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):  # noqa: N818 (a request, not an error)
    """The user asked the run to stop."""


@contextmanager
def stop_requests(on_first: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Yields a function: whether SIGINT or SIGTERM arrived. A second signal raises `KeyboardInterrupt` at once.

    `on_first` is called in the signal handler: the loop may react seconds later.

    Outside the main thread Python takes no signal handlers: the answer then stays False.
    """
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        # The second one ends the program at once, whatever it is doing.
        if noted:
            raise KeyboardInterrupt
        noted.append(number)
        on_first()

    # Python allows signal handlers in the main thread alone; a run in another is stopped by its caller.
    in_main_thread = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if in_main_thread else ()
    before = [(number, signal.signal(number, note)) for number in numbers]
    try:
        yield lambda: bool(noted)
    # The caller's handlers are restored, in tests and notebooks too.
    finally:
        for number, handler in before:
            signal.signal(number, handler)
