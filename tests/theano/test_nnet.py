"""``theano.tensor.nnet`` and ``theano.tensor.signal``."""

import numpy as np
import pytest
from scipy import signal, special

import lasagne.theano as theano
import lasagne.theano.tensor as T

nnet = T.nnet
RAMP = np.arange(25.0).reshape(1, 1, 5, 5)


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (nnet.sigmoid, [-1.0, 0, 1], special.expit([-1, 0, 1])),
        (nnet.softplus, [-1.0, 0, 1000], [np.log1p(np.exp(-1)), np.log(2), 1000]),
        (nnet.hard_sigmoid, [-3.0, -1, 0, 1, 3], [0, 0.3, 0.5, 0.7, 1]),
        (
            nnet.ultra_fast_sigmoid,
            [-7.0, -5, -1, 0, 1, 3, 5, 7],
            [0.0025, 0.0139, 0.25, 0.5, 0.75, 0.95, 0.9861, 0.9975],
        ),
        (nnet.relu, [-2.0, 0, 3], [0, 0, 3]),
        (nnet.elu, [-1.0, 0, 3], [-0.6321, 0, 3]),
        (lambda x: nnet.elu(x, 2.0), [-1.0, 3], [-1.2642, 3]),
        (nnet.selu, [-1.0, 3], [-1.1113, 3.1521]),
        (nnet.softsign, [-1.0, 3], [-0.5, 0.75]),
        (lambda x: nnet.relu(x, 0.1), [-2.0, 3], [-0.2, 3]),
    ],
)
def test_activation(function, x, expected, value):
    np.testing.assert_allclose(value(function(np.array(x))), expected, atol=5e-5)


def test_activations_keep_float32():
    x = T.fmatrix()
    names = "sigmoid softplus hard_sigmoid ultra_fast_sigmoid relu elu softsign"
    for name in (*names.split(), "softmax", "logsoftmax"):
        assert getattr(nnet, name)(x).dtype == "float32", name
    assert nnet.hard_sigmoid(T.ivector()).dtype == "float64"


def test_relu_shares_the_gradient_at_zero(value):
    x = T.vector("x")
    gradient = T.grad(nnet.relu(x, 0.5).sum(), x)
    result = value(gradient, {x: np.array([-1.0, 0.0, 1.0])})
    np.testing.assert_allclose(result, [0.5, 0.75, 1])


@pytest.mark.parametrize(
    ("function", "oracle"),
    [(nnet.softmax, special.softmax), (nnet.logsoftmax, special.log_softmax)],
)
def test_softmax_is_by_rows(function, oracle, value):
    x = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, 0.0]])
    np.testing.assert_allclose(value(function(x)), oracle(x, axis=1))
    assert value(function(x[0])).shape == (1, 3)
    with pytest.raises(ValueError, match="got 3 dimensions of dtype float64"):
        function(T.tensor3())
    with pytest.raises(ValueError, match="got 2 dimensions of dtype int32"):
        function(T.imatrix())


def test_categorical_crossentropy(value):
    x, y = T.matrix("x"), T.ivector("y")
    loss = nnet.categorical_crossentropy(nnet.softmax(x), y)
    at = {x: np.array([[0.2, 800.0], [0.5, 0.5]]), y: np.array([0, 1], "int32")}
    values, gradient = value([loss, T.grad(loss.mean(), x)], at)
    np.testing.assert_allclose(values, [799.8, np.log(2)])
    np.testing.assert_allclose(gradient, [[-0.5, 0.5], [0.25, -0.25]])
    with pytest.raises(IndexError):
        value(loss, {**at, y: np.array([0, 2], "int32")})
    with pytest.raises(TypeError):
        nnet.categorical_crossentropy(x, T.fvector())
    one_hot = nnet.categorical_crossentropy(nnet.softmax(x), np.eye(2))
    np.testing.assert_allclose(value(one_hot, {x: at[x]}), values)


