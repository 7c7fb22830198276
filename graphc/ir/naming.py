"""Names of layers and random draws that the user gave none.

Which other layers there are is known only when a graph is put to use. So such a layer
has a name that may still change, and its nodes with it: of two that want to be `linear`
in one graph the one declared later becomes `linear_2`. Once a name has been settled for
good, as in a trainer whose checkpoints hold it, it stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import ref

from .facts import PERSISTENT
from .origin import Layered, surroundings

if TYPE_CHECKING:
    from .node import Node


class Naming:
    """The name of an unnamed layer, and the nodes that have theirs from it.

    Attributes:
        text: the name for now.
        is_final: whether it stays.
    """

    __slots__ = ("_nodes", "is_final", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_final = False
        self._nodes: list[tuple[ref[Node], str]] = []

    def give(self, node: Node, suffix: str) -> Node:
        """A copy of a node that is called as the layer is, and a suffix."""
        named = node.copy(name=self.text + suffix)
        object.__setattr__(named, "naming", self)
        self._nodes.append((ref(named), suffix))
        return named

    def adopt(self, node: Node) -> None:
        """Let a node that has the layer's name be numbered with it."""
        object.__setattr__(node, "naming", self)
        self._nodes.append((ref(node), ""))

    def names(self, text: str, nodes: set[Node]) -> set[str]:
        """The names of those of `nodes` that it names where the layer is `text`."""
        return {text + suffix for node, suffix in self._living() if node in nodes}

    def rename(self, text: str) -> None:
        """Call the layer, and all its nodes, something else."""
        self.text = text
        for node, suffix in self._living():
            expanded = node.known_expansion
            if expanded is not None and expanded.name == node.name:
                object.__setattr__(expanded, "name", text + suffix)
            object.__setattr__(node, "name", text + suffix)

    def candidates(self) -> Iterator[str]:
        """The name for now, and then it with the numbers from 2."""
        yield self.text
        stem = re.sub(r"_\d+$", "", self.text)
        yield from (f"{stem}_{number}" for number in count(2))

    def __reduce__(self) -> tuple[Any, ...]:
        """The name with the parameters that have theirs from it, which a layer keeps.

        Results that were computed keep the names that they have.
        """
        kept = [pair for pair in self._living() if pair[0].op.role in PERSISTENT]
        return _restored, (self.text, self.is_final, kept)

    def _living(self) -> Iterator[tuple[Node, str]]:
        for reference, suffix in self._nodes:
            node = reference()
            if node is not None:
                yield node, suffix


def _restored(text: str, is_final: bool, named: list[tuple[Node, str]]) -> Naming:
    """The naming of a layer that was pickled."""
    naming = Naming(text)
    naming.is_final = is_final
    for node, suffix in named:
        object.__setattr__(node, "naming", naming)
        naming._nodes.append((ref(node), suffix))  # pyright: ignore[reportPrivateUsage]
    return naming


class DrawNaming(Naming):
    """The name of a random draw that the user gave none: after the node it is for.

    Numbers come from the stream of that name, so a draw for the layer `hidden` keeps
    them whatever else is declared.
    """

    __slots__ = ("_layer", "_of", "_what")

    def __init__(self, what: str, of: Node | None) -> None:
        """Name a draw.

        Args:
            what: what is drawn.
            of: the node that it is for, of which the nearest name is taken, or that of
                the layer of layers around it where this was given what has the name.
        """
        layer, given = surroundings()
        self._layer: Layered | None = None
        # The name of a part is not the user's: another may have it, too.
        while of is not None and (of.name is None or of.origin.rules):
            if any(of is each for each in given):
                break
            of = of.inputs[0] if of.inputs else None
        named = layer is not None and layer.name is not None
        if named and any(of is each for each in given):
            # In a function for several layers what is given has other names.
            self._layer, of = layer, None
        self._what, self._of = what, of
        super().__init__(self._stem)

    @property
    def _stem(self) -> str:
        if self._layer is not None:
            return f"{self._layer.name}.input.{self._what}"
        return self._what if self._of is None else f"{self._of.name}.{self._what}"

    def candidates(self) -> Iterator[str]:
        """The name alone, and then it with the numbers from 2."""
        yield self._stem
        yield from (f"{self._stem}_{number}" for number in count(2))


def number_unnamed(nodes: Iterable[Node], *, finally_: bool = False) -> None:
    """Number the unnamed layers of a graph that want one name, as they were declared.

    Args:
        nodes: all nodes of a graph.
        finally_: whether the names stay from now on, whatever other graphs they are in.
    """
    graph = set(nodes)
    ordered = sorted(graph, key=lambda node: node.order)
    namings = list(dict.fromkeys(n.naming for n in ordered if n.naming is not None))
    # What a block means goes by the name of the block, and is renamed with it.
    meanings = {node.known_expansion for node in ordered if node.naming is not None}
    taken = {
        node.name
        for node in ordered
        if node.name is not None
        and (node.naming is None or node.naming.is_final)
        and node not in meanings
    }
    for naming in namings:
        if not naming.is_final:
            text = next(
                text
                for text in naming.candidates()
                if not taken & naming.names(text, graph)
            )
            taken |= naming.names(text, graph)
            if text != naming.text:
                naming.rename(text)
            naming.is_final = finally_
