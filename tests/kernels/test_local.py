"""The kernels of local connections against their law, within guarded buffers."""

import numpy as np
import pytest

from lasagne.kernels import local as kernel

from .guarded import run_guarded

# (x, w, stride, before, dilation, groups): a row, a plane and a volume; padding,
# gaps between taps, filters in reverse, several groups; more positions, more images,
# filters and channels, and more taps than are handled at a time; a batch without
# images.
CASES = {
    "row": ((2, 3, 1, 1, 9), (4, 3, 1, 1, 3, 1, 1, 7), 1, 0, 1, 1),
    "stride": ((3, 2, 1, 7, 9), (2, 1, 1, 2, 2, 1, 3, 3), 3, 0, 1, 2),
    "padding": ((2, 2, 1, 4, 5), (3, 2, 1, 3, 3, 1, 3, 3), 2, 2, 2, 1),
    "volume": ((1, 2, 4, 5, 6), (2, 2, 2, 2, 2, 5, 6, 7), 1, 1, 1, 1),
    "reversed": ((2, 2, 1, 5, 6), (2, 2, 1, 3, 3, 1, 3, 4), 1, -2, -1, 1),
    "column": ((2, 3, 1, 9, 1), (4, 3, 1, 3, 1, 1, 9, 1), 1, 1, 1, 1),
    "positions": ((19, 2, 1, 9, 40), (34, 1, 1, 1, 3, 1, 9, 38), 1, 0, 1, 2),
    "blocks": ((37, 26, 1, 4, 5), (98, 13, 1, 3, 3, 1, 2, 3), 1, 0, 1, 2),
    "taps": ((3, 2, 1, 9, 12), (2, 2, 1, 7, 8, 1, 2, 3), 2, 0, 1, 1),
    "empty": ((0, 2, 1, 3, 3), (2, 2, 1, 2, 2, 1, 2, 2), 1, 0, 1, 1),
}


def terms(x, w, stride, before, dilation, groups):
    """Yield every output position with a tap, and where that looks in the input."""
    for position in np.ndindex(*w.shape[5:]):
        for tap in np.ndindex(*w.shape[2:5]):
            at = [
                o * s + t * d - b
                for o, s, t, d, b in zip(position, stride, tap, dilation, before)
            ]
            if all(0 <= i < size for i, size in zip(at, x.shape[2:])):
                yield (..., *position), (..., *tap, *position), (..., *at)


def expected(x, w, y, *geometry):
    """Compute all three laws, in one pass over positions and taps."""
    groups = geometry[-1]
    results = [np.zeros(each.shape) for each in (x, w, y)]

    def grouped(x, w, y):
        return (
            x.reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:]),
            w.reshape(groups, len(w) // groups, *w.shape[1:]),
            y.reshape(len(y), groups, y.shape[1] // groups, *y.shape[2:]),
        )

    from_x, from_w, from_y = grouped(x, w, y)
    to_x, to_w, to_y = grouped(*results)
    for position, tap, at in terms(x, w, *geometry):
        a, b, c = from_x[at], from_w[tap], from_y[position]
        to_y[position] += np.einsum("ngc,gkc->ngk", a, b)
        to_x[at] += np.einsum("ngk,gkc->ngc", c, b)
        to_w[tap] += np.einsum("ngc,ngk->gkc", a, c)
    return results


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_equals_the_law(name, dtype):
    x_shape, w_shape, stride, before, dilation, groups = CASES[name]
    rng = np.random.default_rng(0)
    y_shape = (x_shape[0], w_shape[0], *w_shape[5:])
    x, w, y = (
        rng.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, y_shape)
    )
    # On the axes that there are.
    axes = [int(max(sizes) > 1) for sizes in zip(x_shape[2:], w_shape[2:5])]
    geometry = (
        tuple(stride if axis else 1 for axis in axes),
        tuple(before if axis else 0 for axis in axes),
        tuple(dilation if axis else 1 for axis in axes),
        groups,
    )
    gx, gw, sums = expected(x, w, y, *geometry)
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    for function, arguments, right in [
        (kernel.forward, [x, w], sums),
        (kernel.input_gradient, [w, y], gx),
        (kernel.filter_gradient, [x, y], gw),
    ]:
        [found] = run_guarded(
            lambda a, b, c, f=function: f(a, b, c, *geometry),
            arguments,
            [right.astype(dtype)],
        )
        np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance)
