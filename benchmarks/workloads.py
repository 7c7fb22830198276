"""The timed workloads, by name."""

from __future__ import annotations

from .convolution import Convolution
from .gelu import Gelu
from .harness import Workload
from .hessian_vector import HessianVector
from .models import Model
from .products import Product
from .recurrent import Recurrent
from .scan import Scan
from .training.network import Training

TRAINING = (
    Training("logistic-1", (784, 10), batch=1),
    Training("logistic-32", (784, 10), batch=32),
    Training("sigmoid-1", (784, 30, 10), batch=1, activation="sigmoid"),
    Training("sigmoid-32", (784, 30, 10), batch=32, activation="sigmoid"),
    Training("relu-256", (784, 256, 256, 10), 128, "relu", "Adam", lr=1e-3),
    # With a larger step size, training multiplies rounding errors until peers differ.
    Training("relu-1024", (784, 1024, 1024, 10), 512, "relu", "Adam", lr=1e-4),
)
GELU = tuple(Gelu(f"gelu-1e{power}", 10**power) for power in (4, 5, 6, 7))
CONVOLUTION = (
    Convolution("conv-1-6", 64, 1, 28, 6, 5, is_first=True),
    Convolution("conv-6-16", 64, 6, 14, 16, 5),
    Convolution("conv-64-64", 32, 64, 14, 64, 3),
)
PRODUCTS = (
    Product("einsum-rows", "rows", ((512, 512),)),
    Product("einsum-diagonal", "diagonal", ((512, 512),)),
    Product("einsum-chain", "chain", ((64, 128), (128, 256), (256, 32))),
    Product("attention", "attention", ((8, 4, 64, 32),) * 3),
    Product("embedding", "embedding", ((1000, 64),), rows=4096),
)
OTHERS = (
    Recurrent("lstm", 32, 16, 64),
    Scan("scan", 10_000),
    Model("lenet", 64),
    Model("transformer", 16, length=64),
    HessianVector("hessian-vector", (784, 30, 10), batch=32),
)

# Shapes that nobody tunes for, to see that what is fast is so in general.
EXTRA_TRAINING = (
    Training("extra-tanh", (300, 100, 50, 7), 17, "tanh", lr=0.05, momentum=0.9),
    Training("extra-relu", (123, 190, 61, 3), 48, "relu", "Adam", lr=1e-3),
    Training("extra-vector", (41, 77, 5), 1, "tanh", "Adam", lr=1e-3),
)
EXTRA_HESSIAN_VECTOR = HessianVector("extra-hessian-vector", (57, 41, 7), batch=19)

EXTRA: dict[str, Workload] = {
    workload.name: workload for workload in (*EXTRA_TRAINING, EXTRA_HESSIAN_VECTOR)
}
TIMED: dict[str, Workload] = {
    **{
        workload.name: workload
        for workload in (*TRAINING, *GELU, *CONVOLUTION, *PRODUCTS, *OTHERS)
    },
    **EXTRA,
}
