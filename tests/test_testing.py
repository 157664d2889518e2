"""The battery must find each mistake it looks for."""

from itertools import count
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

import lasagne
from lasagne.layers import DenseLayer, DropoutLayer, InputLayer, Layer, MergeLayer
from lasagne.testing import CHECKS, check_layer


class ScaledLayer(Layer):
    """A correct layer, from which the faulty ones differ in one place."""

    def __init__(self, incoming: Any, **kwargs: Any):
        super().__init__(incoming, **kwargs)
        shape = self.input_shape[1:]
        self.scales = self.add_param(lasagne.init.Normal(), shape, name="scales")

    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return pt.tanh(input * self.scales)


class WithoutKeywords(ScaledLayer):
    def get_output_for(self, input: Any, deterministic: bool = False) -> Any:
        return input


class WrongShape(ScaledLayer):
    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return super().get_output_for(input)[:, 1:]


class ListAsShape(ScaledLayer):
    def get_output_shape_for(self, input_shape: Any) -> Any:
        return list(input_shape)


class ForgetfulShape(ScaledLayer):
    def get_output_shape_for(self, input_shape: Any) -> Any:
        return (None, *input_shape[1:])


class GuessesUnknownSizes(ScaledLayer):
    def get_output_shape_for(self, input_shape: Any) -> Any:
        return tuple(size or 1 for size in input_shape)


class NeedsAFullBatch(ScaledLayer):
    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return super().get_output_for(input).repeat(3, axis=0)[:3]


class Promotes(ScaledLayer):
    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return super().get_output_for(input) * np.float64(2)


class TagsAsList(ScaledLayer):
    def __init__(self, incoming: Any):
        super().__init__(incoming)
        self.params[self.scales] = ["trainable"]  # type: ignore[assignment]


class TrainsIntegers(Layer):
    def __init__(self, incoming: Any):
        super().__init__(incoming)
        self.offset = self.add_param(np.zeros(4, dtype="int64"), (4,), name="offset")

    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return input + self.offset


class LosesParameters(ScaledLayer):
    def get_params(self, **tags: bool) -> list:
        return [] if tags else super().get_params()


class IgnoresDeterministic(ScaledLayer):
    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        noise = DropoutLayer(self.input_layer)
        return noise.get_output_for(super().get_output_for(input))


class CountsEvaluations(ScaledLayer):
    def __init__(self, incoming: Any):
        super().__init__(incoming)
        with pytest.warns(DeprecationWarning, match="default_update"):
            self.scales.default_update = self.scales + 1

    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return input + 0 * self.scales


class KeepsALambda(ScaledLayer):
    def __init__(self, incoming: Any):
        super().__init__(incoming)
        self.function = lambda x: x


class ForgetsItsTags(ScaledLayer):
    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.params = type(self.params)((param, set()) for param in self.params)


class UnusedParameter(ScaledLayer):
    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return pt.tanh(input)


class WrongGradient(ScaledLayer):
    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return pytensor.gradient.grad_scale(super().get_output_for(input), 0.5)


FAULTS = {
    WithoutKeywords: ("keywords", "must accept **kwargs"),
    WrongShape: ("shape", "shape (3, 3), but output_shape is (None, 4)"),
    ListAsShape: ("shape", "must be a tuple"),
    ForgetfulShape: ("shape", "returns (None, 4)"),
    GuessesUnknownSizes: ("unknown sizes", "must be None"),
    NeedsAFullBatch: ("batch size", "batch of one example"),
    TagsAsList: ("parameters", "must be a set of str"),
    TrainsIntegers: ("parameters", "trainable, but of dtype int64"),
    LosesParameters: ("parameters", "together must give"),
    IgnoresDeterministic: ("determinism", "Two evaluations"),
    CountsEvaluations: ("determinism", "changes parameter scales"),
    KeepsALambda: ("pickling", "cannot be pickled"),
    ForgetsItsTags: ("pickling", "The tags"),
    UnusedParameter: ("gradient", "does not depend on the trainable"),
    WrongGradient: ("gradient", "finite differences"),
}


