"""Execute notebooks in kernels of their own, reached through sockets in a folder.

Jupyter chooses the ports of a kernel before the kernel binds them. Another test takes one of them now and then.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbclient
import nbformat
from traitlets.config import Config


def execute(notebook: nbformat.NotebookNode, folder: Path | None = None) -> None:
    """Execute every cell of a notebook in a new kernel, which starts in `folder`."""
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:  # a socket's path has at most 107 bytes
        nbclient.NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            store_widget_state=False,
            config=Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/socket"}),
        ).execute(**({} if folder is None else {"cwd": str(folder)}))
