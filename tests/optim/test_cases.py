"""Every optimizer that is exported has examples, and something to be held against."""

from graphc.optim import Optimizer

from .cases import EXAMPLES, KERAS, OPTAX, RULES, TORCH, exported
from .test_references import REFERENCES


def test_every_optimizer_has_examples_of_its_own_kind():
    assert set(EXAMPLES) == set(exported(Optimizer))
    for name, examples in EXAMPLES.items():
        assert examples
        assert {type(example).__name__ for example in examples} == {name}


def test_every_rule_has_an_oracle():
    referenced = {type(rule).__name__ for rule, _, _ in REFERENCES.values()}
    assert set(RULES) <= {*TORCH, *KERAS, *OPTAX, *referenced}
