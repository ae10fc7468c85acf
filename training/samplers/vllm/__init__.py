"""Sample on vLLM servers over HTTP. vllm itself is not imported, and docs/scaling.md says how to start servers."""
