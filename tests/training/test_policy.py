"""Loading a policy says what cannot be loaded and why, in one line."""

import pytest

from training.config import ModelSection
from training.models.policy import PolicyError, load_policy
from training.models.prompts import encode_completion


@pytest.mark.parametrize(
    ("section", "part"),
    [
        ({"name": "embedded:tiny"}, "embedded:short, embedded:long"),
        ({"name": "embedded:short", "device": "nowhere"}, "model.device 'nowhere'"),
        ({"name": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_what_cannot_be_loaded_is_named_in_one_line(section, part):
    with pytest.raises(PolicyError) as caught:
        load_policy(ModelSection(**section))
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_references_end_with_end_of_sequence(tiny_policy):
    ids = encode_completion(tiny_policy, "print(1)\n")
    assert ids[-1] == tiny_policy.tokenizer.eos_token_id
    assert b"".join(tiny_policy.bytes_of(ids)) == b"print(1)\n"
