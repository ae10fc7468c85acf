"""Sample on vLLM servers. vllm itself is not imported, and docs/scaling.md says how to start servers."""
