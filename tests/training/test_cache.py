"""Keys and values that are written in place are those that transformers' own cache would hold."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from training.models.cache import InPlaceLayer, write_in_place
from training.models.forward import Prefix
from training.records import SampleRequest
from training.samplers.transformers import TransformersSampler
from training.seeds import request_seed

STEPS = st.lists(st.one_of(st.integers(1, 90), st.lists(st.integers(0, 2), min_size=3, max_size=3)), max_size=6)


def new(generator, tokens):
    return torch.randn(3, 2, tokens, 4, generator=generator), torch.randn(3, 2, tokens, 4, generator=generator)


@given(STEPS)
def test_it_holds_what_was_appended_and_selected(steps):
    generator = torch.Generator().manual_seed(0)
    usual, ours = DynamicCache(), DynamicCache()
    first = new(generator, 5)
    usual.update(*first, 0)
    ours.update(*first, 0)
    write_in_place(ours)
    assert type(ours.layers[0]) is InPlaceLayer
    for step in steps:
        if isinstance(step, int):
            added = new(generator, step)
            given_back = ours.update(*added, 0)
            assert all(map(torch.equal, usual.update(*added, 0), given_back))
        else:
            usual.batch_select_indices(torch.tensor(step))
            ours.batch_select_indices(torch.tensor(step))
        assert ours.get_seq_length() == usual.get_seq_length()
        assert torch.equal(ours.layers[0].keys, usual.layers[0].keys)
        assert torch.equal(ours.layers[0].values, usual.layers[0].values)


def test_what_is_appended_leaves_the_cache_it_was_made_of_alone():
    generator = torch.Generator().manual_seed(0)
    cache = DynamicCache()
    cache.update(*new(generator, 5), 0)
    before = cache.layers[0].keys.clone()
    held = cache.layers[0].keys
    write_in_place(cache)
    for _ in range(3):
        cache.update(*new(generator, 1), 0)
    assert torch.equal(held, before)


@pytest.mark.parametrize("which", ["tiny_policy", "encoder_decoder_policy"])
def test_samples_are_bit_for_bit_those_drawn_with_the_usual_cache(which, request, monkeypatch):
    policy = request.getfixturevalue(which)

    def drawn():
        wanted = [
            SampleRequest(f"p{i}", tuple(policy.tokenizer(text)["input_ids"]), 8, request_seed(0, 0, f"p{i}"))
            for i, text in enumerate(["print the sum\n", "x\n"])
        ]
        rollouts = [each for batch in TransformersSampler(policy, 60).sample(wanted) for each in batch]
        assert max(len(each.token_ids) for each in rollouts) > 50  # more than the room is for
        return [(each.token_ids, each.logprobs) for each in rollouts]

    ours = drawn()
    monkeypatch.setattr(Prefix, "write_in_place", lambda _: None)
    assert ours == drawn()
