"""Functions of steps: a plan in data, which a target prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..ir.dims import Dimension
from ..ir.graph import Graph, OneRow
from ..ir.node import Node
from ..ir.sizes import SizeBound
from .footprint import Footprint, OneRowFootprint
from .forms import Check, Entry, Form, Forms
from .native import Region
from .schedule import Chain
from .workspace import Persistent, Workspace


@dataclass(frozen=True)
class Declared:
    """A function to lower: a graph, and the inputs that it takes in order."""

    name: str
    graph: Graph
    inputs: tuple[Node, ...] = ()
    """Placeholders, used or not."""
    source: str = "parameters"
    """The first argument, if any: a mapping that holds parameters, and placeholders
    that are not arguments, by name."""
    random: bool = False
    """True where it takes `rng`, see `harness.streams`."""
    persistent: Persistent | None = None
    """In fast style, outputs in arrays that stay."""
    converts: bool = False
    """True where, in fast style, inputs may be of another floating dtype."""
    tile: int | None = None
    """In fast style, the numbers in a tile; None for no tiles."""
    follows_dtypes: bool = True
    """True where, in fast style, it computes in the dtype that parameters have, if all
    is declared alike."""
    size_bounds: tuple[SizeBound, ...] = ()
    """Conditions on named sizes."""
    is_checked: bool = True
    """True where it raises for positions out of bounds, which NumPy may take."""
    given: tuple[Node, ...] = ()
    """Placeholders that a call of another function at its beginning gives."""
    one_row: OneRow | None = None
    """In fast style, the graph that another function computes for data of one row."""
    then: tuple[Node, ...] = ()
    """The results that its last step has to have for an update to follow it in another
    language; none where no update may."""
    is_body: bool = False
    """True for the function of a body, to which its callers give arrays for results."""
    is_shared: bool = False
    """True where ranks add up its persistent outputs, early where that is worth it."""


@dataclass(frozen=True, eq=False)
class Compute:
    """A step that computes one value, or all results of one node."""

    node: Node
    form: Form
    array: Node | None = None
    """The value whose array it is written to; None for a new array or a number."""
    is_named: bool = True
    """False where nothing reads it by a name besides that of its array."""
    checks: tuple[Check, ...] = ()
    before: Form | None = None
    """Statements that run before, once for all values that need them."""
    results: tuple[Node | None, ...] = ()
    """Of a node with several results, those values; None for one that nothing reads."""


@dataclass(frozen=True, eq=False)
class Tiled:
    """A step that computes a chain of elementwise values, tile by tile."""

    chain: Chain
    forms: Forms
    computes: tuple[Compute, ...]
    tiled: tuple[Node, ...]
    """Arrays of which it takes a tile; the first tells how large one is."""
    whole: tuple[Node, ...]
    """Values that are the same for all tiles."""
    scratch: tuple[Node, ...]
    """Values that have an array of one tile."""
    fresh: tuple[Node, ...]
    """Outputs that get a new array at each run."""
    arrays: Mapping[Node, Node]
    """The array that each value is written to."""
    symbols: tuple[str, ...]
    """Named sizes that its code refers to."""
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, eq=False)
class Call:
    """A step that calls the function of a body."""

    node: Node
    function: Function
    given: tuple[Node, ...]
    """Values for what the function takes, in its order."""
    results: tuple[Node | None, ...]
    """Values that it computes; None for one that nothing reads."""
    checks: tuple[Check, ...] = ()
    out: Mapping[Node, Node] = field(default_factory=dict[Node, Node])
    """In fast style, values that it writes to arrays, and the array of each."""
    fresh: tuple[Node, ...] = ()
    """Those of them that get a new array at each run."""


@dataclass(frozen=True, eq=False)
class Block:
    """The steps of a body that stand inside those of a function."""

    graph: Graph
    forms: Forms
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Carried:
    """A value that each turn of a loop takes from the one before."""

    place: int
    """The position of the input of the loop that it starts as."""
    variable: Node
    """The argument of the body."""
    start: Node
    """The value before the first turn, outside."""
    next: Node
    """The value after a turn, in the body."""
    last: Node | None
    """The result outside, if anything reads it."""
    has_array: bool = False
    """True where the variable has an array, to which the start is copied."""
    spare: Entry | None = None
    """The array to which `next` is copied before the two change places; None where it
    is written to an array of its own, or to the variable's."""
    is_replaced: bool = False
    """True where `next` is written to the variable's array."""
    is_fresh: bool = False
    """True where the result must be a new array at each run."""