@pytest.mark.parametrize("cls", FAULTS, ids=lambda cls: cls.__name__)
def test_fault_is_found_by_the_check_for_it(cls: Any) -> None:
    check, message = FAULTS[cls]
    batch_size = 3 if cls is GuessesUnknownSizes else None
    layer = cls(InputLayer((batch_size, 4)))
    with pytest.raises(AssertionError) as error:
        check_layer(layer)
    assert f"{cls.__name__} fails the check {check!r}" in str(error.value)
    assert message in str(error.value)


def test_promotion_is_found() -> None:
    with pytensor.config.change_flags(floatX="float32"):
        layer = Promotes(InputLayer((None, 4)))
        with pytest.raises(AssertionError, match="'dtype': Input and parameters are"):
            check_layer(layer)


def test_value_that_does_not_stay_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = ScaledLayer(InputLayer((None, 4)))
    monkeypatch.setattr(layer.scales, "set_value", lambda value: None)
    with pytest.raises(AssertionError, match="does not keep the value"):
        check_layer(layer, skip=["pickling"])


class CountCalls(Op):
    """Compute something else each time, as no correct Op does."""

    __props__ = ()
    # Of all instances: each function may have one of its own.
    calls = count(1)

    def make_node(self, x: Any) -> Apply:
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        output_storage[0][0] = inputs[0] + next(self.calls)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
        return cotangents


class DependsOnTheCall(Layer):
    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        return CountCalls()(input)


def test_mode_that_computes_something_else_is_found() -> None:
    layer = DependsOnTheCall(InputLayer((2, 4)))
    skip = set(CHECKS) - {"modes"}
    check_layer(layer, skip=skip)
    mode = Mode(linker="py", optimizer=None)
    with pytest.raises(
        AssertionError, match="In mode PerformLinker, the output differs"
    ):
        check_layer(layer, modes=[mode], skip=skip)


def test_error_within_a_layer_names_the_check() -> None:
    class Fails(Layer):
        def get_output_for(self, input: Any, **kwargs: Any) -> Any:
            raise NotImplementedError("later")

    with pytest.raises(NotImplementedError, match="later") as error:
        check_layer(Fails(InputLayer((None, 4))))
    assert error.value.__notes__ == ["Raised by the check 'shape' of Fails."]


def test_correct_layer_passes() -> None:
    check_layer(ScaledLayer(InputLayer((None, 4))))


def test_correct_network_passes() -> None:
    hidden = DenseLayer(InputLayer((2, None, 4)), num_units=3, num_leading_axes=2)
    check_layer(DropoutLayer(hidden))


@pytest.mark.numba
def test_correct_layer_passes_in_the_default_mode() -> None:
    check_layer(DenseLayer(InputLayer((None, 4)), num_units=3), modes=["NUMBA"])


def test_parameters_stay_as_they_were() -> None:
    layer = DenseLayer(InputLayer((None, 4)), num_units=3)
    before = lasagne.layers.get_all_param_values(layer)
    check_layer(layer)
    after = lasagne.layers.get_all_param_values(layer)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(new, old)


def test_inputs_are_used_in_order() -> None:
    seen = []

    class Difference(MergeLayer):
        def get_output_shape_for(self, input_shapes: Any) -> Any:
            seen.append(input_shapes)
            return input_shapes[0]

        def get_output_for(self, inputs: Any, **kwargs: Any) -> Any:
            return inputs[0] - inputs[1].sum(axis=1, keepdims=True)

    layer = Difference([InputLayer((None, 4)), InputLayer((None, None))])
    check_layer(layer, [np.zeros((5, 4)), np.ones((5, 2))], skip=["pickling"])
    assert [(5, 4), (5, 2)] in seen


def test_unknown_check() -> None:
    layer = InputLayer((None, 4))
    with pytest.raises(ValueError, match=r"no check named gradients\. The checks are"):
        check_layer(layer, skip=["gradients"])


def test_layer_without_input_layer() -> None:
    with pytest.raises(ValueError, match="DenseLayer was built from a shape"):
        check_layer(DenseLayer((None, 4), num_units=3))
