"""What trainings gave, kept across runs: `gi cache`."""

import click

from gi.cli.options import Form, answer_form, print_answer, say
from gi.core.errors import ConfigError, RunError

_MB = 1_000_000


@click.command()
@click.option("--clear", is_flag=True, help="Forget every outcome.")
@click.option("--limit", "limit_mb", type=int, metavar="MB", help="Bound the cache from now on; 256 at first.")
@answer_form
def cache(*, clear: bool, limit_mb: int | None, form: Form) -> None:
    """Say what is kept of earlier trainings.

    `gi evolve` takes what a training gave from there where the same one was done before. The outcomes lie in the cache
    folder ($GI_CACHE); those that were not used for the longest time give way first.
    """
    # Before the cache is opened, which makes its file where there is none.
    if limit_mb is not None and not 1 <= limit_mb <= _MB:
        raise ConfigError(
            f"limit is {limit_mb} MB: it must be from 1 to {_MB:,}. To keep nothing: gi evolve --no-cache."
        )
    from gi.train.cache.store import OutcomeCache, outcomes_folder

    with OutcomeCache(outcomes_folder()) as outcomes:
        if clear and not outcomes.clear():
            raise RunError(f"{outcomes.path} cannot be written to: nothing was forgotten.")
        if limit_mb is not None and not outcomes.set_limit(limit_mb * _MB):
            raise RunError(f"{outcomes.path} cannot be written to: its bound is the same.")
        usage, path = outcomes.usage(), outcomes.path
    if form != "text":
        counts = {"entries": usage.entries, "hits": usage.hits}
        print_answer(form, {"path": str(path), **counts, "bytes": usage.used_bytes, "limit_bytes": usage.limit_bytes})
        return
    count = "1 outcome" if usage.entries == 1 else f"{usage.entries:,} outcomes"
    say(f"{count} in {usage.used_bytes / _MB:.1f} MB of at most {usage.limit_bytes / _MB:,.0f} MB: {path}")
    say(f"taken in place of a training: {usage.hits:,} times")
