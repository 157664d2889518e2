"""Losses and accuracies against NumPy, and where they must stay finite."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.graph.basic import equal_computations
from pytensor.graph.traversal import applys_between

from lasagne.nonlinearities import sigmoid, softmax
from lasagne.objectives import (
    aggregate,
    align_targets,
    binary_accuracy,
    binary_crossentropy,
    binary_hinge_loss,
    categorical_accuracy,
    categorical_crossentropy,
    huber_loss,
    multiclass_hinge_loss,
    squared_error,
)

PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.1, 0.1, 0.8]])
SCORES = np.array([[0.5, 2.0, -1.0], [3.0, 2.5, 2.0], [-1.0, -1.5, -3.0]])
LABELS = np.array([1, 2, 0])
ONE_HOT = np.eye(3)[LABELS]


def evaluate(expression, givens=None):
    givens = givens or {}
    function = pytensor.function(list(givens), expression, mode="FAST_COMPILE")
    return function(*givens.values())


def gradient(loss, x, value):
    """Compute the gradients of the single elements of a loss, summed."""
    return evaluate(pytensor.grad(loss.sum(), x), {x: np.asarray(value)})


class TestAlignTargets:
    def test_vector_to_column(self):
        predictions, targets = pt.col(), pt.vector()
        same, aligned = align_targets(predictions, targets)
        assert same is predictions
        assert aligned.type.shape == (None, 1)
        value = evaluate(aligned, {targets: np.array([1.0, 2.0])})
        np.testing.assert_array_equal(value, [[1.0], [2.0]])

    def test_array_to_column(self):
        _, aligned = align_targets(pt.col(), np.array([1, 2]))
        np.testing.assert_array_equal(evaluate(aligned), [[1], [2]])

    @pytest.mark.parametrize(
        ("predictions", "targets"),
        [
            (pt.matrix(), pt.vector()),
            (pt.row(), pt.vector()),
            (pt.vector(), pt.vector()),
            (pt.col(), pt.col()),
            (pt.col(), pt.scalar()),
            (pt.vector(), pt.col()),
            (np.ones((3, 1)), np.ones(3)),
            (np.ones((3, 1)), pt.vector()),
        ],
    )
    def test_others_stay(self, predictions, targets):
        same_predictions, same_targets = align_targets(predictions, targets)
        assert same_predictions is predictions
        assert same_targets is targets

    @pytest.mark.parametrize(
        "loss",
        [
            binary_crossentropy,
            squared_error,
            lambda p, t: binary_hinge_loss(p, t, log_odds=True),
            huber_loss,
            binary_accuracy,
        ],
    )
    def test_who_aligns(self, loss):
        x = pt.col("x")
        values = np.array([[0.1], [0.6], [0.8]])
        targets = np.array([0, 1, 0])
        aligned = evaluate(loss(x, targets), {x: values})
        assert aligned.shape == (3, 1)
        by_hand = evaluate(loss(x, targets[:, np.newaxis]), {x: values})
        np.testing.assert_array_equal(aligned, by_hand)


class TestBinaryCrossentropy:
    def test_values_and_gradient(self):
        p = pt.matrix("p")
        t = np.array([[0.0, 1.0, 0.4], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
        loss = binary_crossentropy(p, t)
        expected = -(t * np.log(PROBABILITIES) + (1 - t) * np.log(1 - PROBABILITIES))
        np.testing.assert_allclose(evaluate(loss, {p: PROBABILITIES}), expected)
        expected = (PROBABILITIES - t) / PROBABILITIES / (1 - PROBABILITIES)
        np.testing.assert_allclose(gradient(loss, p, PROBABILITIES), expected)

    def test_does_not_clip(self):
        p = pt.vector("p")
        value = evaluate(binary_crossentropy(p, [1, 0]), {p: np.array([0.0, 1.0])})
        np.testing.assert_array_equal(value, [np.inf, np.inf])

    def test_takes_integers_and_arrays(self):
        loss = binary_crossentropy(np.array([0.25, 0.5]), np.array([1, 0], "uint8"))
        np.testing.assert_allclose(evaluate(loss), -np.log([0.25, 0.5]))


class TestCategoricalCrossentropy:
    expected = -np.log([0.5, 0.2, 0.1])

    @pytest.mark.parametrize(
        "targets",
        [ONE_HOT, ONE_HOT.astype("int32"), LABELS, LABELS.astype("int8"), LABELS - 3],
    )
    def test_values(self, targets):
        p = pt.matrix("p")
        value = evaluate(categorical_crossentropy(p, targets), {p: PROBABILITIES})
        np.testing.assert_allclose(value, self.expected)

    def test_soft_targets_of_any_rank(self):
        p = np.stack([PROBABILITIES, PROBABILITIES[::-1]])
        loss = categorical_crossentropy(pt.constant(p), pt.constant(p))
        np.testing.assert_allclose(evaluate(loss), -(p * np.log(p)).sum(axis=-1))

    @pytest.mark.parametrize("targets", [ONE_HOT, LABELS])
    def test_gradient(self, targets):
        p = pt.matrix("p")
        loss = categorical_crossentropy(p, targets)
        expected = -ONE_HOT / PROBABILITIES
        np.testing.assert_allclose(gradient(loss, p, PROBABILITIES), expected)

    def test_improbable_other_classes_do_not_matter(self):
        p = pt.matrix("p")
        loss = categorical_crossentropy(p, [0, 1])
        # Without rewrites, which would hide that 0 * inf is NaN.
        function = pytensor.function(
            [p], pytensor.grad(loss.sum(), p), mode=Mode("py", None)
        )
        value = function(np.array([[1.0, 0.0], [0.0, 0.5]]))
        np.testing.assert_allclose(value, [[-1.0, 0.0], [0.0, -2.0]])

    @pytest.mark.parametrize("floatX", ["float32"], indirect=True)
    def test_float32_stays(self, floatX):
        p = pt.matrix("p")
        assert categorical_crossentropy(p, pt.ivector()).dtype == "float32"
        assert categorical_crossentropy(p, pt.matrix()).dtype == "float32"

    @pytest.mark.parametrize(
        "targets", [pt.tensor3(), pt.scalar(), np.ones((2, 2, 2)), pt.iscalar()]
    )
    def test_rank_mismatch(self, targets):
        with pytest.raises(TypeError, match="rank mismatch"):
            categorical_crossentropy(pt.matrix(), targets)

    @pytest.mark.parametrize(
        ("predictions", "targets"),
        [
            (pt.matrix(), pt.vector()),
            (pt.matrix(), pt.tensor(dtype="uint8", shape=(None,))),
            (pt.tensor3(), pt.imatrix()),
            (pt.vector(), pt.iscalar()),
        ],
    )
    def test_class_indices_of_a_matrix_only(self, predictions, targets):
        with pytest.raises(TypeError, match="vector of a signed integer type"):
            categorical_crossentropy(predictions, targets)


#: Activations that send probabilities to 0 and 1 in float32.
ACTIVATIONS = np.array([[200, -200, 0], [-200, 200, 1], [0.2, 800, 3]], "float32")


@pytest.fixture(
    scope="module",
    params=["FAST_COMPILE", pytest.param(None, marks=pytest.mark.numba)],
    ids=["interpreted", "default mode"],
)
def saturated(request):
    """Compute losses and gradients in float32 from activations and labels."""
    x, labels = pt.fmatrix("x"), pt.ivector("labels")
    one_hot = pt.eq(pt.shape_padright(labels), pt.arange(3)).astype("float32")
    losses = [
        categorical_crossentropy(softmax(x), labels),
        categorical_crossentropy(softmax(x), one_hot),
        binary_crossentropy(sigmoid(x), one_hot),
    ]
    gradients = [pytensor.grad(loss.sum(), x) for loss in losses]
    return pytensor.function([x, labels], [*losses, *gradients], mode=request.param)


@pytest.mark.parametrize("labels", [[1, 0, 0], [0, 1, 1]], ids=["wrong", "right"])
class TestSaturatedPredictions:
    def test_losses(self, saturated, labels):
        by_index, by_one_hot, binary, *_ = saturated(ACTIVATIONS, np.int32(labels))
        x = ACTIVATIONS.astype("float64")
        expected = x.max(axis=1) - x[np.arange(3), labels]
        np.testing.assert_allclose(by_index, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(by_one_hot, expected, rtol=1e-6, atol=1e-6)
        sign = 1 - 2 * np.eye(3)[labels]
        np.testing.assert_allclose(binary, np.logaddexp(0, sign * x), 1e-6, 1e-30)

    def test_gradients(self, saturated, labels):
        *_, by_index, by_one_hot, binary = saturated(ACTIVATIONS, np.int32(labels))
        x, one_hot = ACTIVATIONS.astype("float64"), np.eye(3)[labels]
        expected = (x == x.max(axis=1, keepdims=True)) - one_hot
        np.testing.assert_allclose(by_index, expected, atol=1e-6)
        np.testing.assert_allclose(by_one_hot, expected, atol=1e-6)
        expected = 0.5 + 0.5 * np.tanh(x / 2) - one_hot
        np.testing.assert_allclose(binary, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("label", [3, -4, 1000, -(2**31)])
def test_labels_out_of_range(saturated, label):
    with pytest.raises(IndexError, match="class index in `targets` is out of range"):
        saturated(ACTIVATIONS, np.int32([0, label, 0]))


def test_one_label_for_many_predictions(saturated):
    with pytest.raises(ValueError, match=r"(?i)broadcast"):
        saturated(ACTIVATIONS, np.int32([0]))


@pytest.mark.parametrize(
    "moved",
    [
        lambda p: p[1:],
        lambda p: p.reshape((-1, 3)),
        lambda p: p.dimshuffle(1, 0).T,
        lambda p: p[pt.constant([2, 0])],
        lambda p: p.reshape((1, -1, 3)).reshape((-1, 3))[:2],
    ],
)
def test_activations_are_found_behind_a_view(moved):
    x = pt.matrix("x")
    for loss in [
        categorical_crossentropy(moved(softmax(x)), moved(pt.zeros_like(x))),
        binary_crossentropy(moved(sigmoid(x)), moved(pt.zeros_like(x))),
        binary_hinge_loss(moved(sigmoid(x)), moved(x), log_odds=False),
    ]:
        ops = {str(node.op) for node in applys_between([x], [loss])}
        assert not any(op in ("Log", "Sigmoid") for op in ops)
        assert not any(op.startswith("Softmax{") for op in ops)


class TestSquaredError:
    def test_values(self):
        value = evaluate(squared_error(pt.constant(SCORES), PROBABILITIES))
        np.testing.assert_allclose(value, (SCORES - PROBABILITIES) ** 2)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8"])
    def test_keeps_the_dtype(self, dtype):
        a = pt.matrix(dtype=dtype)
        assert squared_error(a, pt.matrix(dtype=dtype)).dtype == dtype

    def test_mixed_dtypes(self):
        assert squared_error(pt.fmatrix(), pt.imatrix()).dtype == "float64"


class TestAggregate:
    loss, weights = pt.matrix("loss"), pt.matrix("weights")

    @pytest.mark.parametrize(
        ("args", "expected"),
        [
            ((), loss.mean()),
            ((None, "mean"), loss.mean()),
            ((None, "sum"), loss.sum()),
            ((weights,), (loss * weights).mean()),
            ((weights, "sum"), (loss * weights).sum()),
            (
                (weights, "normalized_sum"),
                (loss * weights).sum() / weights.sum(),
            ),
        ],
    )
    def test_is_exactly_this_expression(self, args, expected):
        assert equal_computations([aggregate(self.loss, *args)], [expected])

    def test_weights_may_be_an_array(self):
        value = evaluate(
            aggregate(self.loss, np.array([0.0, 1.0, 1.0]), "normalized_sum"),
            {self.loss: np.array([[9.0, 1.0, 3.0]])},
        )
        assert value == 2.0

    def test_normalized_sum_needs_weights(self):
        with pytest.raises(ValueError, match="require weights"):
            aggregate(self.loss, mode="normalized_sum")

    def test_unknown_mode(self):
        with pytest.raises(ValueError, match=r"mode must be .* got 'median' instead"):
            aggregate(self.loss, mode="median")


class TestBinaryHingeLoss:
    targets = np.array([[0, 1, 0], [1, 0, 1], [1, 0, 0]])

    def oracle(self, log_odds, delta=1):
        return np.maximum(0, delta - (2 * self.targets - 1) * log_odds)

    @pytest.mark.parametrize("delta", [1, 0.5])
    @pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float64"])
    def test_log_odds(self, delta, dtype):
        p = pt.matrix("p")
        loss = binary_hinge_loss(p, self.targets.astype(dtype), delta, log_odds=True)
        expected = self.oracle(SCORES, delta)
        np.testing.assert_allclose(evaluate(loss, {p: SCORES}), expected)

    def test_signs_as_targets(self):
        p = pt.matrix("p")
        signs = 2 * self.targets - 1
        loss = binary_hinge_loss(p, signs, log_odds=True, binary=False)
        np.testing.assert_allclose(evaluate(loss, {p: SCORES}), self.oracle(SCORES))

    def test_probabilities(self):
        p = pt.matrix("p")
        loss = binary_hinge_loss(p, self.targets, log_odds=False)
        expected = self.oracle(np.log(PROBABILITIES / (1 - PROBABILITIES)))
        np.testing.assert_allclose(evaluate(loss, {p: PROBABILITIES}), expected)

    def test_probabilities_of_a_saturated_sigmoid(self):
        x = pt.vector("x", dtype="float32")
        loss = binary_hinge_loss(sigmoid(x), [0, 1], log_odds=False)
        value = evaluate(loss, {x: np.float32([200, -200])})
        np.testing.assert_allclose(value, [201, 201])

    def test_gradient_at_the_kink(self):
        p = pt.vector("p")
        loss = binary_hinge_loss(p, [1, 1, 1], log_odds=True)
        value = gradient(loss, p, [0.0, 1.0, 2.0])
        np.testing.assert_allclose(value, [-1.0, -0.5, 0.0])

    def test_log_odds_must_be_given(self):
        with pytest.raises(FutureWarning, match=r"log_odds=True .* log_odds=False"):
            binary_hinge_loss(pt.vector(), pt.vector())


class TestMulticlassHingeLoss:
    def oracle(self, delta=1):
        losses = []
        for row, label in zip(SCORES, LABELS):
            losses.append(max(0, np.delete(row, label).max() - row[label] + delta))
        return losses

    @pytest.mark.parametrize("delta", [1, 2.5])
    @pytest.mark.parametrize("targets", [LABELS, LABELS - 3, np.int32(ONE_HOT)])
    def test_values(self, targets, delta):
        p = pt.matrix("p")
        value = evaluate(multiclass_hinge_loss(p, targets, delta), {p: SCORES})
        np.testing.assert_allclose(value, self.oracle(delta))

    def test_gradient(self):
        p = pt.matrix("p")
        value = gradient(multiclass_hinge_loss(p, LABELS[:2]), p, SCORES[:2])
        np.testing.assert_allclose(value, [[0.0, 0.0, 0.0], [1.0, 0.0, -1.0]])

    @pytest.mark.parametrize("targets", [pt.itensor3(), pt.iscalar()])
    def test_rank_mismatch(self, targets):
        with pytest.raises(TypeError, match="rank mismatch"):
            multiclass_hinge_loss(pt.matrix(), targets)

    def test_float_labels(self):
        with pytest.raises(TypeError, match="integers, got targets of dtype float64"):
            multiclass_hinge_loss(pt.matrix(), pt.vector())

    def test_labels_out_of_range(self):
        with pytest.raises(IndexError, match="out of range"):
            evaluate(multiclass_hinge_loss(pt.constant(SCORES), np.array([0, 3, 1])))


class TestHuberLoss:
    differences = np.array([0.0, 0.3, -0.7, 0.7, -2.0, 5.0])

    @pytest.mark.parametrize("delta", [1, 0.7])
    def test_values_and_gradient(self, delta):
        p = pt.vector("p")
        d = self.differences
        loss = huber_loss(p, np.full(6, 3.0), delta)
        expected = np.where(abs(d) <= delta, 0.5 * d**2, delta * (abs(d) - 0.5 * delta))
        np.testing.assert_allclose(evaluate(loss, {p: 3.0 + d}), expected, atol=1e-12)
        np.testing.assert_allclose(
            gradient(loss, p, 3.0 + d), np.clip(d, -delta, delta), atol=1e-12
        )

    def test_symbolic_delta(self):
        delta = pt.scalar("delta")
        value = evaluate(huber_loss(np.array([3.0]), np.zeros(1), delta), {delta: 2.0})
        np.testing.assert_allclose(value, [4.0])


class TestBinaryAccuracy:
    @pytest.mark.parametrize(
        ("threshold", "expected"),
        [(0.5, [True, True, False, False]), (0.3, [True, True, True, False])],
    )
    def test_values(self, threshold, expected):
        p, t = np.array([0.2, 0.5, 0.4, 0.9]), np.array([0, 1, 1, 0])
        accuracy = binary_accuracy(pt.constant(p), t, threshold)
        assert accuracy.dtype == "bool"
        np.testing.assert_array_equal(evaluate(accuracy), expected)


class TestCategoricalAccuracy:
    p = np.array([[0.1, 0.4, 0.2, 0.3], [0.6, 0.1, 0.2, 0.1], [0.4, 0.4, 0.1, 0.1]])
    labels = np.array([3, 2, 0])

    @pytest.mark.parametrize("targets", [labels, np.eye(4)[labels]])
    @pytest.mark.parametrize(
        ("top_k", "expected"),
        [
            (1, [False, False, True]),
            (2, [True, True, True]),
            (4, [True, True, True]),
            (9, [True, True, True]),
        ],
    )
    def test_values(self, targets, top_k, expected):
        accuracy = categorical_accuracy(self.p, targets, top_k)
        assert accuracy.dtype == "bool"
        np.testing.assert_array_equal(evaluate(accuracy), expected)

    def test_top_3_leaves_the_last_one_out(self):
        p = np.array([[0.1, 0.4, 0.2, 0.3]] * 4)
        accuracy = categorical_accuracy(p, np.arange(4), top_k=3)
        np.testing.assert_array_equal(evaluate(accuracy), [False, True, True, True])

    def test_higher_ranks(self):
        p = np.stack([self.p, self.p])
        labels = np.stack([self.labels, [1, 0, 0]])
        for top_k in (1, 2):
            accuracy = evaluate(categorical_accuracy(p, labels, top_k))
            assert accuracy.shape == (2, 3)
            assert accuracy[1].all()

    @pytest.mark.parametrize("targets", [pt.itensor3(), pt.iscalar()])
    def test_rank_mismatch(self, targets):
        with pytest.raises(TypeError, match="rank mismatch"):
            categorical_accuracy(pt.matrix(), targets)

    @pytest.mark.parametrize("top_k", [0, -1])
    def test_top_k_is_positive(self, top_k):
        with pytest.raises(ValueError, match="top_k must be at least 1, got"):
            categorical_accuracy(pt.matrix(), pt.ivector(), top_k)