def test_crossentropies_of_several_results(value):
    x, y = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([0, 0])
    p = special.softmax(x, axis=1)
    loss, probabilities = value(list(nnet.crossentropy_softmax_1hot(x, y)))
    np.testing.assert_allclose(loss, -np.log(p[:, 0]))
    np.testing.assert_allclose(probabilities, p)
    results = nnet.crossentropy_softmax_argmax_1hot_with_bias(x, np.zeros(2), y)
    np.testing.assert_array_equal(value(results[2]), [1, 0])
    np.testing.assert_allclose(value(nnet.softmax_with_bias(x, np.zeros(2))), p)
    direct = nnet.crossentropy_categorical_1hot(p, y)
    np.testing.assert_allclose(value(direct), loss)


def test_binary_crossentropy_of_a_sigmoid_is_exact(value):
    x, t = T.vector("x"), T.vector("t")
    at = {x: np.array([-200.0, 200.0, 0.0]), t: np.array([1.0, 0.0, 0.5])}
    expected = [200, 200, np.log(2)]
    for loss in (
        nnet.binary_crossentropy(nnet.sigmoid(x), t),
        nnet.sigmoid_binary_crossentropy(x, t),
    ):
        values, gradient = value([loss, T.grad(loss.sum(), x)], at)
        np.testing.assert_allclose(values, expected)
        np.testing.assert_allclose(gradient, [-1, 1, 0], atol=1e-12)


def test_binary_crossentropy_broadcasts(value):
    column, vector = np.full((2, 1), 0.5), np.array([0.0, 1.0])
    assert value(nnet.binary_crossentropy(column, vector)).shape == (2, 2)


