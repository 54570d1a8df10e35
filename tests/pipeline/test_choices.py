r"""How frames are rendered. Oracles: a clock that the test moves, PSNR against float32."""

import pytest
import torch

from mfr.pipeline.choices import Choice, check, default, measured, quicker


class Machine:
    r"""Renders in no time and moves its own clock by what each candidate costs a frame."""

    def __init__(self, cost):
        self.cost, self.now, self.trials = cost, 0.0, []

    def render(self, choice, frames):
        self.trials.append(choice)
        self.now += frames * self.cost(choice)

    def clock(self):
        return self.now


def choose(cost, device="cpu", **fixed):
    machine = Machine(cost)
    device = torch.device(device)
    return *measured(machine.render, fixed, device, machine.clock), machine


def test_a_slower_candidate_is_not_chosen():
    choice, seconds, _ = choose(lambda c: 0.05 if c.precision == "bfloat16" else 0.01)
    assert choice.precision == "float32" and seconds == pytest.approx(0.01)
    choice, seconds, _ = choose(lambda c: 0.005 if c.precision == "bfloat16" else 0.01)
    assert choice.precision == "bfloat16" and seconds == pytest.approx(0.005)


def test_a_gain_below_a_tenth_changes_nothing():
    choice, _, _ = choose(lambda c: 0.0095 if c.precision == "bfloat16" else 0.01)
    assert choice == default()
    assert quicker("a", ["b", "c"], {"a": 10, "b": 8, "c": 7}.get) == ("c", 7)
    assert quicker("a", ["b"], {"a": 10, "b": 9.5}.get) == ("a", 10)


def test_every_field_is_tried_and_what_the_user_fixed_is_not():
    cost = {2: 1, 8: 3}
    choice, _, machine = choose(lambda c: cost[c.batch] * (3 if c.threads > 1 else 1))
    assert choice == Choice(1, "float32", 2)
    choice, _, machine = choose(lambda c: 1, precision="bfloat16", batch=5)
    assert {(c.precision, c.batch) for c in machine.trials} == {("bfloat16", 5)}
    assert choice == default()._replace(precision="bfloat16", batch=5)


def test_the_first_trial_of_each_warms_up():
    seen = set()

    def cost(choice):  # the first of each is slow
        first = choice not in seen
        seen.add(choice)
        return 9 if first else (0.5 if choice.batch == 2 else 1)

    assert choose(cost)[0].batch == 2


@pytest.mark.parametrize(
    "change, message",
    [
        ({"threads": 0}, "threads is 0; allowed: >= 1"),
        ({"batch": -1}, "batch is -1; allowed: >= 1"),
        ({"precision": "half"}, "precision is 'half'; allowed: float32, bfloat16"),
    ],
)
def test_what_is_not_allowed_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        check(default()._replace(**change))


def test_a_choice_is_one_line():
    assert str(Choice(1, "float32", 8)) == "1 thread, float32, 8 frames at once"
    assert str(Choice(2, "bfloat16", 2)) == "2 threads, bfloat16, 2 frames at once"
