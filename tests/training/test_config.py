"""The configuration names what is wrong and what is allowed."""

import tomllib

import pytest

from training.config import ConfigError, TrainConfig, keys


def test_defaults_are_valid_and_survive_toml():
    config = TrainConfig.load()
    assert TrainConfig.model_validate(tomllib.loads(config.to_toml())) == config


def test_file_and_overrides_are_laid_over_the_defaults(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("[sampler]\ntemperature = 0.6\nproblems_per_step = 4\n")
    config = TrainConfig.load(file, {"sampler.problems_per_step": "5"})
    assert (config.sampler.temperature, config.sampler.problems_per_step) == (0.6, 5)


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        ({"sampler.temprature": 1}, ["sampler.temprature", "did you mean sampler.temperature"]),
        ({"samplers.x": 1}, ["samplers", "no such key"]),
        ({"objective.baseline": "best"}, ["objective.baseline", "historical_best", "leave_one_out", "'best'"]),
        ({"sampler.temperature": 0}, ["sampler.temperature", "greater than 0", "not 0"]),
        ({"training.steps": "many"}, ["training.steps", "integer", "'many'"]),
        ({"feedback.alpha_cap": 0}, ["feedback.alpha_cap is 0", "allowed: 1 or more"]),
        ({"feedback.taxonomy": "nowhere.toml"}, ["feedback.taxonomy: cannot read nowhere.toml"]),
        ({"feedback.no_such": 1}, ["feedback.no_such", "allowed", "feedback.mode"]),
    ],
)
def test_a_bad_key_or_value_is_named_with_what_is_allowed(overrides, parts):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.load(overrides=overrides)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[sampler\n", "sampler = 3\n"])
def test_a_malformed_file_is_named(tmp_path, text):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        TrainConfig.load(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read"):
        TrainConfig.load(tmp_path / "absent.toml")


def test_every_key_is_documented():
    assert [key.name for key in keys() if not key.description] == []
