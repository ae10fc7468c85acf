"""What a policy reads and where its program ends, byte for byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import AssertTest, CallTest, Problem, StdinTest
from feedback import FinishReason, token_offsets
from tests.training.families import build
from training.config import ModelSection
from training.errors import PolicyError
from training.models.formats import ProgramFormat
from training.models.policy import load_policy
from training.models.prompts import encode_completion, encode_prompt, is_cut, program_of, prompt_text
from training.records import SampleRequest
from training.samplers.transformers import TransformersSampler

STDIN = Problem("s", (StdinTest("1", "2"),), prompt="Double it.")
CALL = Problem("c", (CallTest((1,), 2),), prompt="Double it.", starter_code="def double(n):", entry_point="double")
ASSERTS = (AssertTest("assert double(1) == 2"), AssertTest("assert double(2) == 4"))
MBPP = Problem("m", ASSERTS, prompt="Double it.", public_tests=ASSERTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build("qwen2", tmp_path_factory.mktemp("qwen2"))


def policy(folder, **section):
    return load_policy(ModelSection(name=str(folder), **section))


def test_a_published_format_is_read_as_it_is(folder):
    apps = policy(folder, prompt_format="apps")
    assert prompt_text(apps, CALL) == "\nQUESTION:\nDouble it.\ndef double(n):\nUse Call-Based format\nANSWER:\n"


def test_a_chat_template_is_the_tokenizers_own(folder):
    chat = policy(folder, prompt_format="chat:{prompt}")
    text = "<|im_start|>user\nDouble it.<|im_end|>\n<|im_start|>assistant\n"
    assert prompt_text(chat, STDIN) == text
    ids = encode_prompt(chat, STDIN)
    start = chat.tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert (ids[0], ids.count(start)) == (start, 2)
    assert "Double it." in prompt_text(policy(folder, prompt_format="chat"), STDIN)


def test_a_tokenizer_without_a_chat_template_is_named(tmp_path):
    plain = policy(build("gpt2", tmp_path), prompt_format="chat")
    with pytest.raises(PolicyError, match="has no template"):
        encode_prompt(plain, STDIN)


def test_a_template_may_use_tests_starter_code_and_entry_point(folder):
    own = policy(folder, prompt_format='"""\n{prompt}\n{tests}\n"""\n')
    assert prompt_text(own, MBPP) == '"""\nDouble it.\nassert double(1) == 2\nassert double(2) == 4\n"""\n'
    assert prompt_text(policy(folder, prompt_format="{entry_point}|{starter_code}"), CALL) == "double|def double(n):"


@pytest.mark.parametrize("template", ["{question}", "{0}", "{", "chat:{x}"])
def test_a_malformed_template_is_named_with_what_is_allowed(folder, template):
    with pytest.raises(PolicyError, match=r"prompt.*starter_code.*tests") as caught:
        encode_prompt(policy(folder, prompt_format=template), STDIN)
    assert "\n" not in str(caught.value)


def test_a_long_prompt_loses_the_end_of_the_problem_and_nothing_else(folder):
    short = policy(folder, prompt_format="apps", max_prompt_tokens=60)
    long = Problem("l", STDIN.tests, prompt="Add the numbers. " * 40)
    ids = encode_prompt(short, long)
    text = b"".join(short.bytes_of(ids)).decode()
    assert 50 <= len(ids) <= 60
    assert text.startswith("\nQUESTION:\nAdd the numbers.")
    assert text.endswith("\nUse Standard Input format\nANSWER:\n")
    assert (is_cut(short, long), is_cut(short, STDIN)) == (True, False)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_nothing_after_the_first_stop_string_is_in_the_program(before, after):
    completions = ProgramFormat.of(ModelSection(stop=("\nclass ", "\n```"))).completion
    for stop in (b"\nclass ", b"\n```"):
        completion = before + stop + after
        program = completions.program(completion, STDIN).text
        assert completion.startswith(program)
        assert b"\nclass " not in program
        assert b"\n```" not in program
        assert len(program) <= len(before)


def test_a_published_format_has_its_own_stop_strings_where_none_are_given():
    def program(**section):
        return ProgramFormat.of(ModelSection(**section)).completion.program(b"x = 1 [DONE] y", MBPP).text

    assert program(prompt_format="mbpp") == b"x = 1 "
    assert program(prompt_format="mbpp", stop=("y",)) == b"x = 1 [DONE] "


def test_a_stop_string_ends_a_sample_and_its_tokens_write_no_program(folder):
    free = policy(folder)
    request = SampleRequest("p", encode_prompt(free, STDIN), 64, (0, 1, 2))

    def draw(one):
        return [each for batch in TransformersSampler(one, 12).sample([request]) for each in batch]

    texts = [b"".join(free.bytes_of(each.token_ids)) for each in draw(free)]
    stops = ("e", "or")
    stopping = policy(folder, stop=stops)
    rollouts = draw(stopping)
    found = 0
    for text, rollout in zip(texts, rollouts, strict=True):
        pieces = stopping.bytes_of(rollout.token_ids)
        written = b"".join(pieces)
        place = stopping.format.completion.program(written, STDIN).place
        assert text.startswith(written)  # the same sample, cut
        ends = [written.find(stop.encode()) for stop in stops if stop.encode() in written]
        assert place == slice(0, min(ends, default=len(written)))
        if ends:
            found += 1
            assert rollout.finish_reason is FinishReason.STOP
            assert not any(stop.encode() in b"".join(pieces[:-1]) for stop in stops)  # not a token too many
            offsets = token_offsets(pieces, place)
            assert offsets[-1, 1] == min(ends)
    assert found > 5


def test_a_reference_in_a_fence_is_learned_with_its_fence(folder):
    fenced = policy(folder, extract="fence")
    (text,) = fenced.format.taught(replace(STDIN, references=("print(1)\n",)))
    assert text == "```python\nprint(1)\n```"
    assert program_of(fenced, encode_completion(fenced, text), STDIN) == b"print(1)\n"


def test_the_same_program_has_its_rewards_on_the_same_bytes_in_every_family(tmp_path):
    """Masks of an encoder-decoder, a GPT-like and a Qwen-like model agree, whatever else their tokenizers put around."""
    from engine import Engine
    from feedback import COMPONENTS, assess

    program = "n = int(input())\ntotal = n + missing\nprint(total)\n"
    with Engine() as engine:
        report = engine.submit(program.encode(), STDIN).result()
    masks = []
    for family in ("codet5", "codegen", "qwen2"):
        one = load_policy(ModelSection(name=str(build(family, tmp_path / family))))
        pieces = one.bytes_of(encode_completion(one, program))
        written = one.format.completion.program(b"".join(pieces), STDIN)
        feedback = assess(report, written.offsets(pieces), finish_reason=FinishReason.STOP)
        written = [index for index, piece in enumerate(pieces) if piece]
        signs = {name: np.sign(feedback.rewards[name][written]).tolist() for name in COMPONENTS}
        masks.append(([pieces[index] for index in written], signs))
    assert masks[0] == masks[1] == masks[2]
    pieces, signs = masks[0]
    blamed = b"".join(piece for piece, sign in zip(pieces, signs["fine"], strict=True) if sign)
    assert blamed.strip().endswith(b"missing")
    assert b"total" not in blamed
