"""A tiny random model of each family in a folder, as the hub would hold it, with a small tokenizer of its kind."""

from __future__ import annotations

import json
from pathlib import Path

CODE = [
    "def add(first, second):\n    total = first + second\n    return total\n",
    "n = int(input())\nfor i in range(n):\n    print(i * i)\n",
    "values = [int(word) for word in input().split()]\nif not values:\n    raise ValueError('none  here')\n",
    "class Solution:\n    def solve(self, words):\n        return sorted(set(words), key=len)\n",
]
BYTE_LEVEL = ("codet5", "codegen", "gpt2", "gpt_neo", "qwen2", "qwen3", "deepseek_coder", "starcoder2")
FAMILIES = (*BYTE_LEVEL, "code_llama")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}


def build(family: str, folder: Path) -> Path:
    """Write the family's tokenizer and a random model to a folder."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    eos = _llama_tokenizer(folder) if family == "code_llama" else _byte_level_tokenizer(family, folder)
    torch.manual_seed(0)
    _model(family, eos).save_pretrained(folder)
    return folder


def _model(family: str, ids: dict[str, int | None]):
    import transformers as hf

    many = {"vocab_size": 520, "bos_token_id": None, **ids}  # more than the tokenizer has, as published ones do
    match family:
        case "codet5":
            own = {"d_model": 32, "d_ff": 48, "d_kv": 8, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
            return hf.T5ForConditionalGeneration(hf.T5Config(**many, **own, feed_forward_proj="relu"))
        case "codegen":
            own = {**_GPT2, "n_head": 4, "rotary_dim": 4, "n_ctx": 256}
            return hf.CodeGenForCausalLM(hf.CodeGenConfig(**many, **own, tie_word_embeddings=False))
        case "gpt2":
            return hf.GPT2LMHeadModel(hf.GPT2Config(**many, **_GPT2))
        case "gpt_neo":
            own = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "window_size": 6, "max_position_embeddings": 256}
            return hf.GPTNeoForCausalLM(hf.GPTNeoConfig(**many, **own, attention_types=[[["global", "local"], 1]]))
        case "qwen2":
            return hf.Qwen2ForCausalLM(
                hf.Qwen2Config(**many, **_SIZES, num_key_value_heads=2, tie_word_embeddings=True)
            )
        case "qwen3":
            return hf.Qwen3ForCausalLM(hf.Qwen3Config(**many, **_SIZES, num_key_value_heads=2, head_dim=8))
        case "starcoder2":
            return hf.Starcoder2ForCausalLM(
                hf.Starcoder2Config(**many, **_SIZES, num_key_value_heads=2, sliding_window=64)
            )
        case _:
            return hf.LlamaForCausalLM(hf.LlamaConfig(**many, **_SIZES))


_SPECIAL = {
    "codet5": ["<pad>", "<s>", "</s>", "<unk>", "<mask>"],
    "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "qwen3": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "deepseek_coder": ["<|begin_of_sentence|>", "<|end_of_sentence|>"],
}
_CLASSES = {
    "codet5": ("RobertaTokenizer", {}),
    "codegen": ("CodeGenTokenizer", {}),
    "qwen2": ("Qwen2Tokenizer", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    "qwen3": ("Qwen2Tokenizer", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    "deepseek_coder": (
        "LlamaTokenizerFast",
        {
            "bos_token": "<|begin_of_sentence|>",
            "eos_token": "<|end_of_sentence|>",
            "pad_token": "<|end_of_sentence|>",
        },
    ),
}


def _byte_level_tokenizer(family: str, folder: Path) -> dict[str, int | None]:
    """vocab.json and merges.txt (or tokenizer.json), and the class that the hub's tokenizer_config.json names."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    special = _SPECIAL.get(family, ["<|endoftext|>"])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CODE * 3, trainer)
    name, more = _CLASSES.get(family, ("GPT2Tokenizer", {}))
    config = {"tokenizer_class": name, "clean_up_tokenization_spaces": True, "model_max_length": 256, **more}
    if family == "deepseek_coder":
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{special[0]} $A", special_tokens=[(special[0], tokenizer.token_to_id(special[0]))]
        )
        tokenizer.save(str(folder / "tokenizer.json"))
    else:
        tokenizer.model.save(str(folder))
    if family.startswith("qwen"):
        config |= {"chat_template": CHAT_TEMPLATE, "additional_special_tokens": ["<|im_start|>"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    end = {"codet5": "</s>", "qwen2": "<|im_end|>", "qwen3": "<|im_end|>"}.get(family, special[-1])
    pad = {"codet5": 0, "qwen2": 0, "qwen3": 0}.get(family)
    return {"eos_token_id": tokenizer.token_to_id(end), "pad_token_id": pad}


def _llama_tokenizer(folder: Path) -> dict[str, int | None]:
    """Metaspace with byte fallback, as SentencePiece models are converted."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([line for text in CODE * 3 for line in text.split("\n")], trainer)
    plain = json.loads(tokenizer.to_str())
    plain["added_tokens"] = [token for token in plain["added_tokens"] if not token["content"].startswith("<0x")]
    (folder / "tokenizer.json").write_text(json.dumps(plain))
    config = {"tokenizer_class": "CodeLlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return {"eos_token_id": 2, "pad_token_id": None}
