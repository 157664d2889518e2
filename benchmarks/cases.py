"""Everything that is measured, as data.

A case says what is computed on arrays of which sizes, which of its passes are
timed, and how much work each of them is; not how anybody computes it. Processes
of other interpreters read this file too, down to Python 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from . import blueprints, values
from .values import product

Shape = tuple

FORWARD = "forward"
BOTH = "with gradients"


@dataclass(frozen=True)
class Case:
    """One thing to compute, and what all cases can tell.

    Parameters
    ----------
    name : str
        Unique within the group.
    """

    name: str

    #: The group, which is also the name of what participants compute it with.
    group: ClassVar[str] = ""
    #: The passes that are timed.
    passes: ClassVar[Shape] = (FORWARD, BOTH)
    #: The largest difference, relative to the largest value, that is rounding.
    tolerance: ClassVar[float] = 1e-4

    def arrays(self) -> Any:
        """Draw the operands, the gradient of the output last."""
        raise NotImplementedError

    def flops(self, label: str) -> int:
        """Count the floating-point operations of a pass; 0 if memory bounds it."""
        return 0

    def traffic(self, label: str) -> int:
        """Count the bytes that a pass must read and write; 0 if flops bound it."""
        return 0


@dataclass(frozen=True)
class Convolution(Case):
    """A convolution; with ``transposed``, the gradient of one for its input."""

    batch: int
    channels: int
    size: Shape
    filters: int
    filter_size: int
    padding: int
    stride: int
    dilation: int = 1
    groups: int = 1
    transposed: bool = False

    group = "conv"

    @property
    def rank(self) -> int:
        return len(self.size)

    @property
    def large(self) -> bool:
        """Whether it should come near the rate of a matrix product."""
        plain = (self.stride, self.dilation, self.groups) == (1, 1, 1)
        three = self.rank == 2 and self.filter_size == 3 and not self.transposed
        return plain and three and self.flops(FORWARD) >= 5e9

    @property
    def geometry(self) -> dict[str, int]:
        """The arguments that Lasagne and PyTorch call by the same names."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @property
    def output_size(self) -> Shape:
        extent = (self.filter_size - 1) * self.dilation + 1
        if self.transposed:
            return tuple(
                (size - 1) * self.stride + extent - 2 * self.padding
                for size in self.size
            )
        return tuple(
            (size + 2 * self.padding - extent) // self.stride + 1 for size in self.size
        )

    @property
    def filter_shape(self) -> Shape:
        """Filters of a transposed convolution have the channels first."""
        few = (self.filters, self.channels // self.groups)
        if self.transposed:
            few = (self.channels, self.filters // self.groups)
        return (*few, *[self.filter_size] * self.rank)

    def arrays(self) -> Any:
        return (
            values.normal(1, (self.batch, self.channels, *self.size)),
            values.normal(2, self.filter_shape),
            values.normal(3, (self.batch, self.filters, *self.output_size)),
        )

    def flops(self, label: str) -> int:
        """Zeros of the padding count as work; the two gradients cost one pass each."""
        # Every filter meets the small side of the strided pair once for each
        # element there.
        positions = self.size if self.transposed else self.output_size
        taps = product([self.filter_size] * self.rank)
        pairs = self.filters * self.channels // self.groups
        once = 2 * self.batch * product(positions) * pairs * taps
        return once * (1 if label == FORWARD else 3)


@dataclass(frozen=True)
class Pooling(Case):
    """Pooling over windows of the trailing axes."""

    batch: int
    channels: int
    size: Shape
    window: int
    stride: int
    padding: int = 0
    mode: str = "max"

    group = "pool"

    @property
    def rank(self) -> int:
        return len(self.size)

    @property
    def output_size(self) -> Shape:
        return tuple(
            (size + 2 * self.padding - self.window) // self.stride + 1
            for size in self.size
        )

    def arrays(self) -> Any:
        return (
            values.distinct(1, (self.batch, self.channels, *self.size)),
            values.normal(2, (self.batch, self.channels, *self.output_size)),
        )

    def traffic(self, label: str) -> int:
        """Count each array once for each pass that cannot do without it.

        Going back from a maximum needs the input again, to see where it was.
        """
        x = 4 * self.batch * self.channels * product(self.size)
        y = 4 * self.batch * self.channels * product(self.output_size)
        backward = y + x + (x if self.mode == "max" else 0)
        return x + y if label == FORWARD else x + y + backward


@dataclass(frozen=True)
class Local(Case):
    """A layer with filters of its own at every position."""

    batch: int
    channels: int
    size: Shape
    filters: int
    filter_size: int

    group = "local"

    @property
    def output_size(self) -> Shape:
        return tuple(size - self.filter_size + 1 for size in self.size)

    @property
    def filter_shape(self) -> Shape:
        taps = (self.filter_size, self.filter_size)
        return (self.filters, self.channels, *taps, *self.output_size)

    def arrays(self) -> Any:
        return (
            values.normal(1, (self.batch, self.channels, *self.size)),
            values.normal(2, self.filter_shape),
            values.normal(3, (self.batch, self.filters, *self.output_size)),
        )

    def flops(self, label: str) -> int:
        once = 2 * self.batch * product(self.filter_shape)
        return once * (1 if label == FORWARD else 3)


@dataclass(frozen=True)
class C01B(Case):
    """Convolution and overlapping max-pooling of images in the order c01b."""

    batch: int
    channels: int
    size: Shape
    filters: int
    filter_size: int
    padding: int

    group = "c01b"

    @property
    def output_size(self) -> Shape:
        """The sizes after windows of 3, 2 apart, the last of which may stick out."""
        extent = self.filter_size - 2 * self.padding - 1
        return tuple(-(-(size - extent - 3) // 2) + 1 for size in self.size)

    def arrays(self) -> Any:
        taps = (self.filter_size, self.filter_size)
        return (
            values.normal(1, (self.channels, *self.size, self.batch)),
            values.normal(2, (self.channels, *taps, self.filters)),
            values.normal(3, (self.filters, *self.output_size, self.batch)),
        )

    def flops(self, label: str) -> int:
        """Those of the convolution; pooling adds next to nothing."""
        extent = self.filter_size - 2 * self.padding - 1
        positions = product(size - extent for size in self.size)
        taps = self.channels * self.filter_size**2
        once = 2 * self.batch * positions * self.filters * taps
        return once * (1 if label == FORWARD else 3)


@dataclass(frozen=True)
class BatchNorm(Case):
    """Batch normalization as in training, over all axes but the second."""

    shape: Shape

    group = "norm"
    #: Added to the variance.
    epsilon: ClassVar[float] = 1e-4

    def arrays(self) -> Any:
        channels = self.shape[1:2]
        return (
            values.normal(1, self.shape),
            values.parameter("gamma", channels, 2),
            values.parameter("beta", channels, 3),
            values.normal(4, self.shape),
        )

    def traffic(self, label: str) -> int:
        """The statistics must be complete before the first result can be written.

        So forward reads the input twice and writes once. Backward reads input
        and gradient twice each, and writes once.
        """
        array = 4 * product(self.shape)
        return array * (3 if label == FORWARD else 8)


@dataclass(frozen=True)
class CrossEntropy(Case):
    """Mean cross-entropy of the softmax with labels, and its gradient."""

    batch: int
    classes: int

    group = "loss"
    passes = (BOTH,)

    def arrays(self) -> Any:
        shape = (self.batch, self.classes)
        return values.normal(1, shape), values.labels(2, (self.batch,), self.classes)

    def traffic(self, label: str) -> int:
        """The activations in, the gradient out."""
        return 2 * 4 * self.batch * self.classes


@dataclass(frozen=True)
class Network(Case):
    """A network on one minibatch: a step of training, or predictions.

    A step is the forward pass, the gradients of the mean cross-entropy, and an
    update with Nesterov momentum; batch normalization trains.
    """

    #: Which function of `networks.py`, and of `blueprints.py`, builds it.
    network: str
    input_shape: Shape
    classes: int
    training: bool
    #: How many words there are, if the input is text.
    words: int = 0
    #: Random, so results are compared without it and timed with it.
    dropout: float = 0.0
    #: Such that the loss falls by some percent a step: else it would hardly tell
    #: of gradients, or make a difference of rounding errors that grow.
    learning_rate: float = 0.0

    group = "networks"
    passes: ClassVar[Shape] = ("call",)
    momentum: ClassVar[float] = 0.9

    def arrays(self) -> Any:
        """Draw the inputs and, one for each row of predictions, the labels."""
        if self.words:
            inputs = values.labels(1, self.input_shape, self.words)
            return inputs, values.labels(2, (inputs.size,), self.classes)
        inputs = values.normal(1, self.input_shape)
        return inputs, values.labels(2, self.input_shape[:1], self.classes)

    def flops(self, label: str) -> int:
        """Count convolutions and dense layers; the backward pass is twice that."""
        return blueprints.count(self).flops * (3 if self.training else 1)


@dataclass(frozen=True)
class Start(Network):
    """From the start of a process to the end of the first step of training."""

    group = "start"
    passes = ("cold", "warm")


@dataclass(frozen=True)
class Memory(Network):
    """The memory of a process that trains three steps, at the peak.

    Once less what it had before the first step, and once with it. The former
    leaves the size of libraries out, as far as they do not load parts of
    themselves when these are first called.
    """

    group = "memory"
    passes = ("added by steps", "whole process")


# A line for each case. Sizes are those in the papers, batches as their authors
# trained or as large as a desktop would.

CONVOLUTIONS = [
    # name, batch, channels, size, filters, filter_size, padding, stride
    Convolution("lenet 1, batch 500",        500,    1, (28, 28),         32,  5, 0, 1),
    Convolution("lenet 2, batch 500",        500,   32, (12, 12),         32,  5, 0, 1),
    Convolution("lenet 2, batch 1",            1,   32, (12, 12),         32,  5, 0, 1),
    Convolution("cifar resnet, 32 wide",     128,   16, (32, 32),         16,  3, 1, 1),
    Convolution("cifar resnet, 16 wide",     128,   32, (16, 16),         32,  3, 1, 1),
    Convolution("cifar resnet, 8 wide",      128,   64, (8, 8),           64,  3, 1, 1),
    Convolution("cifar resnet, stride 2",    128,   16, (32, 32),         32,  3, 1, 2),
    Convolution("vgg conv1_1",                 8,    3, (224, 224),       64,  3, 1, 1),
    Convolution("vgg conv1_2",                 2,   64, (224, 224),       64,  3, 1, 1),
    Convolution("vgg conv2_2",                 4,  128, (112, 112),      128,  3, 1, 1),
    Convolution("vgg conv3_2",                 8,  256, (56, 56),        256,  3, 1, 1),
    Convolution("vgg conv4_2",                 8,  512, (28, 28),        512,  3, 1, 1),
    Convolution("vgg conv5_2",                16,  512, (14, 14),        512,  3, 1, 1),
    Convolution("vgg conv3_2, batch 1",        1,  256, (56, 56),        256,  3, 1, 1),
    Convolution("vgg conv5_2, batch 1",        1,  512, (14, 14),        512,  3, 1, 1),
    Convolution("resnet 7x7, stride 2",       16,    3, (224, 224),       64,  7, 3, 2),
    Convolution("resnet 3x3, 56 wide",        32,   64, (56, 56),         64,  3, 1, 1),
    Convolution("resnet 3x3, 14 wide",        32,  256, (14, 14),        256,  3, 1, 1),
    Convolution("resnet 3x3, 7 wide",         32,  512, (7, 7),          512,  3, 1, 1),
    Convolution("resnet 3x3, stride 2",       16,  128, (56, 56),        128,  3, 1, 2),
    Convolution("resnet 3x3, batch 1",         1,   64, (56, 56),         64,  3, 1, 1),
    Convolution("resnet 1x1, 56 wide, up",    16,   64, (56, 56),        256,  1, 0, 1),
    Convolution("resnet 1x1, 56 wide, down",  16,  256, (56, 56),         64,  1, 0, 1),
    Convolution("resnet 1x1, 14 wide, down",  32, 1024, (14, 14),        256,  1, 0, 1),
    Convolution("resnet 1x1, 7 wide, up",     32,  512, (7, 7),         2048,  1, 0, 1),
    Convolution("resnet 1x1, stride 2",       16,  256, (56, 56),        512,  1, 0, 2),
    Convolution("resnet 1x1, batch 1",         1,  256, (56, 56),         64,  1, 0, 1),
    Convolution("googlenet 3x3",              32,   96, (28, 28),        128,  3, 1, 1),
    Convolution("googlenet 5x5",              32,   16, (28, 28),         32,  5, 2, 1),
    Convolution("googlenet 1x1",              32,  480, (14, 14),        192,  1, 0, 1),
    Convolution("googlenet 1x1, batch 1",      1,  480, (14, 14),        192,  1, 0, 1),
    Convolution("audio, 80 taps, stride 4",   16,    1, (16000,),         64, 80, 0, 4),
    Convolution("audio, 9 taps",              16,   64, (4096,),          64,  9, 4, 1),
    Convolution("audio, dilated (wavenet)",    8,   64, (8192,),         128,  2, 0, 1,
                dilation=64),
    Convolution("video (c3d 1)",               2,    3, (16, 112, 112),   64,  3, 1, 1),
    Convolution("video (c3d 3)",               4,  128, (8, 28, 28),     256,  3, 1, 1),
    Convolution("2 groups (alexnet 2)",       32,   96, (27, 27),        256,  5, 2, 1,
                groups=2),
    Convolution("32 groups (resnext)",        16,  128, (56, 56),        128,  3, 1, 1,
                groups=32),
    Convolution("depthwise (mobilenet)",      32,  128, (28, 28),        128,  3, 1, 1,
                groups=128),
    Convolution("dilated (deeplab)",          16,   64, (56, 56),         64,  3, 2, 1,
                dilation=2),
    Convolution("transposed (dcgan)",         64,  256, (8, 8),          128,  4, 1, 2,
                transposed=True),
    Convolution("transposed (fcn)",           16,   64, (28, 28),         32,  3, 1, 1,
                transposed=True),
]  # fmt: skip

POOLINGS = [
    # name, batch, channels, size, window, stride
    Pooling("lenet, 2x2",               500,   32, (24, 24),     2, 2),
    Pooling("vgg, 2x2",                   4,   64, (224, 224),   2, 2),
    Pooling("vgg, 2x2, batch 1",          1,  128, (112, 112),   2, 2),
    Pooling("resnet, 3x3, stride 2",     16,   64, (112, 112),   3, 2, padding=1),
    Pooling("alexnet, 3x3, stride 2",    32,   96, (55, 55),     3, 2),
    Pooling("googlenet, 3x3, stride 1",  32,  256, (28, 28),     3, 1, padding=1),
    Pooling("average, 2x2",             500,   32, (24, 24),     2, 2, mode="average"),
    Pooling("average, 3x3, stride 2",    32,   96, (55, 55),     3, 2, mode="average"),
    Pooling("average, 7x7 (googlenet)",  32, 1024, (7, 7),       7, 1, mode="average"),
    Pooling("audio, 4",                  16,   64, (16000,),     4, 4),
    Pooling("video, 2x2x2",               4,   64, (16, 56, 56), 2, 2),
]  # fmt: skip

LOCALS = [
    Local("cifar, 3x3",   128, 32, (16, 16), 32, 3),
    Local("deepface, 9x9", 16, 16, (63, 63), 16, 9),
]  # fmt: skip

C01BS = [
    C01B("cuda-convnet, layer 1", 128,  3, (32, 32), 32, 5, 2),
    C01B("cuda-convnet, layer 2", 128, 32, (16, 16), 32, 5, 2),
]  # fmt: skip

BATCH_NORMS = [
    BatchNorm("cifar resnet", (128, 16, 32, 32)),
    BatchNorm("resnet, 56 wide", (16, 64, 56, 56)),
    BatchNorm("resnet, 7 wide", (32, 512, 7, 7)),
    BatchNorm("dense", (500, 1024)),
]

CROSS_ENTROPIES = [
    CrossEntropy("digits", 500, 10),
    CrossEntropy("imagenet", 256, 1000),
    CrossEntropy("words", 512, 20000),
]

_MNIST: Any = {
    "network": "mnist", "input_shape": (500, 1, 28, 28), "classes": 10,
    "training": True, "dropout": 0.5, "learning_rate": 1e-4,
}  # fmt: skip
_RESNET32: Any = {
    "network": "resnet32", "input_shape": (128, 3, 32, 32), "classes": 10,
    "training": True, "learning_rate": 1e-3,
}  # fmt: skip
_RESNET50: Any = {
    "network": "resnet50", "input_shape": (4, 3, 224, 224), "classes": 1000,
    "training": True, "learning_rate": 1e-6,
}  # fmt: skip
_IMAGENET: Any = {"classes": 1000, "training": False}
_ONE, _SIXTEEN = (1, 3, 224, 224), (16, 3, 224, 224)

NETWORKS = [
    Network("mnist", **_MNIST),
    Network("resnet32", **_RESNET32),
    Network("lstm", "lstm", (64, 64), 96, training=True, words=96, learning_rate=30.0),
    Network("vgg16, batch 1", "vgg16", _ONE, **_IMAGENET),
    Network("vgg16, batch 16", "vgg16", _SIXTEEN, **_IMAGENET),
    Network("googlenet, batch 1", "googlenet", _ONE, **_IMAGENET),
    Network("googlenet, batch 16", "googlenet", _SIXTEEN, **_IMAGENET),
    Network("resnet50, batch 4", **_RESNET50),
]

STARTS = [
    Start("mnist", **_MNIST),
    Start("resnet32", **_RESNET32),
    Start("resnet50", **_RESNET50),
]

MEMORIES = [Memory("resnet32", **_RESNET32)]

CASES: Any = [
    *CONVOLUTIONS,
    *POOLINGS,
    *LOCALS,
    *C01BS,
    *BATCH_NORMS,
    *CROSS_ENTROPIES,
    *NETWORKS,
    *STARTS,
    *MEMORIES,
]

#: What the quick run measures, by group.
QUICK: dict[str, list[str]] = {
    "conv": [
        "lenet 1, batch 500",
        "lenet 2, batch 500",
        "cifar resnet, 32 wide",
        "cifar resnet, 8 wide",
        "vgg conv1_1",
        "vgg conv3_2",
        "vgg conv5_2, batch 1",
        "resnet 7x7, stride 2",
        "resnet 3x3, 14 wide",
        "resnet 3x3, stride 2",
        "resnet 1x1, 56 wide, down",
        "resnet 1x1, batch 1",
        "googlenet 5x5",
        "audio, 9 taps",
        "video (c3d 3)",
        "depthwise (mobilenet)",
        "dilated (deeplab)",
        "transposed (dcgan)",
    ],
    "pool": [
        "lenet, 2x2",
        "resnet, 3x3, stride 2",
        "googlenet, 3x3, stride 1",
        "average, 2x2",
    ],
    "local": [
        "cifar, 3x3",
    ],
    "c01b": [
        "cuda-convnet, layer 2",
    ],
    "norm": [
        "cifar resnet",
    ],
    "loss": [
        "digits",
        "words",
    ],
    "networks": [
        "mnist",
        "resnet32",
        "lstm",
        "vgg16, batch 1",
        "googlenet, batch 1",
    ],
    "start": [
        "mnist",
    ],
    "memory": [
        "resnet32",
    ],
}

GROUPS = list(dict.fromkeys(case.group for case in CASES))


def is_quick(case: Case) -> bool:
    """Whether a case is part of the quick run."""
    return case.name in QUICK.get(case.group, ())


def find(group: str, name: str) -> Any:
    """Return the case of that group and name."""
    for case in CASES:
        if (case.group, case.name) == (group, name):
            return case
    raise LookupError(f"there is no case {group}:{name}")


def select(patterns: Any, full: bool) -> Any:
    """Return the cases that any of the patterns names; all, if there is none.

    A pattern is the name of a group, ``group:name``, or ``group:part of names``.
    What is asked for by name is measured even if it is not part of the quick run.
    """
    if not patterns:
        return [case for case in CASES if full or is_quick(case)]
    chosen = []
    for pattern in patterns:
        group, _, part = pattern.partition(":")
        if group not in GROUPS:
            raise ValueError(f"there is no group {group!r}, only {', '.join(GROUPS)}")
        found = [case for case in CASES if case.group == group and part in case.name]
        found = [case for case in found if case.name == part] or found
        if not found:
            raise ValueError(f"no case of the group {group!r} has {part!r} in its name")
        chosen += [case for case in found if part or full or is_quick(case)]
    return list(dict.fromkeys(chosen))
