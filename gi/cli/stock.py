"""The stock of lines to borrow from: `gi harvest`, `gi corpus`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gi.cli.corpus_file import fetch_missing_packages, open_corpus
from gi.cli.isolation import isolation_option
from gi.cli.options import Form, answer_form, print_answer, tell
from gi.core.errors import ConfigError, HarvestError
from gi.core.settings import cache_folder

if TYPE_CHECKING:
    from gi.cli.progress import Stages
    from gi.corpus import Added, Corpus

_corpus_option = click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(path_type=Path),
    show_default="the one that evolve uses",
    metavar="FILE",
    help="The corpus file; `gi harvest` makes it where there is none.",
)


@click.command()
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("--all", "everything", is_flag=True, help="The repositories of gi's own list.")
@click.option("--commit", help="The commit to read, by default the newest; for one SOURCE.")
@_corpus_option
@click.option("--workers", type=int, default=None, show_default="one for each core", help="Files read at once.")
@isolation_option
@answer_form
def harvest(
    *,
    sources: tuple[str, ...],
    everything: bool,
    commit: str | None,
    corpus_path: Path | None,
    workers: int | None,
    form: Form,
) -> int:
    """Add programs of repositories, folders or packages to the corpus.

    A SOURCE is a git URL (https, ssh, file), a folder, the name of an installed package, or a wheel of the package
    registry that is read and never installed (pypi:NAME==VERSION).
    """
    wanted = _wanted(sources, everything, commit)

    from gi.cli.progress import Stages

    answers = []
    with open_corpus(corpus_path, create=True) as stock, Stages(sys.stderr) as progress:
        for source, at in wanted:
            progress.start(source)
            answers.append(_harvested(stock, source, at, workers, progress))
    failed = [answer for answer in answers if "error" in answer]
    for answer in failed:
        tell(answer["error"])
    if form != "text" or len(failed) < len(answers):  # an empty table would repeat the errors
        _print_harvests(answers, stock.path, form)
    if not failed:
        return 0
    # All of them: the call was wrong. Some of them: a part of the work failed.
    return HarvestError.exit_status if len(failed) == len(answers) else 1


def _wanted(sources: tuple[str, ...], everything: bool, commit: str | None) -> list[tuple[str, str | None]]:
    """What to harvest, each with its commit or None."""
    if not sources and not everything:
        raise ConfigError(
            "nothing to harvest: name a git URL, a folder, an installed package or pypi:NAME==VERSION, or pass --all."
        )
    if commit and (len(sources) != 1 or everything):
        raise ConfigError(f"--commit {commit} goes with exactly one SOURCE: name one.")
    from gi.harvest import repositories

    listed = [(listed.url, listed.commit) for listed in repositories()] if everything else []
    return [(source, commit) for source in sources] + listed


def _harvested(
    stock: "Corpus", source: str, commit: str | None, workers: int | None, progress: "Stages"
) -> dict[str, Any]:
    """One source taken into the corpus, as a JSON object; with `error` where it could not be fetched."""
    from gi.harvest import harvest as read

    # One repository that is unreachable must not cost the others of a list.
    try:
        harvested = read(source, commit=commit, cache=cache_folder(), on_progress=progress)
    except HarvestError as error:
        return {"source": source, "error": str(error)}
    return {
        "source": source,
        "commit": harvested.commit,
        **_added_json(stock.add(harvested, workers=workers, on_progress=progress)),
    }


def _added_json(added: "Added") -> dict[str, Any]:
    refused = [{"path": refusal.path, "reason": refusal.reason} for refusal in added.refused]
    return {
        "repository": added.repository,
        "programs": added.programs,
        "lines": added.lines,
        "ingredients": added.ingredients,
        "classes": added.classes,
        "blocks": added.blocks,
        "refused": refused,
    }


def _print_harvests(answers: list[dict[str, Any]], path: Path, form: Form) -> None:
    if form == "text":
        from gi.report.printing import print_harvests

        print_harvests(answers, path)
    else:
        print_answer(form, {"corpus": str(path), "harvests": answers}, answers)


@click.command()
@_corpus_option
@click.option("--allow-licence", multiple=True, metavar="SPDX", help="Count this licence as allowed too.")
@click.option("--blocks", "of_blocks", is_flag=True, help="List the module classes that can be borrowed whole.")
@click.option("--fetch", is_flag=True, help="First fetch the packages that the default corpus lacks.")
@answer_form
def corpus(
    *, corpus_path: Path | None, allow_licence: tuple[str, ...], of_blocks: bool, fetch: bool, form: Form
) -> None:
    """Say what the corpus holds, by type, repository and licence.

    With --blocks: each module class that works as a layer, with its parameters, and why the others do not.
    """
    if fetch and corpus_path:
        raise ConfigError(f"--fetch is for the default corpus: harvest into {corpus_path} with `gi harvest`.")
    from gi.corpus import missing_packages
    from gi.report.printing import print_blocks, print_corpus
    from gi.report.rows import corpus_rows

    with open_corpus(corpus_path) as stock:
        if fetch:
            fetch_missing_packages(stock)
        borrowed = stock.with_licences(allow_licence)
        summary = borrowed.block_summary() if of_blocks else borrowed.summary().to_json()
        # Only the default corpus has a list that it could lack packages of.
        if corpus_path is None and (missing := missing_packages(stock)):
            names = ", ".join(package.name for package in missing)
            tell(f"it lacks {len(missing)} packages of its list: {names}; `gi corpus --fetch` fetches them")
        if form == "text":
            (print_blocks if of_blocks else print_corpus)(summary, stock.path)
        else:
            print_answer(form, {"corpus": str(stock.path), **summary}, corpus_rows(summary))
