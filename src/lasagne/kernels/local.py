"""Local connections and their two gradients, on NumPy arrays.

A convolution with separate filters at every output position.

Contract
--------
As for the convolution in :mod:`~lasagne.kernels.conv`, except that the filters
have three more axes, the output position:

* ``x``: ``(N, C, D, H, W)``, ``w``: ``(K, C // groups, kD, kH, kW, oD, oH, oW)``,
  ``y``: ``(N, K, oD, oH, oW)``, all C-contiguous and of one float dtype.
* ``stride``, ``dilation`` and ``before`` (zeros in front of each axis) are
  tuples of three ints. Stride is positive; dilation and ``before`` may be
  negative, which is how filters are read in reverse, see :func:`reversed_taps`.
* The caller allocates the result, which is overwritten without being read.
  Nothing outside the arrays is touched.

The law, with ``i = o * stride + t * dilation - before`` the input position
under filter tap ``t`` at output position ``o``::

    forward          y[n, k, o] = sum over c, t of  x[n, c, i] * w[k, c, t, o]
    input_gradient   x[n, c, i] = sum over k, t, o of  y[n, k, o] * w[k, c, t, o]
    filter_gradient  w[k, c, t, o] = sum over n of  x[n, c, i] * y[n, k, o]

Method
------
**Patches.** What every tap sees at a run of output positions is copied from the
input to a buffer, zeros for padding. That settles stride, dilation and the
number of axes: patches, filters and output are contiguous along the positions,
and each law is a sum of products of rows, ``y[n, k] += patches[n, c, t] * w[k,
c, t]``, which LLVM vectorises. The input gradient computes the patches, and
adds them to where they would have come from.

**Order.** The filters outweigh input and output by far, and a weight meets
each image once. So the filters are gone through once, and everything that
belongs to a run of positions of some filters and one channel stays in cache
while all images use it.

**Threads.** No two tasks write to the same place, and no sum depends on how
many threads there are.
"""

import numpy as np
from numba import njit

from .geometry import demote, output_sizes, promote, shape_text, span
from .linking import watch
from .simd import clear, copy
from .threads import parallel_for

__all__ = [
    "check",
    "demote",
    "demote_filters",
    "filter_gradient",
    "forward",
    "input_gradient",
    "output_sizes",
    "promote",
    "promote_filters",
    "reversed_taps",
]

_JIT = {"cache": True, "nogil": True, "fastmath": {"contract"}}

