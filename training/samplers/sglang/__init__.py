"""Sample on SGLang servers. sglang itself is not imported, and docs/scaling.md says how to start servers."""
