"""Convolution and its two gradients, by the definition.

The plain counterpart of :mod:`lasagne.kernels.conv`, with the same contract
and, but for rounding, the same results: one loop per index, nothing packed,
nothing in registers. It is what the fast kernels are tested against.
"""

from numba import njit

from .geometry import span

__all__ = ["filter_gradient", "forward", "input_gradient"]

# Sums may be reordered, so that LLVM can vectorise them; infinities and NaN
# keep their meaning.
_JIT = {"cache": True, "nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}


@njit(**_JIT)
def forward(x, w, y, stride, before, dilation, groups):
    """Overwrite ``y`` with the correlation of ``x`` and ``w``."""
    num_images, num_filters = y.shape[0], y.shape[1]
    channels = w.shape[1]
    for nk in range(num_images * num_filters):
        n, k = nk // num_filters, nk % num_filters
        first = k // (num_filters // groups) * channels
        y[n, k] = 0
        for c in range(channels):
            _forward_plane(x[n, first + c], w[k, c], y[n, k], stride, before, dilation)


@njit(**_JIT)
def _forward_plane(x, w, y, stride, before, dilation):
    for td in range(w.shape[0]):
        shift_d = td * dilation[0] - before[0]
        start_d, stop_d = span(y.shape[0], x.shape[0], stride[0], shift_d)
        for th in range(w.shape[1]):
            shift_h = th * dilation[1] - before[1]
            start_h, stop_h = span(y.shape[1], x.shape[1], stride[1], shift_h)
            for tw in range(w.shape[2]):
                shift_w = tw * dilation[2] - before[2]
                start_w, stop_w = span(y.shape[2], x.shape[2], stride[2], shift_w)
                weight = w[td, th, tw]
                for od in range(start_d, stop_d):
                    for oh in range(start_h, stop_h):
                        source = x[od * stride[0] + shift_d, oh * stride[1] + shift_h]
                        target = y[od, oh]
                        if stride[2] == 1:
                            # Contiguous on both sides: this one vectorises.
                            for ow in range(start_w, stop_w):
                                target[ow] += weight * source[ow + shift_w]
                        else:
                            for ow in range(start_w, stop_w):
                                target[ow] += weight * source[ow * stride[2] + shift_w]


@njit(**_JIT)
def input_gradient(w, y, x, stride, before, dilation, groups):
    """Overwrite ``x`` with the gradient that ``y`` sends back through ``w``."""
    num_images, num_channels = x.shape[0], x.shape[1]
    channels = w.shape[1]
    filters = w.shape[0] // groups
    for nc in range(num_images * num_channels):
        n, channel = nc // num_channels, nc % num_channels
        group, c = channel // channels, channel % channels
        x[n, channel] = 0
        for k in range(group * filters, (group + 1) * filters):
            _input_gradient_plane(
                w[k, c], y[n, k], x[n, channel], stride, before, dilation
            )


@njit(**_JIT)
def _input_gradient_plane(w, y, x, stride, before, dilation):
    for td in range(w.shape[0]):
        shift_d = td * dilation[0] - before[0]
        start_d, stop_d = span(y.shape[0], x.shape[0], stride[0], shift_d)
        for th in range(w.shape[1]):
            shift_h = th * dilation[1] - before[1]
            start_h, stop_h = span(y.shape[1], x.shape[1], stride[1], shift_h)
            for tw in range(w.shape[2]):
                shift_w = tw * dilation[2] - before[2]
                start_w, stop_w = span(y.shape[2], x.shape[2], stride[2], shift_w)
                weight = w[td, th, tw]
                for od in range(start_d, stop_d):
                    for oh in range(start_h, stop_h):
                        source = y[od, oh]
                        target = x[od * stride[0] + shift_d, oh * stride[1] + shift_h]
                        if stride[2] == 1:
                            for ow in range(start_w, stop_w):
                                target[ow + shift_w] += weight * source[ow]
                        else:
                            for ow in range(start_w, stop_w):
                                target[ow * stride[2] + shift_w] += weight * source[ow]


@njit(**_JIT)
def filter_gradient(x, y, w, stride, before, dilation, groups):
    """Overwrite ``w`` with the gradient of the filters between ``x`` and ``y``."""
    num_filters, channels = w.shape[0], w.shape[1]
    for kc in range(num_filters * channels):
        k, c = kc // channels, kc % channels
        channel = k // (num_filters // groups) * channels + c
        w[k, c] = 0
        for n in range(x.shape[0]):
            _filter_gradient_plane(
                x[n, channel], y[n, k], w[k, c], stride, before, dilation
            )


@njit(**_JIT)
def _filter_gradient_plane(x, y, w, stride, before, dilation):
    for td in range(w.shape[0]):
        shift_d = td * dilation[0] - before[0]
        start_d, stop_d = span(y.shape[0], x.shape[0], stride[0], shift_d)
        for th in range(w.shape[1]):
            shift_h = th * dilation[1] - before[1]
            start_h, stop_h = span(y.shape[1], x.shape[1], stride[1], shift_h)
            for tw in range(w.shape[2]):
                shift_w = tw * dilation[2] - before[2]
                start_w, stop_w = span(y.shape[2], x.shape[2], stride[2], shift_w)
                total = w[td, th, tw]
                for od in range(start_d, stop_d):
                    for oh in range(start_h, stop_h):
                        left = x[od * stride[0] + shift_d, oh * stride[1] + shift_h]
                        right = y[od, oh]
                        if stride[2] == 1:
                            for ow in range(start_w, stop_w):
                                total += left[ow + shift_w] * right[ow]
                        else:
                            for ow in range(start_w, stop_w):
                                total += left[ow * stride[2] + shift_w] * right[ow]
                w[td, th, tw] = total
