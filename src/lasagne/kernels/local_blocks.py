"""Blocks of local connections: see :mod:`lasagne.kernels.local`.

How large they are, and how they are copied to and from matrices of vectors.
"""

from collections import namedtuple

import numpy as np
from numba import njit

from .conv_blocks import ceil_divide, volume
from .geometry import span
from .local_simd import add_pieces, load_pieces, load_rows, store_rows
from .parts import PART
from .simd import VECTOR_BYTES

__all__ = [
    "Filters",
    "Job",
    "Matrix",
    "channels_of",
    "count_channels",
    "count_filters",
    "count_images",
    "count_runs",
    "filters_of",
    "find_pieces",
    "images_of",
    "matrices",
    "move_filters",
    "move_outputs",
    "move_patches",
    "plan_job",
    "planes_of",
    "positions_of",
]

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
def _evenly(total, most):
    """Return the size of parts that are about equal, of at most a given one."""
    return max(1, ceil_divide(total, max(1, ceil_divide(total, most))))


@njit(**PART)
def plan_job(x, w, stride, before, dilation, groups):
    """Choose the size of blocks."""
    taps, images = volume(w.shape[2:5]), _evenly(x.shape[0], _IMAGES)
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
def count_runs(job):
    """Count the runs of positions."""
    return ceil_divide(volume(job.w[5:]), job.strips * job.lanes)


@njit(**PART)
def count_filters(job):
    """Count the blocks of filters of a group."""
    return ceil_divide(job.w[0] // job.groups, job.filters)


@njit(**PART)
def count_channels(job):
    """Count the blocks of channels that a filter sees."""
    return ceil_divide(job.w[1], job.channels)


@njit(**PART)
def count_images(job):
    """Count the blocks of images."""
    return ceil_divide(job.x[0], job.images)


@njit(**PART)
def positions_of(job, run):
    """Return the first position of a run, and the one behind the last."""
    length = job.strips * job.lanes
    return run * length, min((run + 1) * length, volume(job.w[5:]))


@njit(**PART)
def filters_of(job, block):
    """Return a block of filters; those of a group follow each other."""
    group, part = divmod(block, count_filters(job))
    filters = job.w[0] // job.groups
    first = group * filters + part * job.filters
    last = min(first + job.filters, (group + 1) * filters)
    return Filters(first, last, group * job.w[1])


@njit(**PART)
def channels_of(job, block):
    """Return a range of channels, among those that a filter sees."""
    return block * job.channels, min((block + 1) * job.channels, job.w[1])


@njit(**PART)
def images_of(job, block):
    """Return a range of images."""
    return block * job.images, min((block + 1) * job.images, job.x[0])


@njit(**PART)
def _matrix(rows, columns, job, like):
    """Make a matrix for each strip."""
    # Of odd length, so that columns do not compete for the same lines of the cache.
    pitch = (columns | 1) * job.lanes
    strip = rows * pitch
    return Matrix(np.zeros(job.strips * strip, like.dtype), pitch, strip)


@njit(**PART)
def matrices(job, like):
    """Return patches, filters and outputs of a block."""
    rows = job.channels * volume(job.w[2:5])
    return (
        _matrix(job.images, rows, job, like),
        _matrix(job.filters, rows, job, like),
        _matrix(job.images, job.filters, job, like),
    )


# ---------------------------------------------------------------------------
# From arrays to matrices, and back


@njit(**PART)
def _move_rows(matrix, at, values, row, count, job, run, back):
    """Copy neighbouring rows of positions to a row of a matrix, or back."""
    first, last = run
    positions, lanes = volume(job.w[5:]), job.lanes
    for position in range(first, last, lanes):
        some = min(lanes, last - position)
        start = row * positions + position
        if back:
            store_rows(matrix.values, at, lanes, values, start, positions, count, some)
        else:
            load_rows(values, start, positions, matrix.values, at, lanes, count, some)
        at += matrix.strip


@njit(**PART)
def move_filters(matrix, w, job, filters, channels, run, back):
    """Copy the weights of some channels to a matrix, or back."""
    taps = volume(job.w[2:5])
    count = (channels[1] - channels[0]) * taps
    for k in range(filters.first, filters.last):
        row = (k * job.w[1] + channels[0]) * taps
        at = (k - filters.first) * matrix.pitch
        _move_rows(matrix, at, w, row, count, job, run, back)


@njit(**PART)
def move_outputs(matrix, y, job, images, filters, run, back):
    """Copy the outputs of some images to a matrix, or back."""
    count = filters.last - filters.first
    for n in range(images[0], images[1]):
        row, at = n * job.w[0] + filters.first, (n - images[0]) * matrix.pitch
        _move_rows(matrix, at, y, row, count, job, run, back)


@njit(**PART)
def find_pieces(job, run, strip):
    """Find the pieces of rows that the taps of a channel see from a run of positions.

    Each is where it begins among the patches, and in the plane of the channel, and how
    many elements it has, which are all in one vector.
    """
    x_sizes, w_sizes, sizes = job.x[2:], job.w[2:5], job.w[5:]
    first, last = run
    pieces = np.empty((volume(w_sizes) * (last - first), 3), np.int64)
    count = 0
    for tap in range(volume(w_sizes)):
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
def planes_of(job, images, channel, channels, matrix):
    """Describe the planes of some channels of some images, in the order to take them.

    Where they begin in the matrix, and in ``x``, and how many images follow.
    """
    pitch = volume(job.w[2:5]) * job.lanes
    shares = ceil_divide(images[1] - images[0], _PLANES)
    planes = np.empty((shares * channels, 3), np.int64)
    for i in range(len(planes)):
        share, c = divmod(i, channels)
        n = images[0] + share * _PLANES
        planes[i, 0] = share * _PLANES * matrix.pitch + c * pitch
        planes[i, 1] = (n * job.x[1] + channel + c) * volume(job.x[2:])
        planes[i, 2] = min(_PLANES, images[1] - n)
    return planes


@njit(**PART)
def _move_pieces(patches, at, pixels, start, step, pieces, back):
    """Copy every so many pixels of a plane to patches, or add the patches to them."""
    for place, column, length in pieces:
        for j in range(length):
            i, o = start + column + j * step, at + place + j
            if back:
                pixels[i] += patches[o]
            else:
                patches[o] = pixels[i]


@njit(**PART)
def move_patches(matrix, x, job, planes, pieces, back):
    """Copy what the taps of some channels see to a matrix, where padding is zero.

    Or, going back, add the matrix to where that would come from.
    """
    patches, pitch = matrix.values, matrix.pitch
    apart, step, count = job.x[1] * volume(job.x[2:]), job.stride[2], len(pieces)
    for at, start, images in planes:
        if step > 1:
            for n in range(images):
                place, begin = at + n * pitch, start + n * apart
                _move_pieces(patches, place, x, begin, step, pieces, back)
        elif back:
            add_pieces(patches, at, pitch, x, start, apart, images, pieces, count)
        else:
            load_pieces(patches, at, pitch, x, start, apart, images, pieces, count)
