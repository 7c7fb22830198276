"""Blocks declared once: a documented function whose body is the block's expansion."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ParamSpec, cast

from ..ir.batching import elementwise
from ..ir.hyperparameters import Hyperparameter
from ..ir.node import Node
from ..ir.op import Case, Jvp, Op, Vjp
from ..ir.types import TensorType
from ..ops.elementwise import OpFunction
from ..ops.source import as_node
from ..ops.type_rules import same_floating_type

_P = ParamSpec("_P")


def _as_nodes(*arrays: Any) -> tuple[Node, ...]:
    return tuple(as_node(array) for array in arrays)


def block(
    *,
    infer: Callable[..., TensorType],
    cases: Sequence[Case],
    vjp: Vjp | None = None,
    jvp: Jvp | None = None,
    operands: Callable[..., tuple[Node, ...]] = _as_nodes,
    name: str | None = None,
    hyperparameters: Mapping[str, str] = MappingProxyType({}),
    **facts: Any,
) -> Callable[[Callable[_P, Node]], OpFunction[_P]]:
    """Turn a documented function into a block and the function that applies it.

    The body says the block in smaller ops; it is given nodes. Parameters
    annotated as `ArrayLike` are the block's inputs, the others its attributes, of
    which those annotated as `float` are converted. Inputs whose default is None may be
    left out: rules are then given None, after the other inputs; the flow to it is
    dropped. Of several, a block's attribute `parts` names those that it has.

    Args:
        infer: the type rule, of the inputs' types and the attributes.
        cases: applications that generated tests make.
        vjp, jvp: rules to prefer to those that follow from the body.
        operands: a conversion of the inputs that can't be left out to nodes.
        facts: see `Op`.
        name: the block's name, where it is not the function's.
        hyperparameters: attributes that programs hold as constants unless they are 0,
            with the names of these; nothing in the body or a rule may depend on one
            that is not 0.
    """

    def declare(function: Callable[_P, Node]) -> OpFunction[_P]:
        signature = inspect.signature(function)
        kinds = {key: p.annotation for key, p in signature.parameters.items()}
        arrays = [key for key, kind in kinds.items() if kind == "ArrayLike"]
        optional = [key for key in arrays if signature.parameters[key].default is None]
        inputs = tuple(key for key in arrays if key not in optional)
        rules: dict[str, Any] = {"infer": infer, "expand": function, "vjp": vjp}
        if optional:
            rules = _of_optional_inputs(inputs, optional, rules)
        op = Op(
            name=name or function.__name__,
            inputs=(*inputs, *(f"*{key}" for key in optional[:1])),
            jvp=jvp,
            cases=tuple(cases),
            **rules,
            **facts,
        )

        @functools.wraps(function)
        def apply(*args: _P.args, **kwargs: _P.kwargs) -> Node:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            nodes = operands(*(given.pop(key) for key in inputs))
            extra = {key: given.pop(key) for key in optional}
            parts = {
                k: as_node(array) for k, array in extra.items() if array is not None
            }
            options = {
                key: float(value) if kinds[key] == "float" else value
                for key, value in given.items()
            }
            for key, called in hyperparameters.items():
                if options[key]:
                    options[key] = Hyperparameter.called(called, options[key])
            if len(optional) > 1:
                options["parts"] = " ".join(parts)
            return op.build((*nodes, *parts.values()), options)

        declared = cast("OpFunction[_P]", apply)
        declared.op = op
        return declared

    return declare


def _of_optional_inputs(
    inputs: Sequence[str], optional: Sequence[str], rules: Mapping[str, Any]
) -> dict[str, Any]:
    """Rules of a block, which has no input for what is left out, from rules that are
    given None for it.
    """

    def filled(given: Sequence[Any], parts: str | None) -> tuple[Any, ...]:
        rest = given[len(inputs) :]
        names = optional[: len(rest)] if parts is None else parts.split()
        named = dict(zip(names, rest, strict=True))
        return (*given[: len(inputs)], *(named.get(key) for key in optional))

    def infer(*types: Any, parts: str | None = None, **attributes: Any) -> TensorType:
        return rules["infer"](*filled(types, parts), **attributes)

    def expand(*nodes: Any, parts: str | None = None, **attributes: Any) -> Node:
        named = zip((*inputs, *optional), filled(nodes, parts), strict=True)
        return rules["expand"](**dict(named), **attributes)

    def vjp(g: Node, out: Node, *nodes: Node) -> list[Node | None]:
        given = filled(nodes, out.attributes.get("parts"))
        flows = zip(rules["vjp"](g, out, *given), given, strict=True)
        return [flow for flow, node in flows if node is not None]

    return {"infer": infer, "expand": expand, "vjp": vjp if rules["vjp"] else None}


def elementwise_block(
    *,
    vjp: Vjp | None = None,
    infer: Callable[..., TensorType] = same_floating_type,
    options: Sequence[Mapping[str, Any]] = ({},),
    **facts: Any,
) -> Callable[[Callable[_P, Node]], OpFunction[_P]]:
    """Turn a documented function of one array's elements into a block, see `block`.

    Args:
        vjp: a derivative rule to prefer to the body's, which serves both directions.
        infer: the type rule; by default the type of the input, which must be floating.
        options: attributes to try in generated tests.
        facts: see `Op`.
    """
    cases = [Case(((3, 4),), chosen) for chosen in options]
    cases += [Case(shape, options[0]) for shape in (((),), ((0, 3),))]
    jvp = None if vjp is None else "diagonal"
    facts = {"batch": elementwise, **facts}
    return block(infer=infer, cases=cases, vjp=vjp, jvp=jvp, **facts)
