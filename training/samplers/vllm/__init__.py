"""Sampling on vLLM servers, over HTTP: what they are asked, what they answer, how weights reach them.

What this package does not do: import vllm, or start servers (docs/scaling.md says how).
"""
