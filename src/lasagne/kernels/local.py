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
At each position, a convolution is a product of matrices: what the taps of all
channels see there, the *patches*, by the filters. Positions are the last axis of
filters and outputs. So the lanes of a vector are neighbouring positions, and the
elements of the matrices are vectors: for a run of positions

    y[n, k] = sum over r of  p[n, r] * w[k, r],    where r = (c, t)

All three laws are such products of two of the matrices, added to the third:
:func:`.local_simd.add_lanes`, in tiles that stay in registers.

**Blocks.** Matrices of some images, filters and channels are copied to where they lie
densely, zeros for padding and for what is beyond the last position, so that they fit
the second cache. That settles stride, dilation and the number of axes. The input
gradient computes the patches, and adds them to where they would have come from. See
:mod:`.local_blocks`.

**Threads.** A task owns a block of the result and adds up what belongs to it in order:
no two tasks write to the same place, and no sum depends on how many threads there are.
"""

import numpy as np
from numba import njit

from .conv_blocks import ceil_divide, volume
from .geometry import demote, output_sizes, promote, shape_text
from .linking import kernel, watch
from .local_blocks import (
    channels_of,
    count_channels,
    count_filters,
    count_images,
    count_runs,
    filters_of,
    find_pieces,
    images_of,
    matrices,
    move_filters,
    move_outputs,
    move_patches,
    plan_job,
    planes_of,
    positions_of,
)
from .local_simd import LANE_COLUMNS, LANE_ROWS, add_lanes
from .parts import PART
from .simd import clear
from .threads import num_threads, parallel_for

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


# ---------------------------------------------------------------------------
# Products


@njit(**PART)
def _multiply(run, job, sizes, left, left_steps, right, right_steps, sums, add):
    """Overwrite a matrix with a product of two others, or add that, in all strips.

    The sizes are rows, columns and steps of the sums. Steps of the left matrix are
    elements from one row of the sums, and from one step, to the next; those of the
    right one are from one column, and from one step, to the next.
    """
    rows, columns, steps = sizes
    for strip in range(ceil_divide(run[1] - run[0], job.lanes)):
        j = 0
        while j < columns:
            width = LANE_COLUMNS if j + LANE_COLUMNS <= columns else 1
            i = 0
            while i < rows:
                height = LANE_ROWS if i + LANE_ROWS <= rows else 1
                add_lanes(
                    height,
                    width,
                    left.values,
                    strip * left.strip + i * left_steps[0],
                    left_steps[0],
                    left_steps[1],
                    right.values,
                    strip * right.strip + j * right_steps[0],
                    right_steps[0],
                    right_steps[1],
                    steps,
                    sums.values,
                    strip * sums.strip + i * sums.pitch + j * job.lanes,
                    sums.pitch,
                    job.lanes,
                    add,
                )
                i += height
            j += width


@njit(**PART)
def _clear(matrix):
    clear(matrix.values, 0, len(matrix.values))


@njit(**PART)
def _range_of(worker, workers, tasks):
    """Return the tasks of one of the workers."""
    return range(tasks * worker // workers, tasks * (worker + 1) // workers)


@njit(**PART)
def _forward_tasks(worker, workers, x, w, y, job):
    """Compute outputs: each task those of some images, filters and positions."""
    patches, weights, outputs = matrices(job, x)
    runs, shares = count_runs(job), count_images(job)
    tasks = job.groups * count_filters(job) * runs * shares
    taps = volume(job.w[2:5])
    for task in _range_of(worker, workers, tasks):
        task, share = divmod(task, shares)
        block, number = divmod(task, runs)
        filters, images = filters_of(job, block), images_of(job, share)
        run = positions_of(job, number)
        pieces = find_pieces(job, run, patches.strip)
        _clear(patches)
        for each in range(count_channels(job)):
            channels = channels_of(job, each)
            count = channels[1] - channels[0]
            channel = filters.channel + channels[0]
            move_filters(weights, w, job, filters, channels, run, False)
            planes = planes_of(job, images, channel, count, patches)
            move_patches(patches, x, job, planes, pieces, False)
            _multiply(
                run,
                job,
                (images[1] - images[0], filters.last - filters.first, count * taps),
                patches,
                (patches.pitch, job.lanes),
                weights,
                (weights.pitch, job.lanes),
                outputs,
                each > 0,
            )
        move_outputs(outputs, y, job, images, filters, run, True)


@njit(**PART)
def _filter_gradient_tasks(worker, workers, x, y, w, job):
    """Compute filters: each task those of some channels, at some positions."""
    patches, weights, outputs = matrices(job, x)
    runs, parts = count_runs(job), count_channels(job)
    tasks = job.groups * count_filters(job) * runs * parts
    taps = volume(job.w[2:5])
    for task in _range_of(worker, workers, tasks):
        task, part = divmod(task, parts)
        block, number = divmod(task, runs)
        filters, channels = filters_of(job, block), channels_of(job, part)
        run, count = positions_of(job, number), channels[1] - channels[0]
        pieces = find_pieces(job, run, patches.strip)
        _clear(patches)
        for each in range(count_images(job)):
            images = images_of(job, each)
            channel = filters.channel + channels[0]
            move_outputs(outputs, y, job, images, filters, run, False)
            planes = planes_of(job, images, channel, count, patches)
            move_patches(patches, x, job, planes, pieces, False)
            _multiply(
                run,
                job,
                (filters.last - filters.first, count * taps, images[1] - images[0]),
                outputs,
                (job.lanes, outputs.pitch),
                patches,
                (job.lanes, patches.pitch),
                weights,
                each > 0,
            )
        move_filters(weights, w, job, filters, channels, run, True)


@njit(**PART)
def _input_gradient_tasks(worker, workers, w, y, x, job):
    """Compute inputs: each task those of some channels of some images."""
    patches, weights, outputs = matrices(job, x)
    parts, shares = count_channels(job), count_images(job)
    taps, plane = volume(job.w[2:5]), volume(job.x[2:])
    blocks = count_filters(job)
    for task in _range_of(worker, workers, job.groups * parts * shares):
        task, share = divmod(task, shares)
        group, number = divmod(task, parts)
        images, channels = images_of(job, share), channels_of(job, number)
        channel, count = group * job.w[1] + channels[0], channels[1] - channels[0]
        for n in range(images[0], images[1]):
            clear(x, (n * job.x[1] + channel) * plane, count * plane)
        planes = planes_of(job, images, channel, count, patches)
        for number in range(count_runs(job)):
            run = positions_of(job, number)
            for part in range(blocks):
                filters = filters_of(job, group * blocks + part)
                move_filters(weights, w, job, filters, channels, run, False)
                move_outputs(outputs, y, job, images, filters, run, False)
                _multiply(
                    run,
                    job,
                    (images[1] - images[0], count * taps, filters.last - filters.first),
                    outputs,
                    (outputs.pitch, job.lanes),
                    weights,
                    (job.lanes, weights.pitch),
                    patches,
                    part > 0,
                )
            pieces = find_pieces(job, run, patches.strip)
            move_patches(patches, x, job, planes, pieces, True)


@kernel
def forward(x, w, y, stride, before, dilation, groups):
    """Overwrite ``y`` with the local connections of ``x`` by ``w``."""
    job = plan_job(x, w, stride, before, dilation, groups)
    workers = num_threads()
    arrays = x.reshape(x.size), w.reshape(w.size), y.reshape(y.size)
    parallel_for(_forward_tasks, workers, (workers, *arrays, job))


@kernel
def filter_gradient(x, y, w, stride, before, dilation, groups):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    job = plan_job(x, w, stride, before, dilation, groups)
    workers = num_threads()
    arrays = x.reshape(x.size), y.reshape(y.size), w.reshape(w.size)
    parallel_for(_filter_gradient_tasks, workers, (workers, *arrays, job))


@kernel
def input_gradient(w, y, x, stride, before, dilation, groups):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    job = plan_job(x, w, stride, before, dilation, groups)
    workers = num_threads()
    arrays = w.reshape(w.size), y.reshape(y.size), x.reshape(x.size)
    parallel_for(_input_gradient_tasks, workers, (workers, *arrays, job))
