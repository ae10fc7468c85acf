"""`python -m training` is the `rltf` command. This module does nothing else."""

import sys

from training.cli import main

if __name__ == "__main__":
    sys.exit(main())
