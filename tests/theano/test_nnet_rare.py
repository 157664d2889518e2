"""The parts of ``theano.tensor.nnet`` that few programs use."""

import itertools

import numpy as np
import pytest
from scipy import signal, special

import lasagne.theano as theano
import lasagne.theano.tensor as T
from lasagne.theano.tensor.nnet import abstract_conv, blocksparse, ctc

nnet = T.nnet


def wave(*shape):
    return np.cos(np.arange(float(np.prod(shape)))).reshape(shape)


# Bilinear interpolation


def interpolate(pixels, ratio):
    """Interpolate along a line, by the kernel that Theano convolved with."""
    padded = np.concatenate([pixels[:1], pixels, pixels[-1:]])
    dilated = np.zeros((len(padded) - 1) * ratio + 1)
    dilated[::ratio] = padded
    kernel = 1 - abs(np.arange(1 - ratio, ratio)) / ratio
    full = np.convolve(dilated, kernel)
    start = 2 * ratio - (ratio - 1) // 2 - 1
    return full[start : start + len(pixels) * ratio]


@pytest.mark.parametrize("ratio", [1, 2, 3, 4, 5])
def test_bilinear_upsampling(ratio, value):
    image = wave(3, 4)
    result = value(abstract_conv.bilinear_upsampling(image[None, None], ratio))
    rows = np.array([interpolate(column, ratio) for column in image.T]).T
    expected = np.array([interpolate(row, ratio) for row in rows])
    np.testing.assert_allclose(result[0, 0], expected, atol=1e-12)


def test_bilinear_upsampling_by_fractions(value):
    image = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    result = value(
        abstract_conv.bilinear_upsampling(image, frac_ratio=((7, 4), (5, 3)))
    )
    rows = [1, 1 + 2 / 7, 1 + 10 / 7, 3]
    columns = [0, 0.2, 0.8, 1]
    np.testing.assert_allclose(result[0, 0], np.add.outer(rows, columns))
    shape = abstract_conv.frac_bilinear_upsampling(wave(1, 1, 20, 20), (24, 20))
    assert value(shape).shape == (1, 1, 24, 24)


