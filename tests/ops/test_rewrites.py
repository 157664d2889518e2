"""What is written in several steps runs as one Op, with the same numbers."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.tensor.special import softmax
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor

from lasagne.layers import (
    BatchNormLayer,
    Conv1DLayer,
    Conv2DLayer,
    InputLayer,
    PadLayer,
    get_all_params,
    get_output,
)
from lasagne.ops import (
    BatchNorm,
    BatchNormGradient,
    Conv,
    ConvFilterGradient,
    ConvInputGradient,
    LabelCrossentropy,
    LabelCrossentropyGradient,
    TargetCrossentropy,
    TargetCrossentropyGradient,
    conv,
)

# PyTensor inverts conditions on shapes in Python.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Bitwise inversion '~' on bool:DeprecationWarning"
)

# All rewrites, but no compiler: Python computes what comes out.
OPTIMIZED = Mode("py", "fast_run")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _errors_in_rewrites_are_errors():
    with pytensor.config.change_flags(on_opt_error="raise"):
        yield


def compiled(inputs, outputs, mode=OPTIMIZED):
    return pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")


def nodes_of(function, *ops):
    return [n for n in function.maker.fgraph.toposort() if isinstance(n.op, ops)]


def without(*names):
    return OPTIMIZED.excluding(*names)


# Cross-entropy

ACTIVATIONS, TARGETS = pt.matrix("activations"), pt.matrix("targets")
LABELS, WEIGHTS = pt.lvector("labels"), pt.vector("weights")

X = RNG.normal(size=(4, 3))
Y = np.array([0, 2, 1, -1])
T = RNG.dirichlet(np.ones(3), 4)
W = RNG.normal(size=4)
ARGUMENTS = [ACTIVATIONS, LABELS, TARGETS, WEIGHTS]


def probabilities():
    return softmax(ACTIVATIONS, axis=-1)


def rows():
    return pt.arange(LABELS.shape[0])


LABEL_FORMS = {
    "log, select": lambda: -pt.log(probabilities())[rows(), LABELS],
    "select, log": lambda: -pt.log(probabilities()[rows(), LABELS]),
    "rows of x": lambda: (
        -pt.log(probabilities())[pt.arange(ACTIVATIONS.shape[0]), LABELS]
    ),
    "weighted": lambda: -pt.log(probabilities()[rows(), LABELS]) * WEIGHTS,
    "likelihood": lambda: pt.log(probabilities()[rows(), LABELS]),
}
TARGET_FORMS = {
    "sum": lambda: -(TARGETS * pt.log(probabilities())).sum(axis=-1),
    "total": lambda: -(pt.log(probabilities()) * TARGETS).sum(),
    "weighted": lambda: -(TARGETS * pt.log(probabilities())).sum(axis=1) * WEIGHTS,
    "mean": lambda: -(TARGETS * pt.log(probabilities())).mean(),
}


def expected(loss, arguments):
    """Evaluate a loss and its gradient without any rewrites."""
    gradient = pytensor.grad(loss.mean(), ACTIVATIONS)
    return compiled(ARGUMENTS, [loss, gradient], Mode("py", None))(*arguments)


@pytest.mark.parametrize("name", LABEL_FORMS)
def test_crossentropy_of_labels(name):
    loss = LABEL_FORMS[name]()
    function = compiled(ARGUMENTS, [loss, pytensor.grad(loss.mean(), ACTIVATIONS)])
    assert len(nodes_of(function, LabelCrossentropy)) == 1
    assert len(nodes_of(function, LabelCrossentropyGradient)) == 1
    assert not nodes_of(function, AdvancedSubtensor, AdvancedIncSubtensor)
    for found, right in zip(function(X, Y, T, W), expected(loss, (X, Y, T, W))):
        np.testing.assert_allclose(found, right, rtol=1e-10)


@pytest.mark.parametrize("name", TARGET_FORMS)
def test_crossentropy_of_targets(name):
    loss = TARGET_FORMS[name]()
    function = compiled(ARGUMENTS, [loss, pytensor.grad(loss.mean(), ACTIVATIONS)])
    assert len(nodes_of(function, TargetCrossentropy)) == 1
    assert len(nodes_of(function, TargetCrossentropyGradient)) == 1
    for found, right in zip(function(X, Y, T, W), expected(loss, (X, Y, T, W))):
        np.testing.assert_allclose(found, right, rtol=1e-10)


@pytest.mark.parametrize("name", [*LABEL_FORMS])
def test_improbable_labels_have_a_finite_gradient(name):
    loss = LABEL_FORMS[name]()
    function = compiled(ARGUMENTS, [loss, pytensor.grad(loss.sum(), ACTIVATIONS)])
    value, gradient = function([[0.2, 800.0]], [0], [[1.0, 0.0]], [1.0])
    sign = -1 if name == "likelihood" else 1
    np.testing.assert_allclose(sign * value, [799.8])
    np.testing.assert_allclose(sign * gradient, [[-1.0, 1.0]])


def test_more_activations_than_labels():
    """What is selected by arange() need not be all rows."""
    loss = LABEL_FORMS["select, log"]()
    function = compiled(ARGUMENTS, [loss, pytensor.grad(loss.mean(), ACTIVATIONS)])
    assert nodes_of(function, LabelCrossentropyGradient)
    arguments = X, Y[:2], T, W
    for found, right in zip(function(*arguments), expected(loss, arguments)):
        np.testing.assert_allclose(found, right, rtol=1e-10)


@pytest.mark.parametrize(
    "selected",
    [
        lambda p: p[rows(), LABELS],  # not its logarithm
        lambda p: pt.log(p)[LABELS, rows()],
        lambda p: pt.log(p)[:, LABELS],
        lambda p: pt.log(p)[pt.arange(1, 4), LABELS[1:]],
    ],
)
def test_other_selections_stay(selected):
    x = softmax(pt.dmatrix("square"), axis=-1)
    square = x.owner.inputs[0]
    out = selected(x)
    function = compiled([square, LABELS], out)
    assert not nodes_of(function, LabelCrossentropy)
    value, labels = RNG.normal(size=(4, 4)), np.array([0, 2, 1, 3])
    right = compiled([square, LABELS], out, Mode("py", None))(value, labels)
    np.testing.assert_allclose(function(value, labels), right)


def test_softmax_of_columns_stays():
    p = softmax(ACTIVATIONS, axis=0)
    function = compiled([ACTIVATIONS, LABELS], pt.log(p)[rows(), LABELS])
    assert not nodes_of(function, LabelCrossentropy)


def test_minibatches_of_shared_data():
    """Comparing sizes leaves the expressions of the graph as they are."""
    data = pytensor.shared(np.repeat(X, 3, axis=0))
    classes = pytensor.shared(np.tile(Y, 3).astype("float64"))
    index = pt.lscalar("index")
    labels = pt.ivector("labels")
    rows = pt.arange(labels.shape[0])
    log_probabilities = pt.special.log_softmax(pt.tanh(ACTIVATIONS), axis=-1)
    batch = slice(index * 4, (index + 1) * 4)
    function = pytensor.function(
        [index],
        -pt.mean(log_probabilities[rows, labels]),
        givens={
            ACTIVATIONS: data[batch],
            labels: pt.cast(classes, "int32")[batch],
        },
        mode=OPTIMIZED,
    )
    assert nodes_of(function, LabelCrossentropy)
    expected = np.tanh(data.get_value()[4:8])
    expected -= np.log(np.exp(expected).sum(axis=1, keepdims=True))
    expected = -expected[range(4), classes.get_value().astype(int)[4:8]].mean()
    np.testing.assert_allclose(function(1), expected)


# Batch normalization


def normalized(**kwargs):
    """Build a convolution and its batch normalization, with drawn statistics."""
    layer = InputLayer((None, 2, 5, 6), IMAGES)
    layer = Conv2DLayer(layer, 3, 2, b=None, nonlinearity=None, **kwargs)
    layer = BatchNormLayer(layer)
    rng = np.random.default_rng(1)
    for param in get_all_params(layer):
        param.set_value(1 + rng.random(param.get_value().shape))
    return layer


IMAGES = pt.tensor4("images")
BATCH = RNG.normal(size=(3, 2, 5, 6))


def test_batch_norm_is_folded_into_filters():
    out = get_output(normalized(), deterministic=True)
    function = compiled([IMAGES], out)
    [node] = nodes_of(function, Conv)
    assert node.inputs[1].owner is not None  # computed from the filters
    # One sum is all that is left to do with the output.
    [(after, _)] = function.maker.fgraph.clients[node.outputs[0]]
    assert str(after.op.scalar_op) == "add"
    assert len(after.inputs) <= 3
    plain = compiled([IMAGES], out, without("local_channel_affine_into_conv"))
    np.testing.assert_allclose(function(BATCH), plain(BATCH), rtol=1e-10)
    [node] = nodes_of(plain, Conv)
    assert node.inputs[1].owner is None


def test_filters_that_depend_on_inputs_are_left():
    filters = pt.tensor4("filters")
    scale = pytensor.shared(np.array([2.0, 3.0, 4.0])).dimshuffle("x", 0, "x", "x")
    function = compiled([IMAGES, filters], conv(IMAGES, filters) * scale)
    [node] = nodes_of(function, Conv)
    assert node.inputs[1].owner is None


def test_factors_that_depend_on_inputs_are_left():
    filters = pytensor.shared(RNG.normal(size=(3, 2, 2, 2)))
    scale = IMAGES.mean() + pt.zeros((1, 3, 1, 1))
    function = compiled([IMAGES], conv(IMAGES, filters) * scale)
    [node] = nodes_of(function, Conv)
    assert node.inputs[1].owner is None


def test_a_convolution_that_is_used_twice_is_left():
    filters = pytensor.shared(RNG.normal(size=(3, 2, 2, 2)))
    out = conv(IMAGES, filters)
    function = compiled([IMAGES], [out, out * 2])
    assert len(nodes_of(function, Conv)) == 1


def test_training_normalizes_in_one_op_each_way():
    layer = normalized()
    params = get_all_params(layer, trainable=True)
    loss = (get_output(layer) ** 3).sum()
    function = compiled([IMAGES], [loss, *pytensor.grad(loss, params)])
    assert len(nodes_of(function, BatchNorm)) == 1
    assert len(nodes_of(function, BatchNormGradient)) == 1


# Zero padding


@pytest.mark.parametrize("shape", [(None, 2, 5, 6), (3, 2, 5, 6), (None,) * 4])
@pytest.mark.parametrize("width", [1, ((2, 0), (1, 3))])
def test_padding_becomes_the_convolution_s(shape, width):
    x = pt.tensor("x", shape=shape, dtype="float64")
    filters = pytensor.shared(RNG.normal(size=(3, 2, 2, 2)))
    padded = get_output(PadLayer(InputLayer((None, 2, 5, 6)), width), x)
    out = conv(padded, filters, padding=(0, 1))
    function = compiled([x], [out, pytensor.grad((out**2).sum(), filters)])
    (a, b), (c, d) = ((1, 1), (1, 1)) if width == 1 else width
    for node in nodes_of(function, Conv, ConvFilterGradient):
        assert node.inputs[0].owner is None
        assert node.op.padding == ((a, b), (c + 1, d + 1))
    assert len(nodes_of(function, Conv, ConvFilterGradient)) == 2
    plain = compiled([x], [out], without("local_pad_into_conv"))
    assert nodes_of(plain, Conv)[0].inputs[0].owner is not None
    np.testing.assert_allclose(function(BATCH)[0], plain(BATCH)[0], rtol=1e-10)


@pytest.mark.parametrize(
    "inside",
    [
        lambda x: pt.set_subtensor(pt.ones((3, 2, 7, 8))[:, :, 1:-1, 1:-1], x),
        lambda x: pt.set_subtensor(pt.zeros((3, 2, 9, 6))[:, :, ::2], x),
        lambda x: pt.set_subtensor(pt.zeros((3, 4, 5, 6))[:, 1:-1], x),
        # Repeated within the canvas, not padded.
        lambda x: pt.set_subtensor(
            pt.zeros((3, 2, 7, 6))[:, :, 1:-1], x.sum(2, keepdims=True)
        ),
    ],
    ids=["ones", "steps", "channels", "repeated"],
)
def test_other_canvases_stay(inside):
    x = pt.tensor("x", shape=(3, 2, 5, 6), dtype="float64")
    canvas = inside(x)
    filters = pytensor.shared(RNG.normal(size=(3, canvas.type.shape[1], 2, 2)))
    out = conv(canvas, filters)
    function = compiled([x], out)
    assert nodes_of(function, Conv)[0].op.padding == ((0, 0), (0, 0))
    right = compiled([x], out, Mode("py", None))(BATCH)
    np.testing.assert_allclose(function(BATCH), right)


# Reversed filters


@pytest.mark.parametrize("flip_filters", [False, True])
def test_reversed_filters_become_a_property(flip_filters):
    filters = pt.tensor4("filters")
    out = conv(IMAGES, filters[:, :, ::-1, ::-1], flip_filters=flip_filters)
    gradients = pytensor.grad((out**2).sum(), [IMAGES, filters])
    function = compiled([IMAGES, filters], [out, *gradients])
    family = nodes_of(function, Conv, ConvInputGradient, ConvFilterGradient)
    assert [node.op.flip_filters for node in family] == [not flip_filters] * 3
    plain = compiled([IMAGES, filters], [out, *gradients], Mode("py", None))
    arguments = BATCH, RNG.normal(size=(3, 2, 3, 2))
    for found, right in zip(function(*arguments), plain(*arguments)):
        np.testing.assert_allclose(found, right, rtol=1e-10)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[:, :, ::-1],
        np.s_[:, ::-1, ::-1, ::-1],
        np.s_[:, :, ::-1, 1::-1],
        np.s_[:, :, ::-2, ::-1],
    ],
)
def test_other_reversals_stay(index):
    filters = pt.tensor4("filters")
    out = conv(IMAGES, filters[index])
    function = compiled([IMAGES, filters], out)
    assert not nodes_of(function, Conv)[0].op.flip_filters
    arguments = BATCH, RNG.normal(size=(3, 2, 3, 3))
    right = compiled([IMAGES, filters], out, Mode("py", None))(*arguments)
    np.testing.assert_allclose(function(*arguments), right)


def test_in_one_dimension():
    layer = InputLayer((None, 2, 9))
    layer = BatchNormLayer(Conv1DLayer(PadLayer(layer, 1), 3, 2, nonlinearity=None))
    x = layer.input_layer.input_layer.input_layer.input_var
    function = compiled([x], get_output(layer, deterministic=True))
    [node] = nodes_of(function, Conv)
    assert node.op.padding == ((1, 1),)
    assert node.inputs[0].owner is None
