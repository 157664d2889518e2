"""The networks of the cases, for everybody but us.

Each is written once, in words that each peer says in its own way: see `Words`,
and its subclasses in `participants/`. Ours are in `networks.py`, written as a user
of Lasagne would; both ask for parameters in the same order, which is how they get
the same values.
"""

from __future__ import annotations

from typing import Any


class Words:
    """What networks are made of: a method for each layer.

    Each takes and returns images or rows of features, of whatever type the
    peer computes with.
    """

    def conv(self, x, channels, filters, size, stride=1, pad=0, bias=True):
        """Correlate images with square filters."""
        raise NotImplementedError

    def batch_norm(self, x, channels):
        """Normalize each channel over the batch, and update running averages."""
        raise NotImplementedError

    def relu(self, x):
        raise NotImplementedError

    def add(self, x, y):
        raise NotImplementedError

    def concatenate(self, xs):
        """Join along the channels."""
        raise NotImplementedError

    def max_pool(self, x, size, stride, pad=0, ceil=False):
        """Take maxima; with ``ceil``, also of windows that stick out at the end."""
        raise NotImplementedError

    def normalize_response(self, x, n, alpha, beta, k):
        """Divide by the activity of ``n`` neighbouring channels."""
        raise NotImplementedError

    def mean_of_positions(self, x):
        raise NotImplementedError

    def flatten(self, x):
        raise NotImplementedError

    def dropout(self, x):
        raise NotImplementedError

    def dense(self, x, inputs, units):
        raise NotImplementedError

    def embedding(self, x, words, units):
        raise NotImplementedError

    def lstm(self, x, inputs, units):
        """Run over (batch, time, inputs), without peepholes; return all steps."""
        raise NotImplementedError

    def join_time(self, x, units):
        """Make one row of each step of each text."""
        raise NotImplementedError


def mnist(net: Words, x: Any) -> Any:
    x = net.max_pool(net.relu(net.conv(x, 1, 32, 5)), 2, 2)
    x = net.max_pool(net.relu(net.conv(x, 32, 32, 5)), 2, 2)
    x = net.relu(net.dense(net.dropout(net.flatten(x)), 512, 256))
    return net.dense(net.dropout(x), 256, 10)


def _normalized(net, x, channels, filters, size, stride=1, pad=None):
    pad = size // 2 if pad is None else pad
    x = net.conv(x, channels, filters, size, stride, pad, bias=False)
    return net.batch_norm(x, filters)


def resnet32(net: Words, x: Any) -> Any:
    x = net.relu(_normalized(net, x, 3, 16, 3))
    channels = 16
    for filters in (16, 32, 64):
        for _ in range(5):
            stride = filters // channels
            inner = net.relu(_normalized(net, x, channels, filters, 3, stride))
            inner = _normalized(net, inner, filters, filters, 3)
            if stride == 2:
                x = _normalized(net, x, channels, filters, 1, 2)
            x = net.relu(net.add(inner, x))
            channels = filters
    return net.dense(net.mean_of_positions(x), 64, 10)


def resnet50(net: Words, x: Any) -> Any:
    x = net.relu(_normalized(net, x, 3, 64, 7, 2))
    x = net.max_pool(x, 3, 2, 1)
    channels = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage and block == 0 else 1
            inner = net.relu(_normalized(net, x, channels, width, 1, stride))
            inner = net.relu(_normalized(net, inner, width, width, 3))
            inner = _normalized(net, inner, width, 4 * width, 1)
            if block == 0:
                x = _normalized(net, x, channels, 4 * width, 1, stride)
            x = net.relu(net.add(inner, x))
            channels = 4 * width
    return net.dense(net.mean_of_positions(x), 2048, 1000)


def vgg16(net: Words, x: Any) -> Any:
    channels = 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = net.relu(net.conv(x, channels, filters, 3, pad=1))
            channels = filters
        x = net.max_pool(x, 2, 2)
    x = net.relu(net.dense(net.flatten(x), 7 * 7 * 512, 4096))
    return net.dense(net.relu(net.dense(x, 4096, 4096)), 4096, 1000)


