"""The configuration names what is wrong and what is allowed."""

import tomllib

import pytest

from training.algorithms import ALGORITHMS
from training.algorithms.policy_gradient import PolicyGradient
from training.config import TrainConfig, keys
from training.errors import ConfigError

OFF = (0, False, "none", "pass_ratio", "sequence_sum")
"""What a key has that does nothing to a reward or a loss."""


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
        ({"optimizer.learning_rate": "inf"}, ["optimizer.learning_rate", "finite number", "'inf'"]),
        ({"sampler.temperature": "inf"}, ["sampler.temperature", "finite number"]),
        ({"model.stop": [1]}, ["model.stop", "string"]),
        ({"feedback.no_such": 1}, ["feedback.no_such", "allowed", "feedback.mode"]),
    ],
)
def test_a_bad_key_or_value_is_named_with_what_is_allowed(overrides, parts):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.load(overrides=overrides)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (
            {"objective.group_std": True, "objective.baseline": "greedy"},
            ["objective.group_std", "group_mean or leave_one_out", "greedy"],
        ),
        ({"objective.clip_high": 0}, ["objective.clip_low", "clip_high", "together"]),
        ({"objective.clip_low": 0}, ["objective.clip_low", "clip_high", "together"]),
        ({"objective.coarse": -1}, ["objective.coarse", "greater than or equal to 0"]),
        ({"objective.fine": "inf"}, ["objective.fine", "finite"]),
        ({"objective.adaptive": 0, "objective.adaptive_reward": "binary"}, ["objective.adaptive_reward", "no effect"]),
        ({"objective.coarse": 0, "objective.overlong": 8}, ["objective.overlong", "no effect"]),
        ({"objective.overlong": 64}, ["objective.overlong", "below sampler.max_new_tokens 64"]),
        ({f"objective.{n}": 0 for n in ("coarse", "fine", "adaptive", "static")}, ["objective.algorithm", "'sft'"]),
        (
            {"objective.algorithm": "sft", "objective.fine": 1},
            ["objective.fine", "'sft' has no such key", "supervised"],
        ),
        ({"objective.algorithm": "sft", "objective.kl": 1}, ["objective.kl", "'sft' has no such key"]),
        ({"objective.algorithm": "sft", "objective.kl": 0}, ["objective.kl", "'sft' has no such key"]),
        ({"objective.critic_factor": False}, ["objective.critic_factor", "no such key"]),
        ({"objective.algorithm": "ppocoder", "objective.baseline": "greedy"}, ["objective.baseline", "no such key"]),
        ({"objective.kl_target": 1}, ["objective.kl_target", "'rltf' has no such key"]),
        ({"objective.algorithm": "nothing"}, ["objective.algorithm", "'nothing'", "gspo", "package.module:Name"]),
        ({"objective.algorithm": "no.where:X"}, ["objective.algorithm", "'no.where:X' cannot be imported"]),
        ({"objective.algorithm": "json:loads"}, ["objective.algorithm", "must be a subclass of training.algorithms"]),
        ({"objective.algorithm": "sft", "objective.supervised": 0}, ["objective.supervised", "above 0"]),
        ({"objective.algorithm": "sft", "training.supervised_batch": 0}, ["training.supervised_batch", "not 0"]),
        ({"objective.algorithm": "sft", "training.rollouts": "offline"}, ["training.rollouts", "never samples"]),
        ({"objective.algorithm": "rltf_release", "objective.adaptive": 0}, ["objective.adaptive", "equal"]),
        ({"objective.algorithm": "rltf_paper", "feedback.mode": "release"}, ["feedback.mode", "'paper'", "'release'"]),
        ({"objective.algorithm": "grpo", "sampler.samples_per_problem": 1}, ["objective.baseline", "2 or more"]),
        ({"objective.resampling": 1, "training.rollouts": "offline"}, ["objective.resampling", "must be 0"]),
        ({"buffer.capacity": 127}, ["buffer.capacity", "127", "at least 128"]),
    ],
)
def test_keys_that_mean_nothing_together_are_refused_in_one_line(overrides, parts):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.load(overrides=overrides)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(parts[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_sets_defaults_that_fit_together_and_survive_toml(algorithm):
    config = TrainConfig.load(overrides={"objective.algorithm": algorithm})
    assert config.objective == config.algorithm.Section(algorithm=algorithm)
    assert TrainConfig.model_validate(tomllib.loads(config.to_toml())) == config


def test_a_policy_gradient_has_the_outcomes_reward_and_turns_nothing_else_on():
    section = PolicyGradient.Section()
    turned_on = {key: value for key, value in section.model_dump(exclude={"algorithm"}).items() if value not in OFF}
    assert turned_on == {"coarse": 1}


def test_only_this_projects_algorithms_learn_from_samples_three_times_unless_told_to():
    def batch(**overrides):
        return TrainConfig.load(overrides=overrides).learned_per_step

    thrice = [name for name in ALGORITHMS if batch(**{"objective.algorithm": name}) == 384]
    assert thrice == ["rltf", "credit", "branch"]
    assert batch() == 384
    assert batch(**{"objective.algorithm": "grpo", "buffer.batch_size": 64}) == 64


def test_offline_samples_as_many_as_online_unless_told_how_many():
    offline = {"training.rollouts": "offline", "training.steps": 3, "sampler.problems_per_step": 2}
    assert TrainConfig.load(overrides=offline).initial_samples == 3 * 2 * 8
    assert TrainConfig.load(overrides={**offline, "buffer.initial": 40}).initial_samples == 40
    assert TrainConfig.load(overrides={"training.steps": 3}).initial_samples == 0


def test_a_key_that_is_given_goes_over_its_algorithms_default():
    config = TrainConfig.load(overrides={"objective.algorithm": "grpo", "objective.fine": 0.5})
    assert (config.objective.fine, config.objective.group_std) == (0.5, True)


@pytest.mark.parametrize(
    ("algorithm", "mode"), [("rltf_paper", "paper"), ("rltf_release", "release"), ("grpo", "default")]
)
def test_an_algorithm_of_the_paper_has_the_papers_rewards(algorithm, mode):
    assert TrainConfig.load(overrides={"objective.algorithm": algorithm}).feedback.mode == mode


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[sampler\n", "not TOML"),
        (b"sampler = 3\n", r"sampler: must be a table, as in \[sampler\], not 3"),
        (b"feedback = 3\n", r"feedback: must be a table"),
        (b"\xff\xfe", "not TOML"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, content, part):
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=part) as caught:
        TrainConfig.load(file)
    assert "bad.toml" in str(caught.value)


def test_one_stop_string_may_stand_alone_as_the_command_line_gives_it():
    assert TrainConfig.load(overrides={"model.stop": "\nclass"}).model.stop == ("\nclass",)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read"):
        TrainConfig.load(tmp_path / "absent.toml")


def test_every_key_is_documented():
    assert [key.name for key in keys() if not key.description] == []
