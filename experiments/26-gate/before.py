"""How many of today's attacks the gate of an earlier commit lets through: `before.py COMMIT`.

The package of that commit is read out of the repository and run beside today's `tests/attacks`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
COUNTING = """
import json
from gi.source.gate.gate import refusals
from tests.attacks.followed import FOLLOWED
from tests.attacks.programs import ATTACKS
for kind, attacks in {"programs": ATTACKS, "followed": FOLLOWED}.items():
    passed = [name for name, (_, text) in attacks.items() if not refusals(text)]
    print(json.dumps({"attacks": kind, "count": len(attacks), "let through": len(passed), "names": passed}))
"""


def main() -> None:
    commit = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit, "gi"], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        (Path(folder) / "tests").symlink_to(ROOT / "tests")
        told = subprocess.run(
            [sys.executable, "-P", "-c", COUNTING], env={**os.environ, "PYTHONPATH": folder},
            cwd=folder, capture_output=True, check=True, text=True,
        ).stdout  # fmt: skip
    print(json.dumps([json.loads(line) for line in told.splitlines()], indent=1))


if __name__ == "__main__":
    main()