def test_confusion_matrix(value):
    counts, order = value(nnet.confusion_matrix([1, 2, 1], [1, 1, 4]))
    np.testing.assert_array_equal(order, [1, 2, 4])
    np.testing.assert_array_equal(counts, [[1, 0, 1], [1, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="pred must be a vector"):
        nnet.confusion_matrix([1], [[1]])


BATCH = np.sin(np.arange(2 * 3 * 4 * 5.0)).reshape(2, 3, 4, 5)


def normalized(axes, gamma, beta):
    mean, var = BATCH.mean(axes, keepdims=True), BATCH.var(axes, keepdims=True)
    return (BATCH - mean) / np.sqrt(var + 1e-4) * gamma + beta, mean, var


@pytest.mark.parametrize(
    ("axes", "numbers"),
    [("per-activation", (0,)), ("spatial", (0, 2, 3)), ((0, 3), (0, 3)), (0, (0,))],
)
def test_batch_normalization_train(axes, numbers, value):
    shape = [1 if i in numbers else n for i, n in enumerate(BATCH.shape)]
    gamma, beta = np.full(shape, 2.0), np.full(shape, 3.0)
    old = np.ones(shape)
    results = value(
        nnet.batch_normalization_train(
            BATCH, gamma, beta, axes, 1e-4, 0.25, running_mean=old, running_var=old
        )
    )
    expected, mean, var = normalized(numbers, gamma, beta)
    count = BATCH.size // mean.size
    for result, wanted in zip(
        results,
        [
            expected,
            mean,
            1 / np.sqrt(var + 1e-4),
            0.75 + 0.25 * mean,
            0.75 + 0.25 * var * count / (count - 1),
        ],
    ):
        np.testing.assert_allclose(result, wanted)
        assert result.shape == wanted.shape


def test_batch_normalization_with_parameters_of_lower_rank(value):
    gamma, beta = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    output, mean, _ = value(
        nnet.batch_normalization_train(BATCH, gamma, beta, "spatial")
    )
    expected, wanted_mean, var = normalized(
        (0, 2, 3), gamma[:, None, None], beta[:, None, None]
    )
    np.testing.assert_allclose(output, expected)
    np.testing.assert_allclose(mean, wanted_mean.ravel())
    test = nnet.batch_normalization_test(
        BATCH, gamma, beta, wanted_mean.ravel(), var.ravel(), "spatial"
    )
    np.testing.assert_allclose(value(test), expected)


def test_each_running_average_keeps_its_own_form(value):
    column = theano.shared(np.ones((1, 3, 1, 1)), broadcastable=(1, 0, 1, 1))
    vector = theano.shared(np.ones(3))
    results = nnet.batch_normalization_train(
        BATCH,
        np.ones(3),
        np.zeros((1, 3, 1, 1)),
        "spatial",
        running_mean=column,
        running_var=vector,
    )
    assert [each.ndim for each in results] == [4, 1, 1, 4, 1]
    value(results[0], updates=[(column, results[3]), (vector, results[4])])
    mean = BATCH.mean((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(column.get_value(), 0.9 + 0.1 * mean)
    assert vector.get_value().shape == (3,)
    with pytest.raises(ValueError, match=r"gamma has 2 dimensions.* the 4 of"):
        nnet.batch_normalization_train(BATCH, np.ones((3, 1)), np.zeros(3), "spatial")


def test_batch_normalization_keeps_float32():
    x, gamma = T.ftensor4(), T.fvector()
    results = nnet.batch_normalization_train(
        x, gamma, gamma, "spatial", running_mean=gamma, running_var=gamma
    )
    results.append(
        nnet.batch_normalization_test(x, gamma, gamma, gamma, gamma, "spatial")
    )
    assert {each.dtype for each in results} == {"float32"}


def test_batch_normalization_is_plain_arithmetic(value):
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    result = value(nnet.batch_normalization(x, 2.0, 1.0, x.mean(0), x.std(0)))
    np.testing.assert_allclose(result, (x - x.mean(0)) / x.std(0) * 2 + 1)
    with pytest.raises(ValueError, match="'low_mem' or 'high_mem', got 'fast'"):
        nnet.batch_normalization(x, 1.0, 0.0, 0.0, 1.0, mode="fast")
    with pytest.raises(ValueError, match=r"2 dimensions; got \(2,\)"):
        nnet.batch_normalization_train(x, 1.0, 0.0, (2,))


def convolved(x, w, mode="valid"):
    """Convolve images with filters, by SciPy."""
    return np.array(
        [
            [sum(signal.convolve2d(*pair, mode) for pair in zip(image, f)) for f in w]
            for image in x
        ]
    )


IMAGES = np.cos(np.arange(2 * 2 * 5 * 6.0)).reshape(2, 2, 5, 6)
FILTERS = np.sin(np.arange(3 * 2 * 3 * 2.0)).reshape(3, 2, 3, 2)


@pytest.mark.parametrize("mode", ["valid", "full"])
@pytest.mark.parametrize("conv2d", [nnet.conv2d, nnet.conv.conv2d])
def test_conv2d_flips_filters(conv2d, mode, value):
    result = value(conv2d(IMAGES, FILTERS, border_mode=mode))
    np.testing.assert_allclose(result, convolved(IMAGES, FILTERS, mode))


def test_first_conv2d_has_two_border_modes():
    with pytest.raises(ValueError, match="not 'half'"):
        nnet.conv.conv2d(IMAGES, FILTERS, border_mode="half")


def test_abstract_conv_and_its_gradients(value):
    module = nnet.abstract_conv
    parameters = {"border_mode": (1, 0), "subsample": (2, 1), "filter_flip": False}
    x, w = T.tensor4("x"), T.tensor4("w")
    at = {x: IMAGES, w: FILTERS}
    y = nnet.conv2d(x, w, **parameters)
    np.testing.assert_allclose(
        *value([y, module.AbstractConv2d(None, None, **parameters)(x, w)], at)
    )
    g = T.constant(np.cos(np.arange(value(y, at).size)).reshape(value(y, at).shape))
    wanted = [T.grad((y * g).sum(), v) for v in (x, w)]
    ops = [
        module.AbstractConv2d_gradInputs(**parameters)(w, g, x.shape[2:]),
        module.AbstractConv2d_gradWeights(**parameters)(x, g, w.shape[2:]),
        nnet.conv2d_grad_wrt_inputs(g, w, x.shape, **parameters),
        nnet.conv2d_grad_wrt_weights(x, g, (3, 2, 3, 2), **parameters),
    ]
    results = value([*wanted, *ops], at)
    for result, expected in zip(results[2:], results[:2] * 2):
        np.testing.assert_allclose(result, expected)


def test_conv2d_transpose_takes_the_stride_as_input_dilation(value):
    x, w = T.constant(np.ones((1, 1, 2, 2))), T.constant(np.ones((1, 1, 2, 2)))
    y = nnet.conv2d_transpose(x, w, (1, 1, 4, 4), input_dilation=(2, 2))
    np.testing.assert_array_equal(value(y), np.ones((1, 1, 4, 4)))


def test_conv3d_gradients(value):
    x, w = T.tensor5("x"), T.tensor5("w")
    at = {
        x: np.cos(np.arange(27.0)).reshape(1, 1, 3, 3, 3),
        w: np.sin(np.arange(8.0)).reshape(1, 1, 2, 2, 2),
    }
    y = nnet.conv3d(x, w)
    g = T.ones_like(y)
    results = value(
        [
            T.grad(y.sum(), x),
            T.grad(y.sum(), w),
            nnet.conv3d_grad_wrt_inputs(g, w, x.shape),
            nnet.conv3d_grad_wrt_weights(x, g, w.shape),
        ],
        at,
    )
    np.testing.assert_allclose(results[2], results[0])
    np.testing.assert_allclose(results[3], results[1])


def test_conv3d_of_videos(value):
    signals = np.cos(np.arange(1 * 4 * 2 * 3 * 3.0)).reshape(1, 4, 2, 3, 3)
    filters = np.sin(np.arange(2 * 2 * 2 * 2 * 2.0)).reshape(2, 2, 2, 2, 2)
    result = value(nnet.conv3d2d.conv3d(signals, filters))
    expected = [
        sum(
            signal.convolve(signals[0, :, c], filters[k, :, c], "valid", "direct")
            for c in range(2)
        )
        for k in range(2)
    ]
    np.testing.assert_allclose(result[0], np.swapaxes(expected, 0, 1))
    modes = ("full", "half", "valid")
    per_axis = value(nnet.conv3d2d.conv3d(signals, filters, border_mode=modes))
    assert per_axis.shape == (1, 5, 2, 4, 2)
    np.testing.assert_allclose(per_axis[:, 1:4, :, 1:3], result)
    unknown = T.tensor5()
    with pytest.raises(ValueError, match="Pass filters_shape"):
        nnet.conv3d2d.conv3d(signals, unknown, border_mode=modes)
    known = nnet.conv3d2d.conv3d(signals, unknown, None, filters.shape, modes)
    np.testing.assert_array_equal(value(known, {unknown: filters}), per_axis)


def test_separable_and_causal_convolutions(value):
    depthwise = np.sin(np.arange(2 * 1 * 2 * 2.0)).reshape(2, 1, 2, 2)
    pointwise = np.array([[2.0, 3.0]]).reshape(1, 2, 1, 1)
    result = value(nnet.separable_conv2d(IMAGES, depthwise, pointwise, 2))
    channels = [convolved(IMAGES[:, [c]], depthwise[[c]]) for c in range(2)]
    np.testing.assert_allclose(result, 2 * channels[0] + 3 * channels[1])

    x, w = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[1.0, 10.0]]])
    result = value(nnet.causal_conv1d(x, w, (1, 1, 2)))
    np.testing.assert_array_equal(result, [[[1, 12, 23]]])


@pytest.mark.parametrize(
    ("mode", "length"),
    [("valid", 3), ("full", 7), ("half", 5), (1, 5), ((1, 1), 5), ((1, 0), 4)],
)
def test_shapes_of_convolutions(mode, length):
    assert nnet.abstract_conv.get_conv_shape_1axis(5, 3, mode, 1) == length
    assert nnet.abstract_conv.get_conv_shape_1axis(None, 3, mode, 1) is None


def test_output_shape_and_padding():
    shape = nnet.abstract_conv.get_conv_output_shape
    assert shape((2, 3, 9, None), (4, 3, 3, 3), ("half", 1), (2, 1), (2, 1)) == (
        (2, 4, 5, None)
    )
    pad = nnet.abstract_conv.border_mode_to_pad
    assert pad("half", 2, (1, 1, 3, 5)) == ((1, 1), (2, 2))
    assert pad("full", 2, (3, 5)) == ((2, 2), (4, 4))
    assert pad("valid", 1, (3,)) == ((0, 0),)
    assert pad((1, (2, 3)), 2, (3, 3)) == ((1, 1), (2, 3))
    assert pad(2, 2, (3, 3)) == ((2, 2), (2, 2))
    with pytest.raises(ValueError, match="2 entries"):
        pad((1,), 2, (3, 3))


def test_options_that_are_not_available():
    with pytest.raises(NotImplementedError, match="LocallyConnected2DLayer"):
        nnet.abstract_conv.AbstractConv2d(unshared=True)


PATCHES = np.arange(25).reshape(5, 5)


@pytest.mark.parametrize(
    ("shape", "step", "mode", "count", "first", "last"),
    [
        ((2, 2), (1, 1), "valid", 16, [0, 1, 5, 6], [18, 19, 23, 24]),
        ((5, 1), None, "valid", 5, [0, 5, 10, 15, 20], [4, 9, 14, 19, 24]),
        ((2, 2), None, "ignore_borders", 4, [0, 1, 5, 6], [12, 13, 17, 18]),
        ((3, 3), (1, 1), "half", 25, [0, 0, 0, 0, 0, 1, 0, 5, 6], None),
        ((3, 3), (1, 1), "full", 49, [0] * 9, None),
        ((3, 3), (1, 1), "wrap_centered", 25, [24, 20, 21, 4, 0, 1, 9, 5, 6], None),
    ],
)
def test_images2neibs(shape, step, mode, count, first, last, value):
    rows = value(nnet.neighbours.images2neibs(RAMP, shape, step, mode))
    assert rows.shape == (count, shape[0] * shape[1])
    np.testing.assert_array_equal(rows[0], first)
    if last is not None:
        np.testing.assert_array_equal(rows[-1], last)


def test_images2neibs_that_do_not_fit(value):
    with pytest.raises(TypeError, match="do not fit"):
        value(nnet.neighbours.images2neibs(RAMP, (2, 2)))
    with pytest.raises(NotImplementedError, match="got mode 'same'"):
        nnet.neighbours.images2neibs(RAMP, (2, 2), mode="same")
    with pytest.raises(TypeError, match="4 dimensions, got 2"):
        nnet.neighbours.images2neibs(T.matrix(), (2, 2))


@pytest.mark.parametrize("mode", ["valid", "ignore_borders"])
def test_neibs2images_puts_patches_together(mode, value):
    x = IMAGES[:, :, :4]
    rows = nnet.neighbours.images2neibs(x, (2, 3))
    result = value(nnet.neighbours.neibs2images(rows, (2, 3), x.shape, mode))
    np.testing.assert_array_equal(result, x)
    with pytest.raises(NotImplementedError, match="got 'full'"):
        nnet.neighbours.neibs2images(rows, (2, 3), x.shape, "full")


def test_signal_conv2d_needs_no_channels(value):
    image, images = IMAGES[0, 0], IMAGES[0]
    one, several = FILTERS[0, 0], FILTERS[0]
    conv2d = T.signal.conv.conv2d
    expected = np.array(
        [[signal.convolve2d(x, w, "valid") for w in several] for x in images]
    )
    np.testing.assert_allclose(value(conv2d(image, one)), expected[0, 0])
    np.testing.assert_allclose(value(conv2d(images, one)), expected[:, 0])
    np.testing.assert_allclose(value(conv2d(image, several)), expected[0])
    np.testing.assert_allclose(value(conv2d(images, several)), expected)
    with pytest.raises(TypeError, match="input of 2 or 3 dimensions, got 4"):
        conv2d(IMAGES, one)


pool_2d = T.signal.pool.pool_2d


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"ignore_border": False}, [6, 8, 9, 16, 18, 19, 21, 23, 24]),
        ({"ignore_border": True}, [6, 8, 16, 18]),
        (
            {"ignore_border": False, "mode": "sum"},
            [12, 20, 13, 52, 60, 33, 41, 45, 24],
        ),
        (
            {"ignore_border": False, "mode": "average_inc_pad"},
            [3, 5, 6.5, 13, 15, 16.5, 20.5, 22.5, 24],
        ),
        (
            {"ignore_border": True, "pad": (1, 1), "mode": "average_exc_pad"},
            [0, 1.5, 3.5, 7.5, 9, 11, 17.5, 19, 21],
        ),
        (
            {"ignore_border": True, "padding": (1, 1), "mode": "average_inc_pad"},
            [0, 0.75, 1.75, 3.75, 9, 11, 8.75, 19, 21],
        ),
        ({"ignore_border": False, "stride": (3, 3)}, [6, 9, 21, 24]),
        ({"ignore_border": False, "st": (3, 3)}, [6, 9, 21, 24]),
        (
            {"ignore_border": False, "ws": (3, 3), "stride": (2, 2)},
            [12, 14, 22, 24],
        ),
    ],
)
def test_pool_2d_of_a_ramp(arguments, expected, value):
    result = value(pool_2d(RAMP, **{"ws": (2, 2), **arguments}))
    np.testing.assert_allclose(result.ravel(), expected)


