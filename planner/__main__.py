"""`python -m planner`: the command line, whoever else owns the script's name."""

import sys

from planner.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
