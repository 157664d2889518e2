"""What holds for every test and doctest of the repository."""

import os
from importlib.util import find_spec

# The suite is written for double precision. It must not depend on what the
# environment or the home directory of whoever runs it says, so this comes
# before the first import of PyTensor.
os.environ.pop("THEANO_FLAGS", None)
os.environ["THEANORC"] = os.environ["PYTENSORRC"] = os.devnull
os.environ["PYTENSOR_FLAGS"] = ",".join(
    filter(None, [os.environ.get("PYTENSOR_FLAGS"), "floatX=float64"])
)

# Rules for a backend import it, so they are collected only where it is.
collect_ignore_glob = [
    f"src/lasagne/ops/{folder}/*"
    for folder, module in (("jax", "jax"), ("mlx", "mlx"), ("pytorch", "torch"))
    if find_spec(module) is None
]