def test_pooling_by_older_names(value):
    downsample = T.signal.downsample
    expected = [[6, 8], [16, 18]]
    for result in (
        pool_2d(RAMP[0, 0], ds=(2, 2), ignore_border=True),
        downsample.max_pool_2d(RAMP[0, 0], (2, 2), ignore_border=True),
        downsample.DownsampleFactorMax((2, 2), True)(RAMP[0, 0]),
        T.signal.pool.Pool(ignore_border=True)(RAMP[0, 0], (2, 2)),
    ):
        np.testing.assert_array_equal(value(result), expected)


def test_pool_3d(value):
    x = np.arange(8.0).reshape(2, 2, 2)
    result = value(T.signal.pool.pool_3d(x, (2, 2, 2), ignore_border=True))
    np.testing.assert_array_equal(result, [[[7]]])


def test_pooling_by_a_symbolic_window(value):
    window = T.lvector()
    pooled = pool_2d(RAMP, window, ignore_border=True)
    result = value(pooled, {window: np.array([2, 2])})
    np.testing.assert_array_equal(result.ravel(), [6, 8, 16, 18])


def test_max_pool_keeping_the_size(value):
    x = np.array([[[[1.0, 2.0], [3.0, 0.0]]]])
    result = value(T.signal.pool.max_pool_2d_same_size(x, (2, 2)))
    np.testing.assert_array_equal(result, [[[[0, 0], [3, 0]]]])