@dataclass(frozen=True, eq=False)
class Stacked:
    """The values of all turns of a loop along a first axis."""

    result: Node
    value: Node
    """In the body."""
    is_direct: bool = False
    """True where the value is computed in its place."""
    is_fresh: bool = False
    """True where the result is a new array at each run."""


@dataclass(frozen=True, eq=False)
class Loop:
    """A step that runs a body for each item of sequences, or while a test holds."""

    node: Node
    block: Block
    carried: tuple[Carried, ...]
    results: tuple[Node | None, ...]
    shared: tuple[tuple[Node, Node], ...]
    """Arguments of bodies that are the same in all turns, and their values outside."""
    length: Dimension = 0
    """The number of turns, without a test."""
    reverse: bool = False
    stacked: tuple[Stacked, ...] = ()
    items: tuple[tuple[Node, Node], ...] = ()
    """Arguments of the body, and the sequences of which they are items."""
    test: Block | None = None
    """Computes the bool by which the loop goes on."""
    tested: tuple[tuple[Node, Node], ...] = ()
    """Arguments of the test, and the variables of carried values that they are."""
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, eq=False)
class Chosen:
    """A result of a branch."""

    result: Node
    values: tuple[Node, ...]
    """In each of the bodies."""
    is_direct: tuple[bool, ...]
    """For each, True where the value is computed into the array of the result."""
    has_array: bool = False
    """True where the result has an array, to which values are copied."""
    is_fresh: bool = False
    """True where that is a new one at each run."""


