"""The declaration of an op: everything graphc knows about it, in one value.

A printer, a pass, a derivative or a generated test asks the declaration and never
tests for a name, so that adding an op touches one file.

`numpy` is the op's meaning as NumPy source over the names of its inputs and
attributes: either an expression (`"np.sum(x, axis=axis)"`) or statements that assign
`out`. The printer substitutes names, the interpreter evaluates it as it stands, so
there is nothing to keep in step. `into` is the form that writes into an existing `out`,
and `allocation_free` one that allocates no array, where `into` does.

Source may have variables, loops and functions of its own, whose names never meet those
of a program, and may call functions of `helpers`, which stand in the program once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from ..errors import GraphcError
from .dims import Dimension
from .facts import NONE, Facts, Role, StableForm
from .mathematics import UNSAID, Mathematics
from .node import Node
from .template import Template as ParsedTemplate
from .template import parsed
from .types import TensorType

if TYPE_CHECKING:
    from .batching import Rule as BatchRule
    from .node import Attributes
    from .rows import Rows
    from .scalar import LoopForm

Kind = Literal[
    "source", "elementwise", "reduction", "view", "contraction", "movement", "control"
]
"""Kind of an op, by which it is scheduled, drawn and fused."""

Template = str | Callable[[Node], str]
"""NumPy source, or a function of the node where attributes change its form."""

Flows = Sequence[Node | None]

# The forms of fixed arity let a type checker infer the parameters of a lambda.
Vjp = (
    Callable[[Node, Node, Node], Flows]
    | Callable[[Node, Node, Node, Node], Flows]
    | Callable[[Node, Node, Node, Node, Node], Flows]
    | Callable[..., Flows]
)
"""`vjp(cotangent, out, *inputs)`: one adjoint for each input, None where none flows.

An adjoint may still have the broadcast shape and dtype of the output; the
differentiator undoes broadcasting and casts, in one place.
"""

Jvp = (
    Callable[[tuple[Any, ...], Node, Node], Node]
    | Callable[[tuple[Any, ...], Node, Node, Node], Node]
    | Callable[..., Any]
    | Literal["diagonal", "linear", "multilinear"]
)
"""`jvp(tangents, out, *inputs)`, or a word for the shapes that it commonly has.

`"diagonal"`: the Jacobian is diagonal, so the VJP rule serves both directions.
`"linear"`: the op applied to the tangent of its only differentiable inputs.
`"multilinear"`: the sum of the op with each input in turn replaced by its tangent.
"""

Differentiate = Callable[
    [Sequence[Node], Sequence[Node], Sequence[Node]], Sequence[Node | None]
]
"""Reverse or forward mode, of which rules of ops with bodies are told.