def test_every_tied_maximum_gets_the_whole_gradient(value):
    x = T.tensor4("x")
    gradient = T.grad(pool_2d(x, (2, 2), ignore_border=True).sum(), x)
    result = value(gradient, {x: np.ones((1, 1, 2, 2))})
    np.testing.assert_array_equal(result, np.ones((1, 1, 2, 2)))


def test_pooling_without_ignore_border_warns(value):
    with pytest.warns(UserWarning, match="pool_2d got no ignore_border"):
        result = value(pool_2d(RAMP, (2, 2)))
    assert result.shape == (1, 1, 3, 3)


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [
        (ValueError, {"ws": (2, 2), "ds": (2, 2)}, "both ws and ds"),
        (ValueError, {"ws": (2, 2), "stride": (2, 2), "st": (2, 2)}, "stride and st"),
        (ValueError, {}, "needs ws"),
        (ValueError, {"ws": (2, 2), "mode": "median"}, "got mode 'median'"),
        (TypeError, {"ws": 2}, "ws with one entry for each of 2 axes, got 2"),
        (TypeError, {"ws": (2, 2, 2)}, "one entry for each of 2 axes"),
        (NotImplementedError, {"ws": (2, 2), "pad": (2, 0)}, "less than the window"),
        (
            NotImplementedError,
            {"ws": (2, 2), "pad": (1, 0), "ignore_border": False},
            "only with ignore_border=True",
        ),
    ],
)
def test_wrong_arguments_of_pooling(error, arguments, message):
    with pytest.raises(error, match=message):
        pool_2d(RAMP, **{"ignore_border": True, **arguments})
    with pytest.raises(NotImplementedError, match="at least 2 dimensions, got 1"):
        pool_2d(T.vector(), (2, 2), ignore_border=True)
