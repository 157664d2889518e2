"""Recurrent layers against plain NumPy loops, with everything they can be asked for."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagne
from lasagne.init import Constant
from lasagne.layers import (
    Conv2DLayer,
    CustomRecurrentLayer,
    DenseLayer,
    DropoutLayer,
    Gate,
    GRULayer,
    InputLayer,
    Layer,
    LSTMLayer,
    RecurrentLayer,
    batch_norm,
    get_all_layers,
    get_all_params,
    get_output,
    get_output_shape,
)
from lasagne.nonlinearities import identity, rectify, sigmoid, tanh

BATCH, STEPS, FEATURES, UNITS = 3, 5, 2, 4
SHAPE = (BATCH, STEPS, FEATURES)
MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0]])

recurrent_layers = pytest.mark.parametrize(
    "recurrent_layer", [RecurrentLayer, LSTMLayer, GRULayer]
)


@pytest.fixture(autouse=True)
def _interpreted_loops():
    """Keep the Python linker from compiling the body of a loop with C."""
    with pytensor.config.change_flags(cxx=""):
        yield


def numbers(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def randomize(layer):
    """Give every parameter values of ordinary size, initial states included."""
    for seed, param in enumerate(get_all_params(layer)):
        param.set_value(numbers(*param.get_value().shape, seed=seed))


# The oracles: one step for the whole batch, and a loop around it


def logistic(x):
    return 1 / (1 + np.exp(-x))


def recurrent_step(layer, x, states):
    activation = x.reshape(len(x), -1) @ layer.W_in_to_hid.get_value()
    activation += states["hid"] @ layer.W_hid_to_hid.get_value()
    return {"hid": np.maximum(activation + layer.b.get_value(), 0)}


def gate(layer, name, x, h, cell=None):
    """Compute the activation of a gate."""
    x = x.reshape(len(x), -1)
    activation = (
        x @ getattr(layer, f"W_in_to_{name}").get_value()
        + h @ getattr(layer, f"W_hid_to_{name}").get_value()
        + getattr(layer, f"b_{name}").get_value()
    )
    if cell is not None and layer.peepholes:
        activation += cell * getattr(layer, f"W_cell_to_{name}").get_value()
    return activation


def lstm_step(layer, x, states):
    h, c = states["hid"], states["cell"]
    i = logistic(gate(layer, "ingate", x, h, c))
    f = logistic(gate(layer, "forgetgate", x, h, c))
    c = f * c + i * np.tanh(gate(layer, "cell", x, h))
    o = logistic(gate(layer, "outgate", x, h, c))
    return {"hid": o * np.tanh(c), "cell": c}


def gru_step(layer, x, states):
    h = states["hid"]
    r = logistic(gate(layer, "resetgate", x, h))
    u = logistic(gate(layer, "updategate", x, h))
    from_state = h @ layer.W_hid_to_hidden_update.get_value()
    candidate = gate(layer, "hidden_update", x, 0 * h) + r * from_state
    return {"hid": (1 - u) * h + u * np.tanh(candidate)}


ORACLES = {RecurrentLayer: recurrent_step, LSTMLayer: lstm_step, GRULayer: gru_step}


def initial_states(layer):
    names = ("hid", "cell") if isinstance(layer, LSTMLayer) else ("hid",)
    return {
        name: np.repeat(getattr(layer, f"{name}_init").get_value(), BATCH, axis=0)
        for name in names
    }


def reference(layer, x, mask=None, states=None):
    states = {**initial_states(layer), **(states or {})} if states is None else states
    output = np.empty((BATCH, STEPS, UNITS))
    order = range(STEPS)[::-1] if layer.backwards else range(STEPS)
    for t in order:
        new_states = ORACLES[type(layer)](layer, x[:, t], states)
        if mask is not None:
            keep = mask[:, t, np.newaxis] == 0
            new_states = {
                name: np.where(keep, states[name], new)
                for name, new in new_states.items()
            }
        states = new_states
        output[:, t] = states["hid"]
    return output[:, order[-1]] if layer.only_return_final else output


class TestValues:
    @pytest.mark.parametrize(
        ("backwards", "only_return_final", "is_masked", "precompute_input"),
        list(itertools.product([False, True], repeat=4)),
    )
    @recurrent_layers
    def test_unrolled(
        self,
        recurrent_layer,
        backwards,
        only_return_final,
        is_masked,
        precompute_input,
        evaluate,
    ):
        layer = recurrent_layer(
            InputLayer(SHAPE),
            UNITS,
            backwards=backwards,
            only_return_final=only_return_final,
            precompute_input=precompute_input,
            mask_input=InputLayer((BATCH, STEPS)) if is_masked else None,
            unroll_scan=True,
        )
        self.check(layer, MASK if is_masked else None, evaluate)

    @pytest.mark.parametrize("precompute_input", [True, False])
    @pytest.mark.parametrize("options", [{}, {"backwards": True, "masked": True}])
    @recurrent_layers
    def test_in_a_loop(self, recurrent_layer, options, precompute_input, evaluate):
        mask_input = InputLayer((None, None)) if "masked" in options else None
        layer = recurrent_layer(
            InputLayer((None, None, FEATURES)),
            UNITS,
            backwards="backwards" in options,
            precompute_input=precompute_input,
            mask_input=mask_input,
        )
        self.check(layer, MASK if mask_input else None, evaluate)

    def check(self, layer, mask, evaluate):
        randomize(layer)
        x = numbers(*SHAPE)
        inputs = {layer.input_layers[0]: x}
        if mask is not None:
            inputs[layer.input_layers[1]] = mask
        expected = reference(layer, x, mask)
        np.testing.assert_allclose(evaluate(get_output(layer, inputs)), expected)

    def test_without_peepholes(self, evaluate):
        layer = LSTMLayer(InputLayer(SHAPE), UNITS, peepholes=False, unroll_scan=True)
        self.check(layer, None, evaluate)

    @recurrent_layers
    def test_several_feature_axes_are_flattened(self, recurrent_layer, evaluate):
        x = numbers(BATCH, STEPS, 2, 3)
        layer = recurrent_layer(InputLayer(x.shape), UNITS, unroll_scan=True)
        randomize(layer)
        output = evaluate(get_output(layer, x))
        np.testing.assert_allclose(output, reference(layer, x))

    @recurrent_layers
    @pytest.mark.parametrize("dtype", ["bool", "int8", "float64"])
    def test_mask_of_any_type_selects(self, recurrent_layer, dtype, evaluate):
        l_mask = InputLayer((BATCH, STEPS), pt.matrix(dtype=dtype))
        layer = recurrent_layer(
            InputLayer(SHAPE), UNITS, mask_input=l_mask, unroll_scan=True
        )
        randomize(layer)
        x = numbers(*SHAPE)
        x[MASK == 0] = np.nan  # must leave no trace
        mask = (MASK * (7 if dtype != "bool" else 1)).astype(dtype)
        output = evaluate(get_output(layer, {layer.input_layers[0]: x, l_mask: mask}))
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(output, reference(layer, x, MASK))
        assert np.isfinite(output).all()

    @recurrent_layers
    @pytest.mark.parametrize(
        ("static", "batch"),
        [
            ((None, None), 1),
            ((None, None), 3),
            ((1, None), 1),
            ((None, 1), 3),
            ((1, 1), 1),
        ],
    )
    def test_unit_sizes_in_a_loop(self, recurrent_layer, static, batch, evaluate):
        # The type of the input may say, or not, that there is one example with
        # one feature; the type of the state must say the same in every step.
        x = pt.tensor("x", shape=(static[0], None, static[1]))
        layer = recurrent_layer(InputLayer((None, None, 1), x), 1)
        output = evaluate(get_output(layer), {x: numbers(batch, 4, 1)})
        assert output.shape == (batch, 4, 1)


@pytest.mark.numba
@pytest.mark.parametrize("recurrent_layer", [LSTMLayer, GRULayer])
def test_values_in_the_default_mode(recurrent_layer):
    x, l_in, l_mask = pt.tensor3(), InputLayer((None, None, 2)), InputLayer((None, 5))
    layer = recurrent_layer(l_in, UNITS, mask_input=l_mask, backwards=True)
    randomize(layer)
    output = get_output(layer, {l_in: x, l_mask: MASK})
    value = pytensor.function([x], output)(numbers(*SHAPE))
    np.testing.assert_allclose(value, reference(layer, numbers(*SHAPE), MASK))


class TestInitialStates:
    @recurrent_layers
    @pytest.mark.parametrize("learn_init", [True, False])
    def test_parameters(self, recurrent_layer, learn_init):
        layer = recurrent_layer(
            SHAPE, UNITS, hid_init=Constant(0.3), learn_init=learn_init
        )
        assert layer.hid_init.get_value().tolist() == [[0.3] * UNITS]
        assert layer.hid_init.type.broadcastable == (True, False)
        tags = {"trainable"} if learn_init else set()
        assert layer.params[layer.hid_init] == tags

    @recurrent_layers
    def test_array_needs_a_leading_axis(self, recurrent_layer):
        recurrent_layer(SHAPE, UNITS, hid_init=np.zeros((1, UNITS)))
        with pytest.raises(ValueError, match=r"\(4,\).*\(1, 4\)"):
            recurrent_layer(SHAPE, UNITS, hid_init=np.zeros(UNITS))

    @recurrent_layers
    @pytest.mark.parametrize("unroll_scan", [True, False])
    @pytest.mark.parametrize("batch", [BATCH, None, 1])
    def test_layers(self, recurrent_layer, unroll_scan, batch, evaluate):
        l_in, l_hid = InputLayer(SHAPE), InputLayer((batch, UNITS))
        layer = recurrent_layer(l_in, UNITS, hid_init=l_hid, unroll_scan=unroll_scan)
        randomize(layer)
        assert layer.hid_init is l_hid
        assert not any("hid_init" in str(param) for param in get_all_params(layer))
        assert get_all_layers(layer) == [l_in, l_hid, layer]

        x, hid = numbers(*SHAPE), numbers(batch or BATCH, UNITS, seed=2)
        # A batch of one initial state serves all examples.
        states = {"hid": np.broadcast_to(hid, (BATCH, UNITS))}
        if recurrent_layer is LSTMLayer:
            states["cell"] = np.repeat(layer.cell_init.get_value(), BATCH, axis=0)
        output = get_output(layer, {l_in: x})
        np.testing.assert_allclose(
            evaluate(output, {l_hid.input_var: hid}),
            reference(layer, x, states=states),
        )

    def test_cell_of_an_lstm(self, evaluate):
        l_in, l_cell = InputLayer(SHAPE), InputLayer((BATCH, UNITS))
        layer = LSTMLayer(l_in, UNITS, cell_init=l_cell, unroll_scan=True)
        randomize(layer)
        x, cell = numbers(*SHAPE), numbers(BATCH, UNITS, seed=2)
        states = {
            "cell": cell,
            "hid": np.repeat(layer.hid_init.get_value(), BATCH, axis=0),
        }
        np.testing.assert_allclose(
            evaluate(get_output(layer, {l_in: x, l_cell: cell})),
            reference(layer, x, states=states),
        )


class TestIncomingLayers:
    @recurrent_layers
    def test_only_what_is_given(self, recurrent_layer):
        layer = recurrent_layer(SHAPE, UNITS)
        assert layer.input_shapes == [SHAPE]
        assert layer.mask_incoming_index == -1
        assert layer.hid_init_incoming_index == -1

    @recurrent_layers
    def test_order(self, recurrent_layer):
        mask, hid, cell = (BATCH, STEPS), InputLayer((BATCH, UNITS)), None
        layer = recurrent_layer(SHAPE, UNITS, hid_init=hid)
        assert layer.hid_init_incoming_index == 1
        layer = recurrent_layer(SHAPE, UNITS, hid_init=hid, mask_input=mask)
        assert layer.input_shapes == [SHAPE, mask, (BATCH, UNITS)]
        assert layer.mask_incoming_index == 1
        assert layer.hid_init_incoming_index == 2

        if recurrent_layer is LSTMLayer:
            assert layer.cell_init_incoming_index == -1
            cell = InputLayer((BATCH, UNITS))
            layer = LSTMLayer(
                SHAPE, UNITS, cell_init=cell, hid_init=hid, mask_input=mask
            )
            assert layer.input_layers == [None, None, hid, cell]
            assert layer.cell_init_incoming_index == 3


class TestShapes:
    @recurrent_layers
    @pytest.mark.parametrize("shape", [SHAPE, (None, None, 2), (None, 5, 2, 3)])
    def test_output_shape(self, recurrent_layer, shape):
        layer = recurrent_layer(InputLayer(shape), UNITS)
        assert layer.output_shape == (*shape[:2], UNITS)
        assert get_output_shape(layer, (7, 9, *shape[2:])) == (7, 9, UNITS)
        layer.only_return_final = True
        assert layer.output_shape == (shape[0], UNITS)

    @pytest.mark.parametrize("recurrent_layer", [LSTMLayer, GRULayer])
    @pytest.mark.parametrize("shape", [(3, 2), (3, 5, None), (3, 5, 2, None)])
    def test_needs_known_features(self, recurrent_layer, shape):
        name = recurrent_layer.__name__
        with pytest.raises(ValueError, match=rf"{name} \(named 'r'\) needs .*features"):
            recurrent_layer(shape, UNITS, name="r")

    @pytest.mark.parametrize("shape", [(3, 2), (3, 5, None)])
    def test_dense_connections_need_known_features(self, shape):
        with pytest.raises(ValueError, match="axes"):
            RecurrentLayer(shape, UNITS)


class TestUnrolling:
    @recurrent_layers
    def test_needs_a_known_number_of_steps(self, recurrent_layer):
        with pytest.raises(ValueError, match=r"known number of steps.*\(3, None, 2\)"):
            recurrent_layer((3, None, 2), UNITS, unroll_scan=True)

    @recurrent_layers
    def test_cannot_truncate_gradients(self, recurrent_layer):
        for steps in (5, None):  # this is checked first
            with pytest.raises(ValueError, match="gradient_steps must be -1"):
                recurrent_layer(
                    (3, steps, 2), UNITS, unroll_scan=True, gradient_steps=2
                )


class TestGradients:
    @recurrent_layers
    def test_unrolled(self, recurrent_layer, check_gradients):
        x = pt.tensor3("x")
        layer = recurrent_layer(
            InputLayer((2, 3, 2), x), 3, learn_init=True, unroll_scan=True
        )
        randomize(layer)
        check_gradients(layer, get_output(layer), {x: numbers(2, 3, 2)})

    @recurrent_layers
    def test_loop_has_those_of_the_unrolled(self, recurrent_layer, evaluate):
        x, mask = pt.tensor3("x"), pt.lmatrix("mask")
        options = {
            "mask_input": InputLayer((BATCH, STEPS), mask),
            "learn_init": True,
            "backwards": True,
        }
        gradients = []
        for unroll_scan in (True, False):
            layer = recurrent_layer(
                InputLayer(SHAPE, x), UNITS, unroll_scan=unroll_scan, **options
            )
            randomize(layer)
            cost = pt.sqr(get_output(layer)).sum()
            wrt = [x, *get_all_params(layer, trainable=True)]
            gradients.append(
                evaluate(pytensor.grad(cost, wrt), {x: numbers(*SHAPE), mask: MASK})
            )
        for unrolled, looped in zip(*gradients):
            np.testing.assert_allclose(looped, unrolled, rtol=1e-6, atol=1e-12)

    @recurrent_layers
    def test_truncated(self, recurrent_layer, evaluate):
        x = pt.tensor3("x")
        layer = recurrent_layer(
            InputLayer(SHAPE, x), UNITS, gradient_steps=2, only_return_final=True
        )
        randomize(layer)
        gradient = evaluate(
            pytensor.grad(get_output(layer).sum(), x), {x: numbers(*SHAPE)}
        )
        reached = np.abs(gradient).sum(axis=(0, 2)) > 0
        np.testing.assert_array_equal(reached, [False, False, False, True, True])

    @pytest.mark.parametrize(
        ("recurrent_layer", "unroll_scan"),
        [
            (RecurrentLayer, True),
            (RecurrentLayer, False),
            (LSTMLayer, True),
            (GRULayer, True),
        ],
    )
    def test_clipped(self, recurrent_layer, unroll_scan, evaluate):
        x, steps = pt.tensor3("x"), 2
        outputs, gradients = [], []
        for bound in (0, 1e-3):
            layer = recurrent_layer(
                InputLayer((BATCH, steps, FEATURES), x),
                UNITS,
                grad_clipping=bound,
                unroll_scan=unroll_scan,
            )
            randomize(layer)
            output = get_output(layer)
            bias = [
                p for p in get_all_params(layer) if str(p).rpartition(".")[2][0] == "b"
            ]
            value, *gradient = evaluate(
                [output, *pytensor.grad(output.sum(), bias)],
                {x: numbers(BATCH, steps, FEATURES)},
            )
            outputs.append(value)
            gradients.append(np.abs(gradient).max())
        np.testing.assert_array_equal(*outputs)
        # At most the bound from each step of each example.
        assert gradients[0] > 0.1
        assert gradients[1] <= 1e-3 * BATCH * steps * (1 + 1e-9)


class TestParameters:
    def test_recurrent_layer(self):
        layer = RecurrentLayer(SHAPE, UNITS, name="r")
        assert [str(param) for param in get_all_params(layer)] == [
            "r.hid_init",
            "r.input_to_hidden.W",
            "r.input_to_hidden.b",
            "r.hidden_to_hidden.W",
        ]
        assert get_all_params(layer, regularizable=True) == [
            layer.W_in_to_hid,
            layer.W_hid_to_hid,
        ]
        assert layer.get_params(trainable=True, regularizable=False) == [layer.b]
        assert not hasattr(layer, "num_units")

    @pytest.mark.parametrize("name", [{}, {"name": None}])
    def test_recurrent_layer_without_a_name(self, name):
        layer = RecurrentLayer(SHAPE, UNITS, b=None, **name)
        assert [str(param) for param in layer.get_params()] == [
            "hid_init",
            "input_to_hidden.W",
            "hidden_to_hidden.W",
        ]
        assert layer.b is None

    def test_lstm_layer(self):
        layer = LSTMLayer(SHAPE, UNITS, name="l")
        gates = ("ingate", "forgetgate", "cell", "outgate")
        shapes = {
            f"l.{kind}_{gate}": shape
            for gate in gates
            for kind, shape in (
                ("W_in_to", (FEATURES, UNITS)),
                ("W_hid_to", (UNITS, UNITS)),
                ("b", (UNITS,)),
            )
        }
        for gate_name in ("ingate", "forgetgate", "outgate"):
            shapes[f"l.W_cell_to_{gate_name}"] = (UNITS,)
        shapes |= {"l.cell_init": (1, UNITS), "l.hid_init": (1, UNITS)}
        params = layer.get_params()
        # In this order, on which saved models rely.
        assert [(str(p), p.get_value().shape) for p in params] == [*shapes.items()]
        assert len(layer.get_params(trainable=True)) == 15
        assert len(layer.get_params(regularizable=False)) == 6
        assert layer.nonlinearity_cell is layer.nonlinearity is tanh
        assert layer.nonlinearity_ingate is sigmoid

        layer = LSTMLayer(SHAPE, UNITS, peepholes=False, learn_init=True)
        assert len(layer.get_params(trainable=True)) == 14

    def test_gru_layer(self):
        layer = GRULayer(SHAPE, UNITS)
        gates = ("updategate", "resetgate", "hidden_update")
        assert [str(param) for param in layer.get_params()] == [
            f"{kind}_{gate}" for gate in gates for kind in ("W_in_to", "W_hid_to", "b")
        ] + ["hid_init"]
        assert len(layer.get_params(trainable=True)) == 9
        assert len(layer.get_params(regularizable=False)) == 4
        assert layer.nonlinearity_hid is tanh
        assert not hasattr(layer, "nonlinearity")

    def test_each_layer_draws_its_own_weights_from_the_default_gates(self):
        first, second = LSTMLayer(SHAPE, UNITS), LSTMLayer(SHAPE, UNITS)
        assert (
            first.W_in_to_ingate.get_value() != second.W_in_to_ingate.get_value()
        ).all()
        assert first.W_hid_to_cell.get_value().std() == pytest.approx(0.1, rel=0.6)

    def test_gates_specify_parameters(self):
        gates = {
            name: Gate(
                Constant(index), Constant(-index), Constant(9), Constant(0.5), None
            )
            for index, name in enumerate(("ingate", "forgetgate", "cell", "outgate"), 1)
        }
        layer = LSTMLayer(SHAPE, UNITS, nonlinearity=None, **gates)
        for index, name in enumerate(gates, 1):
            assert (getattr(layer, f"W_in_to_{name}").get_value() == index).all()
            assert (getattr(layer, f"W_hid_to_{name}").get_value() == -index).all()
            assert (getattr(layer, f"b_{name}").get_value() == 0.5).all()
            assert getattr(layer, f"nonlinearity_{name}") is identity
        assert (layer.W_cell_to_outgate.get_value() == 9).all()
        assert not hasattr(layer, "W_cell_to_cell")
        assert layer.nonlinearity is identity

    def test_gate_without_peephole(self):
        assert not hasattr(Gate(W_cell=None), "W_cell")
        with pytest.raises(AttributeError, match="W_cell"):
            LSTMLayer(SHAPE, UNITS, outgate=Gate(W_cell=None))
        LSTMLayer(SHAPE, UNITS, outgate=Gate(W_cell=None), peepholes=False)

    def test_initial_weights_are_reproducible(self):
        for build in (RecurrentLayer, LSTMLayer, GRULayer):
            values = []
            for _ in range(2):
                lasagne.random.set_rng(np.random.RandomState(3))
                values.append(lasagne.layers.get_all_param_values(build(SHAPE, UNITS)))
            np.testing.assert_equal(*values)


class Recorder(Layer):
    """Passes its input on and writes down the keyword arguments."""

    def __init__(self, incoming):
        super().__init__(incoming)
        self.calls = []

    def get_output_for(self, input, **kwargs):
        self.calls.append(kwargs)
        return input


def networks(features=FEATURES, units=UNITS, batch=None):
    f_i = DenseLayer(InputLayer((batch, features)), units, nonlinearity=None)
    f_h = DenseLayer(InputLayer((batch, units)), units, nonlinearity=None)
    return f_i, f_h


class TestCustomRecurrentLayer:
    @pytest.mark.parametrize("precompute_input", [True, False])
    def test_convolutions(self, precompute_input, evaluate):
        f_i = Conv2DLayer(InputLayer((None, 2, 4, 5)), 3, 3, pad="same")
        f_h = Conv2DLayer(InputLayer((None, 3, 4, 5)), 3, 3, pad="same")
        l_in, l_mask = InputLayer((None, 3, 2, 4, 5)), InputLayer((None, 3))
        layer = CustomRecurrentLayer(
            l_in,
            f_i,
            f_h,
            tanh,
            mask_input=l_mask,
            precompute_input=precompute_input,
            hid_init=Constant(0.1),
        )
        assert layer.output_shape == (None, 3, 3, 4, 5)
        assert layer.hid_init.get_value().shape == (1, 3, 4, 5)

        x, mask = numbers(2, 3, 2, 4, 5), np.array([[1, 1, 0], [1, 1, 1]])
        output = evaluate(get_output(layer, {l_in: x, l_mask: mask}))
        assert output.shape == (2, 3, 3, 4, 5)
        state = np.full((2, 3, 4, 5), 0.1)
        for t in range(3):
            from_input, from_state = evaluate(
                [get_output(f_i, x[:, t]), get_output(f_h, state)]
            )
            keep = mask[:, t].reshape(-1, 1, 1, 1) == 0
            state = np.where(keep, state, np.tanh(from_input + from_state))
            np.testing.assert_allclose(output[:, t], state)

    def test_parameters_of_the_networks(self):
        f_i, f_h = networks()
        layer = CustomRecurrentLayer(SHAPE, f_i, f_h)
        assert layer.get_params() == [layer.hid_init, f_i.W, f_i.b, f_h.W, f_h.b]
        assert layer.get_params(regularizable=True) == [f_i.W, f_h.W]
        assert layer.get_params(unwrap_shared=False, trainable=False) == [
            layer.hid_init
        ]

    def test_tied_weights_are_listed_for_each_network(self):
        f_i, f_h = networks(features=UNITS)
        f_h.params.pop(f_h.W)
        f_h.W = f_h.add_param(f_i.W, (UNITS, UNITS), "W")
        layer = CustomRecurrentLayer((BATCH, STEPS, UNITS), f_i, f_h)
        assert layer.get_params().count(f_i.W) == 2
        assert get_all_params(layer).count(f_i.W) == 1

    def test_nonlinearity(self):
        assert CustomRecurrentLayer(SHAPE, *networks()).nonlinearity is rectify
        layer = CustomRecurrentLayer(SHAPE, *networks(), nonlinearity=None)
        assert layer.nonlinearity is identity

    @pytest.mark.parametrize("precompute_input", [True, False])
    def test_keyword_arguments_reach_both_networks(self, precompute_input):
        f_i, f_h = map(Recorder, networks())
        layer = CustomRecurrentLayer(
            InputLayer(SHAPE),
            f_i,
            f_h,
            unroll_scan=True,
            precompute_input=precompute_input,
        )
        with pytest.warns(UserWarning, match="unused kwargs"):
            get_output(layer, deterministic=True, shade="red")
        expected = {"deterministic": True, "shade": "red"}
        assert f_i.calls == [expected] * (1 if precompute_input else STEPS)
        assert f_h.calls == [expected] * STEPS

    @pytest.mark.parametrize("unroll_scan", [True, False])
    def test_noise_is_new_in_each_step(self, unroll_scan):
        f_i, f_h = networks()
        for param in (f_i.W, f_i.b, f_h.W):
            param.set_value(0 * param.get_value())
        f_h.b.set_value(np.ones(UNITS))
        layer = CustomRecurrentLayer(
            InputLayer((10, STEPS, FEATURES)),
            f_i,
            DropoutLayer(f_h),
            unroll_scan=unroll_scan,
        )
        x = np.zeros((10, STEPS, FEATURES))
        function = pytensor.function([], get_output(layer, x), mode="FAST_COMPILE")
        masks = [*function().swapaxes(0, 1), *function().swapaxes(0, 1)]
        assert np.unique(masks).tolist() == [0, 2]
        for index, mask in enumerate(masks):
            assert all((mask != other).any() for other in masks[:index])

        output = get_output(layer, x, deterministic=True)
        np.testing.assert_array_equal(output.eval(mode="FAST_COMPILE"), 1)

    @pytest.mark.parametrize("unroll_scan", [True, False])
    def test_batch_normalization_follows_its_statistics(self, unroll_scan, evaluate):
        f_i, f_h = networks()
        f_i, f_h = batch_norm(f_i), batch_norm(f_h)
        layer = CustomRecurrentLayer(
            InputLayer(SHAPE), f_i, f_h, unroll_scan=unroll_scan
        )
        x = numbers(*SHAPE)
        evaluate(get_output(layer, x))
        W = get_all_params(f_i)[0].get_value()
        # The input is precomputed: one batch of all examples and steps.
        np.testing.assert_allclose(
            f_i.input_layer.mean.get_value(), 0.1 * (x @ W).mean(axis=(0, 1))
        )
        assert f_h.input_layer.mean.get_value().any()

    def test_nonlinearity_may_use_other_variables(self, evaluate):
        slope = pytensor.shared(2.0)
        layer = CustomRecurrentLayer(
            InputLayer(SHAPE), *networks(), nonlinearity=lambda x: slope * x
        )
        output = get_output(layer, numbers(*SHAPE))
        before = evaluate(output)
        slope.set_value(0.0)
        assert before.any()
        assert not evaluate(output).any()

    def test_options_are_read_when_the_output_is_built(self, evaluate):
        layer = CustomRecurrentLayer(InputLayer(SHAPE), *networks(), unroll_scan=True)
        x = numbers(*SHAPE)
        whole = evaluate(get_output(layer, x))
        layer.only_return_final = True
        np.testing.assert_array_equal(evaluate(get_output(layer, x)), whole[:, -1])

    @pytest.mark.parametrize(
        ("index", "name"), [(0, "input_to_hidden"), (1, "hidden_to_hidden")]
    )
    def test_networks_have_exactly_one_input(self, index, name):
        two = lasagne.layers.ElemwiseSumLayer([InputLayer((None, UNITS))] * 2)
        two.input_layers[1] = InputLayer((None, UNITS))
        for wrong, number in ((two, 2), (DenseLayer((None, FEATURES), UNITS), 0)):
            both = list(networks())
            both[index] = wrong
            message = rf"`{name}` .* exactly one InputLayer, but it has {number}"
            with pytest.raises(ValueError, match=message):
                CustomRecurrentLayer(SHAPE, *both)

    def test_batch_size_of_precomputed_input(self):
        f_i, f_h = networks(batch=BATCH)
        with pytest.raises(ValueError, match=r"3 \* 5 elements, but is built for 3"):
            CustomRecurrentLayer(SHAPE, f_i, f_h)
        CustomRecurrentLayer((BATCH, None, FEATURES), f_i, f_h)
        f_i, _ = networks(batch=BATCH * STEPS)
        CustomRecurrentLayer(SHAPE, f_i, f_h)

    def test_batch_sizes_without_precomputing(self):
        f_i, _ = networks(batch=BATCH)
        _, f_h = networks(batch=BATCH + 1)
        with pytest.raises(ValueError, match="same batch size, got 3 and 4"):
            CustomRecurrentLayer(SHAPE, f_i, f_h, precompute_input=False)
        CustomRecurrentLayer(SHAPE, f_i, networks()[1], precompute_input=False)

    def test_shapes_of_the_networks(self):
        f_i, f_h = networks()
        wider, _ = networks(units=UNITS + 1)
        with pytest.raises(ValueError, match=r"output shape of `hidden.* \(None, 5\)"):
            CustomRecurrentLayer(SHAPE, wider, f_h)
        f_h = DenseLayer(InputLayer((None, UNITS + 1)), UNITS)
        with pytest.raises(ValueError, match=r"input shape of `hidden.* \(None, 4\)"):
            CustomRecurrentLayer(SHAPE, f_i, f_h)
        f_h, l_hid = Layer(InputLayer((None, None))), InputLayer((None, UNITS))
        CustomRecurrentLayer(SHAPE, f_i, f_h, hid_init=l_hid)
