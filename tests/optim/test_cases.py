"""Every optimizer that is exported has examples, and something to be held against."""

from graphc.optim import Optimizer, Schedule

from .cases import EXAMPLES, KERAS, OPTAX, RULES, SCHEDULES, TORCH, exported
from .test_references import REFERENCES


def test_every_optimizer_has_examples_of_its_own_kind():
    missing = set(exported(Optimizer)) - set(EXAMPLES)
    assert not missing, f"cases.EXAMPLES has no example of {missing}"
    for name, examples in EXAMPLES.items():
        assert examples
        assert {type(example).__name__ for example in examples} == {name}


def test_every_schedule_has_an_example():
    missing = set(exported(Schedule)) - set(SCHEDULES)
    assert not missing, f"cases.SCHEDULES has no example of {missing}"
    for name, schedule in SCHEDULES.items():
        assert type(schedule).__name__ == name


def test_every_rule_has_an_oracle():
    referenced = {type(rule).__name__ for rule, _, _ in REFERENCES.values()}
    missing = set(RULES) - {*TORCH, *KERAS, *OPTAX, *referenced}
    assert not missing, (
        f"{missing} need options in cases.TORCH, KERAS or OPTAX, for record.py, "
        "or a formula in test_references.py"
    )
