"""Optional packages are named here, so that every message about a missing one reads the same."""


def needs(package: str, extra: str) -> str:
    """Say which package is missing and which extra of rltf installs it."""
    return f"needs {package}: pip install 'rltf[{extra}]'"
