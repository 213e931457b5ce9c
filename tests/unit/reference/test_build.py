"""The shipped tables are what the build makes of the gathered raw facts."""

import filecmp
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FACTS = ROOT.parent / "shared" / "data"
SHIPPED = ROOT / "planner" / "reference" / "data"
ARGUMENTS = ["--facts", FACTS, "--out"]


def tables(folder):
    return {p.relative_to(folder) for p in folder.rglob("*.csv")}


@pytest.mark.slow
@pytest.mark.skipif(
    not FACTS.is_dir(), reason=f"the gathered raw facts are not at {FACTS}"
)
def test_the_build_reproduces_the_shipped_tables_byte_by_byte(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "scripts.reference.build", *ARGUMENTS, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert tables(tmp_path) == tables(SHIPPED)
    names = sorted(str(p) for p in tables(SHIPPED))
    _, different, missing = filecmp.cmpfiles(tmp_path, SHIPPED, names, shallow=False)
    assert (different, missing) == ([], [])
