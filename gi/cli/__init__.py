"""The command line: verbs only. Each verb reads its options, calls one stage and prints what it answers.

A verb's module is imported when it is called, and stages inside the verbs, so that `gi --help` and `gi front` start
without torch, ONNX, DEAP and pymoo.
"""

import errno
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

import gi
from gi.cli.lazy_group import LazyGroup
from gi.cli.options import tell
from gi.core.errors import GiError

# In the order in which a newcomer needs them.
VERBS = {
    "evolve": "gi.cli.evolve",
    "front": "gi.cli.results",
    "show": "gi.cli.results",
    "report": "gi.cli.results",
    "export": "gi.cli.export",
    "failures": "gi.cli.results",
    "harvest": "gi.cli.stock",
    "corpus": "gi.cli.stock",
    "lines": "gi.cli.programs",
    "vary": "gi.cli.programs",
    "repair": "gi.cli.programs",
    "index": "gi.cli.index",
    "grow": "gi.cli.grow",
    "cache": "gi.cli.cache",
    "doctor": "gi.cli.machine",
}
COMPLETE_VARIABLE = "_GI_COMPLETE"  # click's name for it, which its scripts for shells set
EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


@click.group(
    cls=LazyGroup,
    modules=VERBS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(gi.__version__, prog_name="gi")
def group() -> None:
    """Genetic improvement of neural-network source code.

    A data set goes in; optimised, readable PyTorch source comes out, as a Pareto front over error, parameters and time.
    Results go to stdout, progress to stderr. Exit status: 0, 1 the work failed, 2 the call is wrong, 130 interrupted.
    """


def main() -> None:
    """Runs the command line of this process, or answers a shell that asks for completions, and exits."""
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        sys.exit(shell_complete(group, {}, "gi", COMPLETE_VARIABLE, instruction))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; its exit status. A user's mistake is one line on stderr."""
    try:
        # click's own `main` catches interrupts and closed pipes itself, with other texts and statuses (decision 001).
        with group.make_context("gi", list(arguments)) as context:
            status = group.invoke(context)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    # `gi` alone: what click would print to stdout is no answer.
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        return _refused(_usage_text(error), EXIT_USAGE)
    except GiError as error:
        return _refused(str(error), error.exit_status)
    # The shell's convention for a process that SIGINT ended: 128 + 2.
    except (KeyboardInterrupt, click.Abort):
        return _refused("interrupted.", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        # Python flushes stdout once more at its exit, and would print a traceback for the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A place that cannot be used is the call's mistake; a disk that fills up under way is not.
        return _refused(_system_text(error), EXIT_USAGE if error.errno in _WRONG_PLACE else EXIT_FAILED)


_WRONG_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


def _refused(text: str, status: int) -> int:
    tell(text)
    return status


def _usage_text(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" See `{context.command_path} --help`." if context else ""
    return error.format_message() + hint


def _system_text(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    advice = {
        errno.ENOSPC: "free some space or choose another folder.",
        errno.EROFS: "choose a folder that can be written.",
        errno.EACCES: "choose a place that you may use.",
    }
    return f"{place}{(error.strerror or str(error)).lower()}. {advice.get(error.errno or 0, '')}"
