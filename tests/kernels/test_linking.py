"""Kernels that are called from outside are compiled like any other."""

from numba import njit, types
from numba.core import config

from lasagne.kernels import linking, normalization


def optimization_of(kernel):
    """Call a kernel from outside; return the levels at which it was compiled."""
    levels, compile_kernel = [], kernel.compile

    def recorded(signature):
        levels.append(int(config.OPT))
        return compile_kernel(signature)

    kernel.compile = recorded
    call = linking.external(kernel, (types.float64[::1],), normalization)

    @njit
    def caller(x):
        call(x)

    caller.compile((types.float64[::1],))
    return levels


def test_loops_are_optimized_fully():
    """Or sums in a kernel without vectors of its own would take four times as long."""

    @njit
    def doubled(x):
        for i in range(x.size):
            x[i] *= 2

    assert optimization_of(doubled) == [int(config.OPT)]