#: Filters of the inception modules: after pooling, 1x1, before 3x3 and 3x3,
#: before 5x5 and 5x5; ``None`` stands for max-pooling between them.
INCEPTIONS: Any = [
    (32, 64, 96, 128, 16, 32),
    (64, 128, 128, 192, 32, 96),
    None,
    (64, 192, 96, 208, 16, 48),
    (64, 160, 112, 224, 24, 64),
    (64, 128, 128, 256, 24, 64),
    (64, 112, 144, 288, 32, 64),
    (128, 256, 160, 320, 32, 128),
    None,
    (128, 256, 160, 320, 32, 128),
    (128, 384, 192, 384, 48, 128),
]


def googlenet(net: Words, x: Any) -> Any:
    def conv(x, channels, filters, size, stride=1):
        return net.relu(net.conv(x, channels, filters, size, stride, size // 2))

    x = net.max_pool(conv(x, 3, 64, 7, 2), 3, 2, ceil=True)
    x = net.normalize_response(x, 5, 1e-4 / 5, 0.75, 1)
    x = conv(conv(x, 64, 64, 1), 64, 192, 3)
    x = net.max_pool(net.normalize_response(x, 5, 1e-4 / 5, 0.75, 1), 3, 2, ceil=True)
    channels = 192
    for module in INCEPTIONS:
        if module is None:
            x = net.max_pool(x, 3, 2, ceil=True)
            continue
        after_pool, one, before_three, three, before_five, five = module
        x = net.concatenate(
            [
                conv(net.max_pool(x, 3, 1, 1), channels, after_pool, 1),
                conv(x, channels, one, 1),
                conv(conv(x, channels, before_three, 1), before_three, three, 3),
                conv(conv(x, channels, before_five, 1), before_five, five, 5),
            ]
        )
        channels = after_pool + one + three + five
    return net.dense(net.mean_of_positions(x), 1024, 1000)


def lstm(net: Words, x: Any) -> Any:
    x = net.lstm(net.embedding(x, 96, 128), 128, 256)
    return net.dense(net.join_time(x, 256), 256, 96)


class Counter(Words):
    """Computes nothing but shapes, counts operations and lists parameters."""

    def __init__(self) -> None:
        self.flops = 0
        self.parameters: list[tuple] = []

    def conv(self, x, channels, filters, size, stride=1, pad=0, bias=True):
        batch, given, *image = x
        if given != channels:
            raise ValueError(f"{given} channels meet filters for {channels}")
        self.parameters.append((filters, channels, size, size))
        if bias:
            self.parameters.append((filters,))
        image = [(each + 2 * pad - size) // stride + 1 for each in image]
        self.flops += 2 * batch * channels * filters * image[0] * image[1] * size**2
        return (batch, filters, *image)

    def batch_norm(self, x, channels):
        self.parameters += [(channels,)] * 2
        return x

    def relu(self, x):
        return x

    def add(self, x, y):
        if x != y:
            raise ValueError(f"shapes to be added differ: {x} and {y}")
        return x

    def concatenate(self, xs):
        batch, _, *image = xs[0]
        return (batch, sum(x[1] for x in xs), *image)

    def max_pool(self, x, size, stride, pad=0, ceil=False):
        rest = stride - 1 if ceil else 0
        image = [(each + 2 * pad - size + rest) // stride + 1 for each in x[2:]]
        return (*x[:2], *image)

    def normalize_response(self, x, n, alpha, beta, k):
        return x

    def mean_of_positions(self, x):
        return x[:2]

    def flatten(self, x):
        size = 1
        for each in x[1:]:
            size *= each
        return (x[0], size)

    def dropout(self, x):
        return x

    def dense(self, x, inputs, units):
        if x[1] != inputs:
            raise ValueError(f"{x[1]} features meet weights for {inputs}")
        self.parameters += [(inputs, units), (units,)]
        self.flops += 2 * x[0] * inputs * units
        return (x[0], units)

    def embedding(self, x, words, units):
        self.parameters.append((words, units))
        return (*x, units)

    def lstm(self, x, inputs, units):
        batch, steps, _ = x
        self.parameters += [(inputs, units), (units, units), (units,)] * 4
        self.flops += 2 * batch * steps * (inputs + units) * 4 * units
        return (batch, steps, units)

    def join_time(self, x, units):
        return (x[0] * x[1], units)


def count(case: Any) -> Counter:
    """Run through the network of a case with nothing but shapes."""
    counter = Counter()
    globals()[case.network](counter, tuple(case.input_shape))
    return counter