@dataclass(frozen=True, eq=False)
class Branch:
    """A step that runs one of two bodies."""

    node: Node
    decides: Node
    """The bool by which the first one runs."""
    blocks: tuple[Block, ...]
    chosen: tuple[Chosen, ...]
    shared: tuple[tuple[Node, Node], ...]
    """Arguments of the bodies, and their values outside."""
    results: tuple[Node | None, ...]
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, eq=False)
class Native:
    """A step that another language computes."""

    region: Region
    fresh: tuple[Node, ...]
    """Results that get a new array at each run."""
    room: Entry | None
    """The memory for all other values."""
    checks: tuple[Check, ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """The named sizes that it needs."""
        return self.region.symbols


@dataclass(frozen=True, eq=False)
class Ready:
    """A step that tells of gradients that are known: a sum over ranks may start."""

    nodes: tuple[Node, ...]
    """Neighbours in memory, in that order."""
    after: Node
    """The value that the step before it computes first."""
    checks: tuple[Check, ...] = ()


Step = Compute | Tiled | Call | Loop | Branch | Native | Ready


def blocks_of(step: Step) -> tuple[Block, ...]:
    """The bodies whose steps stand inside a step."""
    if isinstance(step, Branch):
        return step.blocks
    if isinstance(step, Loop):
        return (step.block,) if step.test is None else (step.test, step.block)
    return ()


def inner_steps(step: Step) -> Iterator[Step]:
    """A step, and all that stand inside it."""
    yield step
    for block in blocks_of(step):
        for each in block.steps:
            yield from inner_steps(each)


@dataclass(frozen=True, eq=False)
class Variant:
    """A function that is called instead where a dimension is 1."""

    dimension: str
    function: Function


@dataclass(frozen=True, eq=False)
class Function:
    """A lowered function."""

    declared: Declared
    forms: Forms
    steps: tuple[Step, ...]
    stored: tuple[Node, ...]
    """Values that it fetches from its first argument."""
    copied: Mapping[str, Node]
    """Persistent outputs that are computed elsewhere, by name."""
    workspace: Workspace
    symbols: tuple[str, ...]
    """Named sizes that its code refers to."""
    given_symbols: tuple[str, ...]
    """Those that no input tells, which it takes as arguments."""
    is_fast: bool
    """True in fast style."""
    one_row: Variant | None = None
    out: tuple[Node, ...] = ()
    """Values that it writes to arrays that it is given."""

    @property
    def returned(self) -> tuple[int, ...]:
        """The positions of the results that are not simply such an array."""
        missing, found = set(self.out), list[int]()
        for position, node in enumerate(self.declared.graph.outputs):
            if node not in missing:
                found.append(position)
            missing.discard(node)
        return tuple(found)

    @property
    def name(self) -> str:
        """As it was declared."""
        return self.declared.name

    def all_steps(self) -> Iterator[Step]:
        """Its steps, and those that stand inside them."""
        for step in self.steps:
            yield from inner_steps(step)

    @property
    def regions(self) -> tuple[Native, ...]:
        """The steps that another language computes."""
        return tuple(s for s in self.all_steps() if isinstance(s, Native))

    @property
    def keeps_first(self) -> bool:
        """True where the first output is in an array that stays, as others are."""
        persistent = self.workspace.persistent
        first = self.declared.graph.outputs[0]
        return persistent is not None and any(
            entry.node is first for entry in self.workspace.entries
        )

    @property
    def last_region(self) -> Native | None:
        """The last step, where another language computes it with all that an update
        needs, and this may follow in that language."""
        last = self.steps[-1] if self.steps else None
        if not isinstance(last, Native) or not self.declared.then:
            return None
        if self.copied or not self.keeps_first:
            return None
        return last if {*self.declared.then} <= {*last.region.results} else None

    @property
    def starts_sums(self) -> bool:
        """True where it tells of gradients whose sum over ranks may start."""
        return any(isinstance(step, Ready) for step in self.steps)

    @property
    def has_tiles(self) -> bool:
        """True where it computes a chain tile by tile."""
        return any(isinstance(step, Tiled) for step in self.all_steps())

    @property
    def has_checks(self) -> bool:
        """True where it checks positions."""
        return any(step.checks for step in self.all_steps())

    def called(self) -> Iterator[Function]:
        """The functions of bodies that it calls, each once, and what those call."""
        known: set[Graph] = set()
        for step in self.all_steps():
            if isinstance(step, Call):
                for each in (*step.function.called(), step.function):
                    if each.declared.graph not in known:
                        known.add(each.declared.graph)
                        yield each

    def everything(self) -> Iterator[Function]:
        """The function and all that it calls."""
        yield self
        yield from self.called()
        if self.one_row is not None:
            yield from self.one_row.function.everything()

    def forms_used(self) -> Iterator[Form]:
        """The forms of everything that its code computes, workspace included."""
        for function in self.everything():
            yield from function.own_forms()

    def own_forms(self) -> Iterator[Form]:
        """Those of its code without the functions that it calls."""
        whole = Block(self.declared.graph, self.forms, self.steps)
        yield from _forms_of(whole)
        yield from self.workspace.forms_used()

    def footprint(self, tile: int) -> Footprint:
        """The bytes of its arrays, besides parameters, inputs and results."""
        own = self.workspace.footprint(tile)
        for other in (function.workspace.footprint(tile) for function in self.called()):
            own = replace(
                own,
                workspace=own.workspace + other.workspace,
                tiles=tuple(dict.fromkeys((*own.tiles, *other.tiles))),
                sizes=tuple(sorted({*own.sizes, *other.sizes})),
            )
        if self.one_row is None:
            return own
        dimension = self.one_row.dimension
        row = self.one_row.function.footprint(tile)
        return replace(
            own,
            sizes=tuple(sorted({*own.sizes, dimension})),
            one_row=OneRowFootprint(dimension, row.workspace, row.tiles),
        )


def _forms_of(block: Block) -> Iterator[Form]:
    """The forms of all that the code of a body computes."""
    results = [*block.graph.outputs]
    for step in block.steps:
        forms = step.forms if isinstance(step, Tiled) else block.forms
        if not isinstance(step, Compute):
            results += given_to(step)
        for inner in blocks_of(step):
            yield from _forms_of(inner)
        for each in computes_of(step):
            if each.before is not None:
                yield from forms.within(each.before)
            yield from forms.within(each.form)
    for node in results:
        if block.forms.is_inside(node):
            yield from block.forms.within(block.forms[node])


def given_to(step: Tiled | Call | Loop | Branch | Native | Ready) -> tuple[Node, ...]:
    """The values outside that a step is given."""
    if isinstance(step, Ready):
        return step.nodes
    if isinstance(step, Native):
        return step.region.given
    if isinstance(step, Call):
        return step.given
    if isinstance(step, Tiled):
        return (*step.tiled, *step.whole)
    shared = tuple(value for _, value in step.shared)
    if isinstance(step, Branch):
        return (step.decides, *shared)
    starts = tuple(each.start for each in step.carried)
    return (*starts, *(value for _, value in step.items), *shared)


def computes_of(step: Step) -> tuple[Compute, ...]:
    """The values that a step computes one by one, in order."""
    if isinstance(step, Call | Loop | Branch | Native | Ready):
        return ()
    return step.computes if isinstance(step, Tiled) else (step,)


def first_of(step: Step) -> Node:
    """The value that a step computes first."""
    if isinstance(step, Ready):
        return step.after
    if isinstance(step, Native):
        return step.region.first
    return step.chain.nodes[0] if isinstance(step, Tiled) else step.node
