"""The pages of the documentation, and the examples in them: fenced blocks, read by Sybil.

`console` holds commands, behind a prompt `$ ` where their output stands below; `python` blocks of a page share their
names; a `diff` is a patch to gi's own tree; `text` is for people only. A comment `<!-- not run: REASON -->` right above
a block keeps it from being run. Its commands are held against the command line's own parser all the same.
"""

import re
import shlex
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sybil import Document
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer

import gi

ROOT = Path(gi.__file__).parents[1]
PAGES = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
LANGUAGES = ("console", "python", "diff", "sql", "text")
PROMPT = "$ "


@dataclass(frozen=True)
class Block:
    """One example: where it begins, what it says, and why it is not run; "" for one that is."""

    page: str
    line: int
    language: str
    text: str
    not_run: str
    namespace: dict = field(compare=False)

    @property
    def commands(self):
        """The command lines of a `console` block, each as its words; a `>` stands among them."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if any(line.startswith(PROMPT) for line in lines):
            lines = [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        return [words for line in lines if (words := shlex.split(line, comments=True))]


@cache
def blocks(page):
    """The examples of a page in their order."""
    document = Document((ROOT / page).read_text("utf-8"), str(ROOT / page))
    reasons = {
        document.text.index("\n", region.end) + 1: region.lexemes["arguments"]
        for region in DirectiveInHTMLCommentLexer("not run", r".+?")(document)
    }
    return tuple(
        Block(
            page,
            document.text.count("\n", 0, region.start) + 1,
            region.lexemes["language"],
            region.lexemes["source"],
            reasons.get(region.start, ""),
            document.namespace,
        )
        for region in FencedCodeBlockLexer(r"[\w-]+")(document)
    )


def gi_commands():
    """Every `gi ...` of every page, as (page and line, words)."""
    return [
        (f"{block.page}:{block.line}", words)
        for page in PAGES
        for block in blocks(page)
        if block.language == "console"
        for words in block.commands
        if words[0] == "gi"
    ]


def links(page):
    """The targets of a page's links and pictures, code aside."""
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"(?:\]\(|^\[[^\]]+\]: )([^)\s]+)", text, flags=re.MULTILINE)


def anchors(page):
    """The names of a page's headings as GitHub links to them."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
