"""Handle what differs between model families in one place: how they run, what they read, which ids their tokens have.

families     the parts of a Hugging Face model: body, head, encoder, start token
forward      prompts read once, responses continued from them, log-probabilities of responses
tokens       tokenizers: special ids, continuations whose bytes are exact
formats      what is read and taught, and which bytes of a completion are the program
prompts      token ids of prompts and of what is taught
adapters     LoRA
"""
