"""Tab completion through the entry point, as a shell asks for it."""

import os
import subprocess
import sys

import pytest

ENTRY = [sys.executable, "-c", "from gi.cli import main; main()"]


def completed(words: str, index: int) -> list[str]:
    asked = {"_GI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
    answer = subprocess.run(ENTRY, env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in answer.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell):
    asked = {"_GI_COMPLETE": f"{shell}_source"}
    answer = subprocess.run(ENTRY, env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert "_GI_COMPLETE" in answer.stdout
    assert "gi" in answer.stdout
    assert answer.stderr == ""


def test_verbs_options_and_choices_are_completed():
    assert completed("gi ev", 1) == ["evolve"]
    assert {"--budget", "--batch-size"} <= set(completed("gi evolve --b", 2))
    assert completed("gi evolve --clock ", 3) == ["cpu", "model"]
    assert "query" in completed("gi index ", 2)
