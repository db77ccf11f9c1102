"""The corpus that runs borrow from by default, built where it is missing."""

from pathlib import Path

from gi.api.messages import OnProgress, Tell
from gi.core.settings import cache_folder, is_offline


def build_default_corpus(*, tell: Tell, on_progress: OnProgress) -> Path:
    """The file of the default corpus; the first call builds it in a minute, and tells what it fetches."""
    from gi.corpus import default_corpus, default_corpus_file, fetch_text
    from gi.harvest import packages

    cache = cache_folder()
    if not default_corpus_file(cache).exists() and not is_offline():
        tell(f"{fetch_text(packages())}; GI_OFFLINE=1 leaves them out")
    left_out = list[str]()
    path = default_corpus(cache, on_progress=on_progress, tell=left_out.append)
    for line in left_out:
        tell(line)
    return path
