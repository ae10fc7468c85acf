import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "js"


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_views_script_under_node():
    if not (FOLDER / "node_modules").exists():
        pytest.skip("jsdom is not installed (`make browser` does it where npm works)")
    command = ["node", "--test-reporter=tap", "all.mjs"]
    done = subprocess.run(command, cwd=FOLDER, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "\n# fail 0" in done.stdout
