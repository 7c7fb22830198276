"""The parts of a graph: types, nodes, op declarations, graphs and their verifier."""

from .dims import Dim, Dimension, Shape
from .graph import Graph, rebuild
from .literal import Literal
from .node import Node
from .op import OPS, Case, Op, Point
from .pickling import op_named
from .types import TensorType
from .verify import verify

__all__ = [
    "OPS",
    "Case",
    "Dim",
    "Dimension",
    "Graph",
    "Literal",
    "Node",
    "Op",
    "Point",
    "Shape",
    "TensorType",
    "op_named",
    "rebuild",
    "verify",
]
