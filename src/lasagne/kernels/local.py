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
gradient computes the patches, and adds them to where they would have come from.

**Threads.** A task owns a block of the result and adds up what belongs to it in order:
no two tasks write to the same place, and no sum depends on how many threads there are.
"""

from collections import namedtuple

import numpy as np
from numba import njit

from .geometry import demote, output_sizes, promote, shape_text, span
from .linking import kernel, watch
from .local_simd import (
    LANE_COLUMNS,
    LANE_ROWS,
    add_lanes,
    add_pieces,
    load_pieces,
    load_rows,
    store_rows,
)
from .parts import PART
from .simd import VECTOR_BYTES, clear
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
# Blocks

#: Channels times taps, filters and images of a block, at most where there is a choice;
#: how many of the latter to every vector of positions, and how many of these at most.
_ROWS, _FILTERS, _IMAGES, _IMAGES_OF_VECTOR, _STRIPS = 48, 48, 32, 64, 4

#: Planes of a channel that are copied together. Those of neighbouring images are often
#: a power of two apart, and a cache holds eight lines from such places, at most.
_PLANES = 6

#: The shapes of ``x`` and ``w``, how they meet, and the size of blocks.
Job = namedtuple(
    "Job", "x w stride before dilation groups channels filters images strips lanes"
)

#: Matrices whose elements are vectors, one for each strip of positions: flat arrays,
#: and the elements from one row to the next, and from one strip to the next.
Matrix = namedtuple("Matrix", "values pitch strip")

#: Some filters of a group: their numbers, and the first channel that they see.
Filters = namedtuple("Filters", "first last channel")


@njit(**PART)
def _divide(total, size):
    """Divide, and round up."""
    return (total + size - 1) // size


@njit(**PART)
def _volume(sizes):
    return sizes[0] * sizes[1] * sizes[2]


@njit(**PART)
def _evenly(total, most):
    """Return the size of parts that are about equal, of at most a given one."""
    return max(1, _divide(total, max(1, _divide(total, most))))


@njit(**PART)
def _plan(x, w, stride, before, dilation, groups):
    """Choose the size of blocks."""
    taps, images = _volume(w.shape[2:5]), _evenly(x.shape[0], _IMAGES)
    return Job(
        x.shape,
        w.shape,
        stride,
        before,
        dilation,
        groups,
        _evenly(w.shape[1], max(1, _ROWS // taps)),
        _evenly(w.shape[0] // groups, _FILTERS),
        images,
        max(1, min(_STRIPS, _IMAGES_OF_VECTOR // images)),
        VECTOR_BYTES // x.itemsize,
    )


@njit(**PART)
def _count_runs(job):
    return _divide(_volume(job.w[5:]), job.strips * job.lanes)


@njit(**PART)
def _count_filters(job):
    """Count the blocks of filters of a group."""
    return _divide(job.w[0] // job.groups, job.filters)


@njit(**PART)
def _count_channels(job):
    """Count the blocks of channels that a filter sees."""
    return _divide(job.w[1], job.channels)


@njit(**PART)
def _count_images(job):
    return _divide(job.x[0], job.images)


@njit(**PART)
def _positions_of(job, run):
    """Return the first position of a run, and the one behind the last."""
    length = job.strips * job.lanes
    return run * length, min((run + 1) * length, _volume(job.w[5:]))


@njit(**PART)
def _filters_of(job, block):
    """Return a block of filters; those of a group follow each other."""
    group, part = divmod(block, _count_filters(job))
    filters = job.w[0] // job.groups
    first = group * filters + part * job.filters
    last = min(first + job.filters, (group + 1) * filters)
    return Filters(first, last, group * job.w[1])


@njit(**PART)
def _channels_of(job, block):
    """Return a range of channels, among those that a filter sees."""
    return block * job.channels, min((block + 1) * job.channels, job.w[1])


@njit(**PART)
def _images_of(job, block):
    return block * job.images, min((block + 1) * job.images, job.x[0])


@njit(**PART)
def _matrix(rows, columns, job, like):
    """Make a matrix for each strip."""
    # Of odd length, so that columns do not compete for the same lines of the cache.
    pitch = (columns | 1) * job.lanes
    strip = rows * pitch
    return Matrix(np.zeros(job.strips * strip, like.dtype), pitch, strip)


@njit(**PART)
def _matrices(job, like):
    """Return patches, filters and outputs of a block."""
    rows = job.channels * _volume(job.w[2:5])
    return (
        _matrix(job.images, rows, job, like),
        _matrix(job.filters, rows, job, like),
        _matrix(job.images, job.filters, job, like),
    )


# ---------------------------------------------------------------------------
# From arrays to matrices, and back


@njit(**PART)
def _load(values, row, count, job, run, matrix, at):
    """Copy neighbouring rows of positions to a row of a matrix."""
    first, last = run
    positions = _volume(job.w[5:])
    for position in range(first, last, job.lanes):
        some = min(job.lanes, last - position)
        start = row * positions + position
        load_rows(values, start, positions, matrix.values, at, job.lanes, count, some)
        at += matrix.strip


@njit(**PART)
def _store(matrix, at, values, row, count, job, run):
    """Do the reverse of :func:`_load`."""
    first, last = run
    positions = _volume(job.w[5:])
    for position in range(first, last, job.lanes):
        some = min(job.lanes, last - position)
        start = row * positions + position
        store_rows(matrix.values, at, job.lanes, values, start, positions, count, some)
        at += matrix.strip


@njit(**PART)
def _load_filters(w, job, filters, channels, run, matrix):
    """Copy the weights of some channels."""
    taps = _volume(job.w[2:5])
    count = (channels[1] - channels[0]) * taps
    for k in range(filters.first, filters.last):
        row = (k * job.w[1] + channels[0]) * taps
        at = (k - filters.first) * matrix.pitch
        _load(w, row, count, job, run, matrix, at)


@njit(**PART)
def _store_filters(matrix, w, job, filters, channels, run):
    """Do the reverse of :func:`_load_filters`."""
    taps = _volume(job.w[2:5])
    count = (channels[1] - channels[0]) * taps
    for k in range(filters.first, filters.last):
        row = (k * job.w[1] + channels[0]) * taps
        at = (k - filters.first) * matrix.pitch
        _store(matrix, at, w, row, count, job, run)


@njit(**PART)
def _load_outputs(y, job, images, filters, run, matrix):
    """Copy the outputs of some images."""
    count = filters.last - filters.first
    for n in range(images[0], images[1]):
        row, at = n * job.w[0] + filters.first, (n - images[0]) * matrix.pitch
        _load(y, row, count, job, run, matrix, at)


@njit(**PART)
def _store_outputs(matrix, y, job, images, filters, run):
    """Do the reverse of :func:`_load_outputs`."""
    count = filters.last - filters.first
    for n in range(images[0], images[1]):
        row, at = n * job.w[0] + filters.first, (n - images[0]) * matrix.pitch
        _store(matrix, at, y, row, count, job, run)


@njit(**PART)
def _find_pieces(job, run, strip):
    """Find the pieces of rows that the taps of a channel see from a run of positions.

    Each is where it begins among the patches, and in the plane of the channel, and how
    many elements it has, which are all in one vector.
    """
    x_sizes, w_sizes, sizes = job.x[2:], job.w[2:5], job.w[5:]
    first, last = run
    pieces = np.empty((_volume(w_sizes) * (last - first), 3), np.int64)
    count = 0
    for tap in range(_volume(w_sizes)):
        shift_d = tap // w_sizes[2] // w_sizes[1] * job.dilation[0] - job.before[0]
        shift_h = tap // w_sizes[2] % w_sizes[1] * job.dilation[1] - job.before[1]
        shift_w = tap % w_sizes[2] * job.dilation[2] - job.before[2]
        inside = span(sizes[2], x_sizes[2], job.stride[2], shift_w)
        position = first
        while position < last:
            # What is in one row of positions and in one vector, without padding.
            row, begin = divmod(position, sizes[2])
            vector, lane = divmod(position - first, job.lanes)
            end = min(sizes[2], begin + min(last - position, job.lanes - lane))
            d = row // sizes[1] * job.stride[0] + shift_d
            h = row % sizes[1] * job.stride[1] + shift_h
            start, stop = max(begin, inside[0]), min(end, inside[1])
            if start < stop and 0 <= d < x_sizes[0] and 0 <= h < x_sizes[1]:
                lane += start - begin
                column = (d * x_sizes[1] + h) * x_sizes[2] + shift_w
                pieces[count, 0] = vector * strip + tap * job.lanes + lane
                pieces[count, 1] = column + start * job.stride[2]
                pieces[count, 2] = stop - start
                count += 1
            position += end - begin
    return pieces[:count]


@njit(**PART)
def _planes_of(job, images, channel, channels, matrix):
    """Describe the planes of some channels of some images, in the order to take them.

    Where they begin in the matrix, and in ``x``, and how many images follow.
    """
    pitch = _volume(job.w[2:5]) * job.lanes
    shares = _divide(images[1] - images[0], _PLANES)
    planes = np.empty((shares * channels, 3), np.int64)
    for i in range(len(planes)):
        share, c = divmod(i, channels)
        n = images[0] + share * _PLANES
        planes[i, 0] = share * _PLANES * matrix.pitch + c * pitch
        planes[i, 1] = (n * job.x[1] + channel + c) * _volume(job.x[2:])
        planes[i, 2] = min(_PLANES, images[1] - n)
    return planes


@njit(**PART)
def _load_patches(x, job, planes, pieces, matrix):
    """Copy what the taps of some channels see; padding is zero already."""
    apart, step = job.x[1] * _volume(job.x[2:]), job.stride[2]
    for at, start, images in planes:
        if step == 1:
            load_pieces(
                matrix.values,
                at,
                matrix.pitch,
                x,
                start,
                apart,
                images,
                pieces,
                len(pieces),
            )
            continue
        for n in range(images):
            for place, column, length in pieces:
                to, source = at + n * matrix.pitch + place, start + n * apart + column
                for j in range(length):
                    matrix.values[to + j] = x[source + j * step]


@njit(**PART)
def _add_patches(matrix, x, job, planes, pieces):
    """Add patches to where :func:`_load_patches` would have them from."""
    apart, step = job.x[1] * _volume(job.x[2:]), job.stride[2]
    for at, start, images in planes:
        if step == 1:
            add_pieces(
                matrix.values,
                at,
                matrix.pitch,
                x,
                start,
                apart,
                images,
                pieces,
                len(pieces),
            )
            continue
        for n in range(images):
            for place, column, length in pieces:
                source, to = at + n * matrix.pitch + place, start + n * apart + column
                for j in range(length):
                    x[to + j * step] += matrix.values[source + j]


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
    for strip in range(_divide(run[1] - run[0], job.lanes)):
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
    patches, weights, outputs = _matrices(job, x)
    runs, shares = _count_runs(job), _count_images(job)
    tasks = job.groups * _count_filters(job) * runs * shares
    taps = _volume(job.w[2:5])
    for task in _range_of(worker, workers, tasks):
        task, share = divmod(task, shares)
        block, number = divmod(task, runs)
        filters, images = _filters_of(job, block), _images_of(job, share)
        run = _positions_of(job, number)
        pieces = _find_pieces(job, run, patches.strip)
        _clear(patches)
        for each in range(_count_channels(job)):
            channels = _channels_of(job, each)
            count = channels[1] - channels[0]
            channel = filters.channel + channels[0]
            _load_filters(w, job, filters, channels, run, weights)
            planes = _planes_of(job, images, channel, count, patches)
            _load_patches(x, job, planes, pieces, patches)
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
        _store_outputs(outputs, y, job, images, filters, run)


@njit(**PART)
def _filter_gradient_tasks(worker, workers, x, y, w, job):
    """Compute filters: each task those of some channels, at some positions."""
    patches, weights, outputs = _matrices(job, x)
    runs, parts = _count_runs(job), _count_channels(job)
    tasks = job.groups * _count_filters(job) * runs * parts
    taps = _volume(job.w[2:5])
    for task in _range_of(worker, workers, tasks):
        task, part = divmod(task, parts)
        block, number = divmod(task, runs)
        filters, channels = _filters_of(job, block), _channels_of(job, part)
        run, count = _positions_of(job, number), channels[1] - channels[0]
        pieces = _find_pieces(job, run, patches.strip)
        _clear(patches)
        for each in range(_count_images(job)):
            images = _images_of(job, each)
            channel = filters.channel + channels[0]
            _load_outputs(y, job, images, filters, run, outputs)
            planes = _planes_of(job, images, channel, count, patches)
            _load_patches(x, job, planes, pieces, patches)
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
        _store_filters(weights, w, job, filters, channels, run)


@njit(**PART)
def _input_gradient_tasks(worker, workers, w, y, x, job):
    """Compute inputs: each task those of some channels of some images."""
    patches, weights, outputs = _matrices(job, x)
    parts, shares = _count_channels(job), _count_images(job)
    taps, plane = _volume(job.w[2:5]), _volume(job.x[2:])
    blocks = _count_filters(job)
    for task in _range_of(worker, workers, job.groups * parts * shares):
        task, share = divmod(task, shares)
        group, number = divmod(task, parts)
        images, channels = _images_of(job, share), _channels_of(job, number)
        channel, count = group * job.w[1] + channels[0], channels[1] - channels[0]
        for n in range(images[0], images[1]):
            clear(x, (n * job.x[1] + channel) * plane, count * plane)
        planes = _planes_of(job, images, channel, count, patches)
        for number in range(_count_runs(job)):
            run = _positions_of(job, number)
            for part in range(blocks):
                filters = _filters_of(job, group * blocks + part)
                _load_filters(w, job, filters, channels, run, weights)
                _load_outputs(y, job, images, filters, run, outputs)
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
            pieces = _find_pieces(job, run, patches.strip)
            _add_patches(patches, x, job, planes, pieces)


@kernel
def forward(x, w, y, stride, before, dilation, groups):
    """Overwrite ``y`` with the local connections of ``x`` by ``w``."""
    job = _plan(x, w, stride, before, dilation, groups)
    workers = num_threads()
    arrays = x.reshape(x.size), w.reshape(w.size), y.reshape(y.size)
    parallel_for(_forward_tasks, workers, (workers, *arrays, job))


@kernel
def filter_gradient(x, y, w, stride, before, dilation, groups):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    job = _plan(x, w, stride, before, dilation, groups)
    workers = num_threads()
    arrays = x.reshape(x.size), y.reshape(y.size), w.reshape(w.size)
    parallel_for(_filter_gradient_tasks, workers, (workers, *arrays, job))


@kernel
def input_gradient(w, y, x, stride, before, dilation, groups):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    job = _plan(x, w, stride, before, dilation, groups)
    workers = num_threads()
    arrays = w.reshape(w.size), y.reshape(y.size), x.reshape(x.size)
    parallel_for(_input_gradient_tasks, workers, (workers, *arrays, job))
