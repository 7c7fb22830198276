"""Derivatives as graphs: reverse mode, forward mode, and what is built from them."""

from .forward import jvp
from .higher import hessian, hvp, jacobian
from .reverse import grad, value_and_grad, vjp

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
