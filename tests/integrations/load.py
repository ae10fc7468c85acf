"""What `test_load.py` runs inside the jail."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.serve import main

if __name__ == "__main__":
    main(["--requests", "400", "--hostile", "0.05", "--callers", "12"])
