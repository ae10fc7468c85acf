"""Programming problems judged by unit tests and static analysis (`integrations.verifiers`)."""

from integrations.verifiers import CodeTaskset

__all__ = ["CodeTaskset"]