# Functions that only kernels call, and are cached with them: compiled faster.
_INNER = {
    "nogil": True,
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


@njit(**_JIT)
def _promote_filters_1d(w):
    k, c, taps, positions = w.shape
    return np.ascontiguousarray(w).reshape((k, c, 1, 1, taps, 1, 1, positions))


@njit(**_JIT)
def _promote_filters_2d(w):
    k, c, kh, kw, oh, ow = w.shape
    return np.ascontiguousarray(w).reshape((k, c, 1, kh, kw, 1, oh, ow))


@njit(**_JIT)
def _promote_filters_3d(w):
    return np.ascontiguousarray(w)


@njit(**_JIT)
def _demote_filters_1d(w):
    k, c, _, _, taps, _, _, positions = w.shape
    return w.reshape((k, c, taps, positions))


@njit(**_JIT)
def _demote_filters_2d(w):
    k, c, _, kh, kw, _, oh, ow = w.shape
    return w.reshape((k, c, kh, kw, oh, ow))


@njit(**_JIT)
def _demote_filters_3d(w):
    return w


#: By number of spatial dimensions: view filters with three of them, copying
#: them only if they are not contiguous; and back. For ``x`` and ``y``, see
#: :data:`lasagne.kernels.conv.promote`.
promote_filters = {
    1: _promote_filters_1d,
    2: _promote_filters_2d,
    3: _promote_filters_3d,
}
demote_filters = {
    1: _demote_filters_1d,
    2: _demote_filters_2d,
    3: _demote_filters_3d,
}


@njit(**_JIT)
def reversed_taps(sizes, before, dilation):
    """Return the zeros in front and the dilation that read filters in reverse.

    Tap ``t`` of reversed filters is tap ``size - 1 - t``, at the position
    ``o * stride + (size - 1 - t) * dilation - before``. That is linear in
    ``t`` again, so no weight has to be moved.
    """
    return (
        before[0] - (sizes[0] - 1) * dilation[0],
        before[1] - (sizes[1] - 1) * dilation[1],
        before[2] - (sizes[2] - 1) * dilation[2],
    ), (-dilation[0], -dilation[1], -dilation[2])


@watch
@njit(**_JIT)
def check(x_shape, w_shape, y_shape, stride, before, after, dilation, groups):
    """Raise a ValueError unless the three shapes belong together."""
    sizes = output_sizes(x_shape[2:], w_shape[2:5], stride, before, after, dilation)
    if (
        w_shape[0] % groups
        or x_shape[1] != w_shape[1] * groups
        or y_shape[0] != x_shape[0]
        or y_shape[1] != w_shape[0]
        or y_shape[2:] != sizes
        or w_shape[5:] != sizes
        or min(sizes) <= 0
    ):
        raise ValueError(
            "Local connections: the shapes of input "
            + shape_text(x_shape)
            + ", filters "
            + shape_text(w_shape)
            + " and output "
            + shape_text(y_shape)
            + " (missing spatial axes count as 1) do not belong together with "
            + str(groups)
            + " groups, stride "
            + shape_text(stride)
            + ", padding "
            + shape_text(before)
            + " before and "
            + shape_text(after)
            + " after, and dilation "
            + shape_text(dilation)
            + ". The input needs as many channels as all groups of a filter together, "
            + "every filter must fit the padded input, and there must be one filter "
            + "for each of the "
            + shape_text(sizes)
            + " output positions."
        )


# What is handled at a time: with 3x3 filters of float32 the patches take 144 KiB
# of the second-level cache. A task has as many filters as it may, unless that
# leaves too few tasks for the threads.
_POSITIONS = 256
_IMAGES = 16
_FILTERS = 16
_TASKS = 16


@njit(**_INNER)
def _parts(total, size):
    """Count the parts of a given size, the last perhaps smaller."""
    return (total + size - 1) // size


@njit(**_INNER)
def _volume(sizes):
    return sizes[0] * sizes[1] * sizes[2]


@njit(**_INNER)
def _transfer(
    x,
    x_shape,
    image,
    images,
    channel,
    patches,
    w_shape,
    first,
    last,
    stride,
    before,
    dilation,
    add_up,
):
    """Copy to the patches what the taps see at positions ``first`` to ``last``.

    Or, if ``add_up``, add the patches to where that came from. Both ``x`` and
    ``patches``, of shape ``(images, taps, _POSITIONS)``, are flat.
    """
    sizes, width = w_shape[5:], w_shape[7]
    taps = _volume(w_shape[2:5])
    for tap in range(taps):
        shift_d = tap // w_shape[4] // w_shape[3] * dilation[0] - before[0]
        shift_h = tap // w_shape[4] % w_shape[3] * dilation[1] - before[1]
        shift_w = tap % w_shape[4] * dilation[2] - before[2]
        inside = span(width, x_shape[4], stride[2], shift_w)
        position = first
        while position < last:
            # The part of one row of positions, and of it what is not padding.
            row, begin = position // width, position % width
            end = min(width, begin + last - position)
            d = row // sizes[1] * stride[0] + shift_d
            h = row % sizes[1] * stride[1] + shift_h
            start = stop = begin
            if 0 <= d < x_shape[2] and 0 <= h < x_shape[3]:
                start = min(max(begin, inside[0]), end)
                stop = max(start, min(end, inside[1]))
            for n in range(images):
                at = (n * taps + tap) * _POSITIONS + position - first - begin
                source = ((image + n) * x_shape[1] + channel) * x_shape[2] + d
                source = (source * x_shape[3] + h) * x_shape[4] + shift_w
                if add_up:
                    for o in range(start, stop):
                        i = np.uint64(source + o * stride[2])
                        x[i] += patches[np.uint64(at + o)]
                    continue
                clear(patches, at + begin, start - begin)
                if stride[2] == 1:
                    copy(x, source + start, patches, at + start, stop - start)
                else:
                    for o in range(start, stop):
                        i = np.uint64(source + o * stride[2])
                        patches[np.uint64(at + o)] = x[i]
                clear(patches, at + stop, end - stop)
            position += end - begin


@njit(**_INNER)
def _add_products(left, left_at, right, right_at, total, total_at, count):
    """Multiply two rows of flat arrays element by element, and add to a third."""
    for i in range(count):
        # Unsigned, so that Numba does not look for negative indices.
        product = left[np.uint64(left_at + i)] * right[np.uint64(right_at + i)]
        total[np.uint64(total_at + i)] += product


@njit(**_INNER)
def _with_some_patches(
    task, x, w, y, stride, before, dilation, groups, for_filters, runs, block_size
):
    """Compute what one run of positions adds to some filters of one group."""
    num_filters, channels = w.shape[:2]
    num_images, positions = x.shape[0], _volume(w.shape[5:])
    taps = _volume(w.shape[2:5])
    filters = num_filters // groups
    blocks = _parts(filters, block_size)
    task, run = divmod(task, runs)
    group, block = divmod(task, blocks)
    first, last = run * _POSITIONS, min((run + 1) * _POSITIONS, positions)
    count = last - first
    first_filter = group * filters + block * block_size
    last_filter = min(first_filter + block_size, (group + 1) * filters)
    patches = np.empty(_IMAGES * taps * _POSITIONS, x.dtype)
    x_flat, w_flat, y_flat = x.reshape(-1), w.reshape(-1), y.reshape(-1)

    for k in range(first_filter, last_filter):
        if for_filters:
            for row in range(k * channels * taps, (k + 1) * channels * taps):
                clear(w_flat, row * positions + first, count)
        else:
            for n in range(num_images):
                clear(y_flat, (n * num_filters + k) * positions + first, count)

    for c in range(channels):
        for image in range(0, num_images, _IMAGES):
            images = min(_IMAGES, num_images - image)
            _transfer(
                x_flat,
                x.shape,
                image,
                images,
                group * channels + c,
                patches,
                w.shape,
                first,
                last,
                stride,
                before,
                dilation,
                False,
            )
            for k in range(first_filter, last_filter):
                for t in range(taps):
                    w_at = ((k * channels + c) * taps + t) * positions + first
                    for n in range(images):
                        at = (n * taps + t) * _POSITIONS
                        y_at = (image + n) * num_filters + k
                        y_at = y_at * positions + first
                        if for_filters:
                            _add_products(
                                patches, at, y_flat, y_at, w_flat, w_at, count
                            )
                        else:
                            _add_products(
                                patches, at, w_flat, w_at, y_flat, y_at, count
                            )


@njit(**_INNER)
def _with_patches(x, w, y, stride, before, dilation, groups, for_filters):
    """Compute ``y``, or ``w`` if ``for_filters``, from ``x`` and the other one."""
    num_filters = w.shape[0]
    runs = _parts(_volume(w.shape[5:]), _POSITIONS)
    block_size = max(1, min(_FILTERS, num_filters * runs // _TASKS))
    blocks = _parts(num_filters // groups, block_size)
    parallel_for(
        _with_some_patches,
        groups * blocks * runs,
        (x, w, y, stride, before, dilation, groups, for_filters, runs, block_size),
    )


@watch
@njit(**_JIT)
def forward(x, w, y, stride, before, dilation, groups):
    """Overwrite ``y`` with the local connections of ``x`` by ``w``."""
    _with_patches(x, w, y, stride, before, dilation, groups, False)


@watch
@njit(**_JIT)
def filter_gradient(x, y, w, stride, before, dilation, groups):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    _with_patches(x, w, y, stride, before, dilation, groups, True)


@njit(**_INNER)
def _input_gradient_of_channel(task, w, y, x, stride, before, dilation, groups, shares):
    """Compute one channel of a share of the images."""
    num_images, num_channels, channels = x.shape[0], x.shape[1], w.shape[1]
    num_filters, filters = w.shape[0], w.shape[0] // groups
    positions, taps = _volume(w.shape[5:]), _volume(w.shape[2:5])
    plane = _volume(x.shape[2:])
    x_flat, w_flat, y_flat = x.reshape(-1), w.reshape(-1), y.reshape(-1)
    channel, share = divmod(task, shares)
    first_image = num_images * share // shares
    last_image = num_images * (share + 1) // shares
    group, c = divmod(channel, channels)
    patches = np.empty(_IMAGES * taps * _POSITIONS, x.dtype)

    for n in range(first_image, last_image):
        clear(x_flat, (n * num_channels + channel) * plane, plane)
    for first in range(0, positions, _POSITIONS):
        last = min(first + _POSITIONS, positions)
        for image in range(first_image, last_image, _IMAGES):
            images = min(_IMAGES, last_image - image)
            clear(patches, 0, images * taps * _POSITIONS)
            for k in range(group * filters, (group + 1) * filters):
                for t in range(taps):
                    w_at = ((k * channels + c) * taps + t) * positions + first
                    for n in range(images):
                        y_at = (image + n) * num_filters + k
                        _add_products(
                            w_flat,
                            w_at,
                            y_flat,
                            y_at * positions + first,
                            patches,
                            (n * taps + t) * _POSITIONS,
                            last - first,
                        )
            _transfer(
                x_flat,
                x.shape,
                image,
                images,
                channel,
                patches,
                w.shape,
                first,
                last,
                stride,
                before,
                dilation,
                True,
            )


@watch
@njit(**_JIT)
def input_gradient(w, y, x, stride, before, dilation, groups):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    num_images, num_channels = x.shape[:2]
    shares = min(_parts(_TASKS, max(1, num_channels)), num_images)
    parallel_for(
        _input_gradient_of_channel,
        num_channels * shares,
        (w, y, x, stride, before, dilation, groups, shares),
    )