Reverse: `(outputs, cotangents, variables)` to the adjoints of the variables. Forward:
`(outputs, variables, tangents)` to the tangents of the outputs. None where none flows.
"""

MatrixKind = Literal["symmetric", "positive definite", "well-conditioned"]
"""Kinds of matrices that an op may ask for."""

Assignment = Callable[[Node], Node]
"""The new value of a buffer, from its old one."""

OPS: dict[str, Op] = {}
"""All declared ops by name. Generated tests walk this table."""


@dataclass(frozen=True, slots=True)
class Point:
    """Values of the inputs at which derivatives are tested to order two, on purpose.

    A kink, a tie, a zero that a formula divides by, a limit: what is drawn at random
    never meets it. Where the function has one slope, that is expected; between two
    slopes, any value; and where `gradients` are declared, these.
    """

    inputs: tuple[Any, ...]
    gradients: tuple[Any, ...] | None = None
    """The convention, where the slope has none by itself: what the gradient of the sum
    of all outputs is declared to be, by each floating input."""
    order: int = 2
    """Up to which derivatives are tried: 1 where a second one is beyond floats."""


@dataclass(frozen=True, slots=True)
class Case:
    """An application of an op that generated tests make, and the domain drawn from."""

    shapes: tuple[tuple[int, ...], ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    low: float = -2.0
    high: float = 2.0
    dtypes: tuple[str, ...] = ()
    """Dtype of each input; floating for all where empty."""
    maximum: tuple[int | None, ...] = ()
    """Exclusive bound of integer inputs that are indices."""
    matrices: tuple[MatrixKind | None, ...] = ()
    """The matrices that each input is made of; any where empty. Derivatives are taken
    along directions that keep to the kind."""
    points: tuple[Point, ...] = ()
    """Points at which derivatives are special. Elementwise ops are tried at 0 and
    around it without being asked."""


@dataclass(frozen=True, slots=True)
class AllocationFree:
    """NumPy source that writes a node into `out` and allocates no array."""

    template: str
    """The statements; the last one writes to `out`."""
    arrays: Mapping[str, Node | TensorType]
    """Arrays besides the inputs, by name: values of sizes and constants alone, which
    are computed once, and types, each of an array to write to."""
    setup: str = ""
    """Statements before those of the template, once for all values that they serve."""


class ValueRange(NamedTuple):
    """The least and the largest integer that an element of a node may be."""

    low: Dimension
    high: Dimension
    is_static: bool
    """True where both are known from the declaration, whatever the data are."""


ValueRanges = tuple[ValueRange | None, ...]
"""Of each input; None where nothing is known."""

InputRange: TypeAlias = "tuple[Node, Dimension, Dimension, int | None]"
"""A node, the least and the largest value that it may have, and another one that is
allowed besides, if any."""


Application = tuple[tuple[TensorType, ...], Mapping[str, Any]]
"""Types of arguments, and keywords."""


def _alike(type: TensorType) -> Iterable[Application]:
    return (((type,), {}),)


@dataclass(frozen=True, eq=False)
class Call:
    """A call that readable code has for what a formula computes."""

    numpy: Template
    """The NumPy source, over the arguments and keywords of the formula: an expression,
    of a tuple where the formula has several values."""
    helpers: tuple[str, ...] = ()
    """As those of an op."""
    formula: Callable[..., Node | tuple[Node, ...]] | None = None
    """The values, of arrays and keywords; None for what the block is of one input, `x`.
    Of several values the first is the one to look for, and all may be read. An argument
    without axes is a number, which the call is given as a keyword."""
    applications: Callable[[TensorType], Iterable[Application]] = _alike
    """The types and keywords that the formula may be applied to, where its first value
    is of a type. Axes may have other sizes."""
    positions: Callable[[Node], tuple[tuple[int, Dimension], ...]] | None = None
    """As that of an op, for the node that is the call."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    """One operation. See the module's docstring for the forms that it has as NumPy."""

    name: str
    inputs: tuple[str, ...]
    """Names of the inputs in the templates; a single `*name` takes any number."""
    outputs: tuple[str, ...] = ()
    """Names of the results of an op that has several: `infer` says a `TupleType`,
    `numpy` is an expression whose value is a tuple, and `ops.control.results_of` gives
    the nodes. Its rules are `vjp(cotangents, out, *inputs)`, with a cotangent or None
    for each result, and `jvp(tangents, out, *inputs)`, which returns a tangent, or
    None, for each."""
    infer: Callable[..., TensorType]
    """`infer(*input_types, **attributes)`: the type rule; raises `GraphcError`."""
    kind: Kind | None = None
    """None of a block, whose expansion says it."""
    role: Role | None = None
    facts: Facts = NONE
    stable_form: StableForm | None = None
    """For blocks that take the place of a formula."""
    numpy: Template | None = None
    into: Template | None = None
    allocation_free: Callable[[Node], AllocationFree | None] | None = None
    """Another form of `into`, for a node that has one."""
    fast: Template | None = None
    """The form in fast style, where a quicker one says the same less plainly: of
    statements where `numpy` is."""
    forms: Mapping[str, Template] = field(default_factory=dict[str, "Template"])
    """Forms for targets besides NumPy, by the target: an expression of the inputs, in
    which `c` may call functions of its own library."""
    loops: Callable[[Node], LoopForm | None] | None = None
    """The form as loops over elements, for targets that have loops; None for a node
    that has none. An elementwise op needs none to be said."""
    vjp: Vjp | None = None
    jvp: Jvp | None = None
    sympy: str | None = None
    """The meaning of an elementwise op as SymPy source over its input names."""
    mathematics: Mathematics = UNSAID
    """Formulas of the op and of its derivatives, as a textbook writes them."""
    expand: Callable[..., Node] | None = None
    """`expand(*inputs, **attributes)`: the meaning of a block in smaller ops."""
    view_when: Callable[[Node], bool] | None = None
    """For ops that are views for some attributes only: True for such a node."""
    positions: Callable[[Node], tuple[tuple[int, Dimension], ...]] | None = None
    """For ops that index: the inputs that are positions, and the sizes of the axes
    along which they are."""
    value_range: Callable[[Node, ValueRanges], ValueRange | None] | None = None
    """For ops of integers: the range of the elements, from those of the inputs."""
    input_range: Callable[[Node, int, int], InputRange | None] | None = None
    """For ops of integers: the range of an input in which the elements are between two
    bounds."""
    admits: tuple[str, ...] = ()
    """Values that are not finite and that an input may hold, since the op asks."""
    size_bounds: Callable[[Node], Iterable[tuple[Dimension, Dimension]]] | None = None
    """Pairs of sizes of a node, of which the first must not be above the second. No
    size of a shape may be negative anyway."""
    helpers: tuple[str, ...] = ()
    """Source of functions that templates call, with the imports that they need; after
    those that they call themselves."""
    calls: tuple[Call, ...] = ()
    """For blocks: the calls that readable code has for it and what belongs to it, of
    the same values to rounding."""
    assigns: Callable[[Node], Iterable[tuple[int, Assignment]]] | None = None
    """For blocks with buffers among their inputs: the positions of these, each with the
    value that a step of training assigns to the buffer."""
    one_row: Callable[[Rows, Node], Node | None] | None = None
    """The value for data of one row, without axes of size 1; None for one that is not
    known. Left out, it is what ops of the kind are, if elementwise or a reduction along
    `axis`, and else the op applied to arrays that have all their axes."""
    batch: BatchRule | None = None
    """The value for several examples at once, see `ir.batching`. Left out, an
    elementwise op broadcasts, a block is expanded, and any other op is applied to
    arrays that all have the mapped axis, with its own axes counted after it."""
    pure: bool = True
    """False where two equal applications are not the same value (random draws)."""
    bodies: tuple[str, ...] = ()
    """The attributes that are graphs of their own, see `ir.bodies`. Argument i of each
    receives input i of the node, or parts of it; in `numpy` it is a function. The rules
    of such an op are `vjp(reverse, cotangents, out, *inputs)` and `jvp(forward,
    tangents, out, *inputs)`: one cotangent or tangent, or None, for each result, and
    see `Differentiate`."""
    name_result: Callable[[Node, int], str | None] | None = None
    """The name of a result of a node with bodies, by its index."""
    cases: tuple[Case, ...] = ()
    recipe: tuple[Callable[..., Op], tuple[Any, ...]] | None = None
    """Of an op that a user makes: a function and what it makes the op again of, the
    same one each time. Such an op is not in the table of declared ones."""

    def __post_init__(self) -> None:
        if self.name in OPS and self.recipe is None:
            raise ValueError(f"op {self.name!r} is declared twice")
        if (self.kind is None) != self.is_block:
            raise ValueError(f"op {self.name!r} is a block or has a kind, not both")
        for template in (self.numpy, self.into, self.fast):
            if isinstance(template, str):
                self.parsed(template)
        if self.recipe is None:
            OPS[self.name] = self

    def __call__(self, *inputs: Node, **attributes: Any) -> Node:
        """A node that applies this op; its type is checked here and now."""
        return self.build(inputs, attributes)

    def build(
        self,
        inputs: tuple[Node, ...],
        attributes: Attributes,
        *,
        name: str | None = None,
    ) -> Node:
        """A node that applies this op, with the origin of the current scope."""
        try:
            result = self.infer(*(node.type for node in inputs), **attributes)
        except GraphcError as error:
            given = ", ".join(node.describe() for node in inputs)
            raise error.locate(node=f"{self.name}({given})") from None
        return Node(self, inputs, attributes, result, name=name)

    def parsed(self, text: str) -> ParsedTemplate:
        """A template of this op, which may be what a template may."""
        try:
            template = parsed(text)
        except (SyntaxError, ValueError) as error:
            reason = f"is not Python: {error}"
            reason = reason if isinstance(error, SyntaxError) else str(error)
            message = f"a template of op {self.name!r} {reason}"
            raise ValueError(f"{message}, in {text!r}") from None
        given = {name.removeprefix("*") for name in self.inputs}
        if clashing := template.own & given:
            raise ValueError(
                f"a template of op {self.name!r} has a variable {min(clashing)!r}, "
                "which is the name of an input"
            )
        if template.alias in given and not (self.kind == "view" or self.view_when):
            raise ValueError(
                f"a template of op {self.name!r} gives the array of {template.alias!r} "
                "itself, though it is not a view"
            )
        return template

    def template(self, node: Node) -> str:
        """The NumPy source of `node`."""
        assert self.numpy is not None, self.name
        return self.numpy if isinstance(self.numpy, str) else self.numpy(node)

    def template_for(self, target: str, node: Node) -> str:
        """The source of `node` for a target: NumPy's where it has none of its own."""
        found = self.forms.get(target)
        if found is None:
            return self.template(node)
        return found if isinstance(found, str) else found(node)

    def is_statements(self, node: Node) -> bool:
        """True where the source of `node` assigns `out`, and is not an expression."""
        return (
            self.numpy is not None
            and not self.parsed(self.template(node)).is_expression
        )

    def template_fast(self, node: Node) -> str:
        """The NumPy source of `node` that costs least."""
        if self.fast is None:
            return self.template(node)
        return self.fast if isinstance(self.fast, str) else self.fast(node)

    def template_into(self, node: Node) -> str | None:
        """The NumPy source that writes `node` into `out`, if there is one."""
        return self.into(node) if callable(self.into) else self.into

    def allocation_free_form(self, node: Node) -> AllocationFree | None:
        """The NumPy source that writes `node` into `out` and allocates no array."""
        return self.allocation_free(node) if self.allocation_free is not None else None

    def adjoints(
        self,
        cotangent: Any,
        out: Node,
        inputs: tuple[Node, ...],
        reverse: Differentiate | None = None,
    ) -> Flows:
        """Flows to each of `inputs`, by the VJP rule; `reverse` is for bodies."""
        assert self.vjp is not None, self.name
        rule = cast("Callable[..., Flows]", self.vjp)
        if self.bodies:
            return rule(reverse, cotangent, out, *inputs)
        return rule(cotangent, out, *inputs)

    def tangent(
        self,
        tangents: Sequence[Any],
        out: Node,
        forward: Differentiate | None = None,
    ) -> Any:
        """The tangent, by a JVP rule that is a function; `forward` is for bodies."""
        assert callable(self.jvp), self.name
        rule = cast("Callable[..., Any]", self.jvp)
        if self.bodies:
            return rule(forward, tangents, out, *out.inputs)
        return rule(tangents, out, *out.inputs)

    def is_view(self, node: Node) -> bool:
        """True where `node` looks into the array of its first input without a copy."""
        return self.kind == "view" or (
            self.view_when is not None and self.view_when(node)
        )

    @property
    def rearranges(self) -> bool:
        """True where each element of the result is an element of the first input."""
        return self.kind == "view" or self.facts.rearranges

    def says_no_more(self, name: str | None) -> bool:
        """True for a name of a value that is the op's own."""
        return name == self.name

    @property
    def is_declared(self) -> bool:
        """True where the op is the one of its name in the table, or is a user's own."""
        return self.recipe is not None or OPS.get(self.name) is self

    @property
    def is_users(self) -> bool:
        """True for an op that a user made."""
        return self.recipe is not None

    @property
    def key(self) -> Hashable:
        """Equal for equal ops alone; two ops of users may have one name."""
        return self.name if self.recipe is None else self

    @property
    def is_block(self) -> bool:
        """True where the op expands into smaller ones."""
        return self.expand is not None

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def result_name(node: Node) -> str | None:
    """The name that an op gives one of its several results."""
    if node.op.role is not Role.RESULT:
        return None
    source, index = node.inputs[0], cast("int", node.attributes["index"])
    if source.op.name_result is not None:
        return source.op.name_result(source, index)
    return source.op.outputs[index] if source.op.outputs else None
