"""A record in the terminal: what is shown beside a line does not depend on how long the line is."""

from rich.console import Console

from feedback import assess, to_json, token_offsets
from tests.feedback.programs import crashed, span_of
from training.run.rendering import beyond_uniform, render_record, uniform_reward

PROGRAM = b"total = one + two + three + four + five + six + seven\nx = y\n"


def record():
    report = crashed(PROGRAM, "NameError", span_of(PROGRAM, b"y"))
    offsets = token_offsets([bytes([byte]) for byte in PROGRAM], slice(0, len(PROGRAM)))
    line = to_json(assess(report, offsets), "p")
    return {**line, "program": PROGRAM.decode()}


def test_a_long_right_line_shows_nothing_and_the_blamed_one_its_mean_beyond_the_rest():
    first = PROGRAM.index(b"x = y")
    assert beyond_uniform(record(), 0, first) == 0.0
    assert beyond_uniform(record(), first, len(PROGRAM)) < -0.1
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render_record(record()))
    long, blamed = (line for line in capture.get().splitlines() if "total" in line or "x = y" in line)
    assert "-" not in long
    assert f"{beyond_uniform(record(), first, len(PROGRAM)):+.2f}" in blamed
    assert f"every token {uniform_reward(record()):+.2f}" in capture.get()


def test_a_record_without_tokens_shows_no_rewards():
    bare = {**record(), "tokens": None}
    assert uniform_reward(bare) is None
    assert beyond_uniform(bare, 0, 10) == 0.0
