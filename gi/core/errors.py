"""The one error root: what goes wrong for a reason that the user can mend."""


class GiError(Exception):
    """A mistake that one line can explain: which thing, the value got, the rule, what to do.

    The command line prints the line and exits with `exit_status`; anything that is not a `GiError` is a bug in gi.
    """

    exit_status = 2


class ConfigError(GiError):
    """An option or a combination of options that makes no sense."""


class RecordError(GiError):
    """A stored or sent record that has not the form that gi gives it."""


class DatasetError(GiError):
    """A data set that is unknown, missing or cannot be read."""


class SourceError(GiError):
    """Source text that cannot be parsed, built or made to fit."""


class UnrepairableError(SourceError):
    """A fix that a program's text cannot take: one line builds several layers that need different values, say."""


class HarvestError(GiError):
    """A source of programs that cannot be reached or read."""


class UnreachableError(HarvestError):
    """A package registry that does not answer, or not in time."""


class CorpusError(GiError):
    """A corpus file that is missing, not ours or of another version."""


class ArchiveError(GiError):
    """A run file that is missing, not ours, damaged or of a later version."""


class LaterFormatError(ArchiveError):
    """A run file that a later gi wrote."""


class WeightsError(GiError):
    """An index of weights that is missing, not ours or of another version, or a question that it cannot answer."""


class WorkerError(GiError):
    """The machinery that runs candidates cannot do its work here."""

    exit_status = 1


class BudgetError(GiError):
    """A budget that is too short for what it has to pay for."""


class RunError(GiError):
    """Work under way that had to stop; what was done so far is kept."""

    exit_status = 1