def test_kernels_of_interpolation(value):
    kernel = value(abstract_conv.bilinear_kernel_1D(3))
    np.testing.assert_allclose(kernel, [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    square = value(abstract_conv.bilinear_kernel_2D(2, normalize=False))
    np.testing.assert_allclose(square, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_wrong_arguments_of_interpolation():
    with pytest.raises(ValueError, match="ratio=2 and frac_ratio="):
        abstract_conv.bilinear_upsampling(T.tensor4(), 2, frac_ratio=(3, 2))
    with pytest.raises(ValueError, match="either ratio or frac_ratio"):
        abstract_conv.bilinear_upsampling(T.tensor4())
    with pytest.raises(TypeError, match="got 3"):
        abstract_conv.bilinear_upsampling(T.tensor3(), 2)


def test_hints_about_shapes_are_accepted(value):
    image = wave(1, 2, 3, 3)
    result = abstract_conv.bilinear_upsampling(
        input=image,
        ratio=2,
        frac_ratio=None,
        batch_size=1,
        num_input_channels=2,
        use_1D_kernel=False,
    )
    assert value(result).shape == (1, 2, 6, 6)


# Early convolutions


def test_first_convolution_as_an_op(value):
    images, filters = wave(1, 2, 5, 6), wave(3, 2, 2, 3)
    op = nnet.conv.ConvOp(output_mode="valid", dx=2, dy=1, unroll_batch=4)
    result, expected = value(
        [op(images, filters), nnet.conv2d(images, filters, subsample=(2, 1))]
    )
    np.testing.assert_array_equal(result, expected)
    assert nnet.conv.ConvOp.getOutputShape((5, 6), (2, 3), (2, 1)) == (2, 4)
    assert nnet.conv.ConvOp.getOutputShape((5, 6), (2, 3), mode="full") == (6, 8)


def test_convolution_of_videos_with_channels_last(value):
    videos, filters, bias = wave(2, 4, 5, 3, 2), wave(3, 2, 3, 1, 2), wave(3)
    result = value(nnet.Conv3D.conv3D(videos, filters, bias, (1, 1, 1)))
    assert result.shape == (2, 3, 3, 3, 3)
    for b, k in itertools.product(range(2), range(3)):
        expected = signal.correlate(videos[b], filters[k], "valid")[..., 0]
        np.testing.assert_allclose(result[b, ..., k], expected + bias[k])
    strided = value(nnet.conv3D(videos, filters, bias, T.constant([2, 1, 2])))
    np.testing.assert_allclose(strided, result[:, ::2, :, ::2])


def test_transpose_and_gradient_of_that_convolution(value):
    videos, filters = wave(2, 4, 5, 3, 2), wave(3, 2, 3, 2, 2)
    steps, nothing = (1, 2, 1), np.zeros(3)
    x, w = T.tensor5("x"), T.tensor5("w")
    cost = (nnet.conv3D(x, w, nothing, steps) ** 2).sum() / 2
    top = nnet.conv3D(x, w, nothing, steps)
    pairs = [
        (
            T.grad(cost, x),
            nnet.ConvTransp3D.convTransp3D(w, np.zeros(2), steps, top, (4, 5, 3)),
        ),
        (T.grad(cost, w), nnet.ConvGrad3D.convGrad3D(x, steps, w.shape, top)),
    ]
    for expected, result in pairs:
        expected, result = value([expected, result], {x: videos, w: filters})
        np.testing.assert_allclose(result, expected)
    least = value(
        nnet.convTransp3D(filters, np.ones(2), steps, np.zeros((1, 3, 2, 2, 3)))
    )
    np.testing.assert_array_equal(least, np.ones((1, 4, 5, 3, 2)))


# Rows and classes


def test_columns_in_front(value):
    x = wave(2, 3)
    for function, number in (
        (nnet.prepend_1_to_each_row, 1),
        (nnet.prepend_0_to_each_row, 0),
        (lambda m: nnet.nnet.prepend_scalar_to_each_row(5.0, m), 5),
    ):
        result = value(function(x))
        np.testing.assert_array_equal(result, np.insert(x, 0, number, axis=1))


def test_softmax_of_two_levels(value):
    x, W1, b1 = wave(3, 4), wave(4, 2), wave(2)
    W2, b2 = wave(2, 4, 3), wave(2, 3)
    classes = special.softmax(x @ W1 + b1, axis=1)
    within = special.softmax(np.einsum("bf,cfo->bco", x, W2) + b2, axis=2)
    expected = (classes[:, :, None] * within).reshape(3, 6)
    given = (x, 3, 5, 2, 3, W1, b1, W2, b2)
    np.testing.assert_allclose(value(nnet.h_softmax(*given)), expected[:, :5])
    targets = np.array([0, 4, 2])
    result = value(nnet.h_softmax(*given, targets))
    np.testing.assert_allclose(result, expected[np.arange(3), targets])


# Blocks


def test_chosen_blocks_of_a_matrix(value):
    W, bias = wave(4, 5, 2, 3), wave(5, 3)
    h, rows, columns = wave(2, 2, 2), np.array([[0, 3], [1, 1]]), np.array([[4], [2]])
    expected = np.zeros((2, 1, 3))
    for example, out in itertools.product(range(2), range(1)):
        column = columns[example, out]
        expected[example, out] = bias[column] + sum(
            h[example, i] @ W[row, column] for i, row in enumerate(rows[example])
        )
    result = value(blocksparse.sparse_block_dot(W, h, rows, bias, columns))
    np.testing.assert_allclose(result, expected)
    single = value(nnet.sparse_block_dot(W, h[0], rows[0], bias, columns[0]))
    np.testing.assert_allclose(single, expected[:1])
    added = value(blocksparse.sparse_block_gemv(wave(2, 1, 3), W, h, rows, columns))
    np.testing.assert_allclose(added, expected - bias[columns] + wave(2, 1, 3))


def test_gradient_of_chosen_blocks_is_their_outer_product(value):
    W = T.tensor4("W")
    h, rows, columns = wave(2, 2, 2), np.array([[0, 3], [1, 1]]), np.array([[4], [2]])
    out = blocksparse.sparse_block_dot(W, h, rows, np.zeros((5, 3)), columns)
    top = wave(2, 1, 3)
    expected = T.grad((out * top).sum(), W)
    result = blocksparse.sparse_block_outer(
        T.zeros((4, 5, 2, 3)), h, top, rows, columns, alpha=2.0
    )
    expected, result = value([2 * expected, result], {W: wave(4, 5, 2, 3)})
    np.testing.assert_allclose(result, expected)


# Connectionist temporal classification


def likelihood(probabilities, labels):
    """Sum the probabilities of all alignments that say the labels."""
    total = 0.0
    steps, classes = probabilities.shape
    for path in itertools.product(range(classes), repeat=steps):
        without_repeats = [c for c, _ in itertools.groupby(path)]
        if [c for c in without_repeats if c != 0] == list(labels):
            total += np.prod(probabilities[np.arange(steps), path])
    return total


LABELS = np.array([[1, 2], [2, 2], [1, -1], [-1, -1], [1, 2]])
STEPS = np.array([4, 4, 3, 2, 1])


def test_ctc(value):
    activations = 3 * wave(4, 5, 3)
    result = value(ctc.ctc(activations, LABELS, STEPS))
    probabilities = special.softmax(activations, axis=2)
    expected = [
        likelihood(probabilities[:steps, i], labels[labels >= 0])
        for i, (labels, steps) in enumerate(zip(LABELS, STEPS))
    ]
    assert expected[-1] == 0
    assert result[-1] == np.inf
    np.testing.assert_allclose(np.exp(-result), expected, rtol=1e-10)


def test_gradient_of_ctc(value):
    x = T.tensor3("x")
    cost = ctc.ctc(x, LABELS[:4], STEPS[:4]).sum()
    gradient = value(T.grad(cost, x), {x: 3 * wave(4, 4, 3)})
    # Steps behind the end do not count; sums over classes do not matter.
    np.testing.assert_array_equal(gradient[3, 2], 0)
    np.testing.assert_allclose(gradient.sum(axis=2), 0, atol=1e-12)
    f = theano.function([x], cost, mode=theano.Mode("py", "fast_compile"))
    step = 1e-6 * gradient / np.linalg.norm(gradient)
    difference = f(3 * wave(4, 4, 3) + step) - f(3 * wave(4, 4, 3) - step)
    np.testing.assert_allclose(difference / 2e-6, np.linalg.norm(gradient), rtol=1e-5)


def test_ctc_keeps_float32():
    assert ctc.ctc(T.ftensor3(), T.imatrix(), T.ivector()).dtype == "float32"
