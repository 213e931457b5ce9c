"""Every benchmark of this folder, or those named: python tests/bench/run.py [name ...]"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"run", "specs", "instances", "recorded"}


def main(names: list[str]) -> int:
    """Run them one after the other; the number of those that failed."""
    scripts = sorted(p for p in HERE.glob("*.py") if p.stem not in NOT_BENCHMARKS)
    failed = 0
    for script in scripts:
        if names and script.stem not in names:
            continue
        sys.stdout.write(f"\n== {script.stem}\n")
        sys.stdout.flush()
        failed += subprocess.run([sys.executable, str(script)], check=False).returncode > 0  # fmt: skip
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
