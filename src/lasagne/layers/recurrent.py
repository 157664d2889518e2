r"""Layers that run over sequences and carry a state from step to step.

All take an input of shape ``(batch, time, features...)`` and give
``(batch, time, hidden...)``, or the state after the last step only.
"""

from typing import Any

import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from .. import init, nonlinearities
from . import helper
from ._recurrence import (
    add_gate_params,
    add_initial_state,
    check_unrolling,
    clip_gradient,
    collect_incomings,
    finish,
    iterate,
    num_features,
    optional_input,
    projected_input,
    split_gates,
    stack_gate_params,
    time_major,
    units_shape,
)
from .base import MergeLayer, Shape
from .dense import DenseLayer
from .input import InputLayer

__all__ = [
    "CustomRecurrentLayer",
    "GRULayer",
    "Gate",
    "LSTMLayer",
    "RecurrentLayer",
]


def _may_equal(size: int | None, other: int | None) -> bool:
    return size is None or other is None or size == other


def _may_equal_shape(shape: Shape, other: Shape) -> bool:
    return len(shape) == len(other) and all(map(_may_equal, shape, other))


def _the_input_shape(layer: Any, name: str) -> Shape:
    """Return the shape of a network's only input."""
    inputs = [
        each for each in helper.get_all_layers(layer) if isinstance(each, InputLayer)
    ]
    if len(inputs) != 1:
        raise ValueError(
            f"`{name}` must be a network with exactly one InputLayer, but it has "
            f"{len(inputs)}."
        )
    return inputs[0].output_shape


class CustomRecurrentLayer(MergeLayer):
    r"""A recurrent layer made of any two networks.

    Computes, with :math:`f_i` and :math:`f_h` standing for the networks,

    .. math:: h_t = \varphi(f_i(x_t) + f_h(h_{t-1}))

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, time, features...)``.
    input_to_hidden : Layer
        Output layer of the network applied to the input of each step. Its
        only :class:`InputLayer` takes ``(batch, features...)``, and with
        ``precompute_input`` a batch of all steps at once: leave its first
        size ``None``.
    hidden_to_hidden : Layer
        Output layer of the network applied to the previous state. Its only
        :class:`InputLayer` takes ``(batch, hidden...)``.
    nonlinearity : callable or None
        Applied to the sum; ``None`` for none.
    hid_init : array, TensorVariable, callable or Layer
        Initial state: a parameter of shape ``(1, hidden...)``, or a layer
        with output ``(batch, hidden...)``.
    backwards : bool
        If true, start at the last step. The output keeps the order of the
        input; only the final state, if that is returned, is that of the first
        step.
    learn_init : bool
        Whether the initial state is trained, unless a layer computes it.
    gradient_steps : int
        How many steps gradients are followed back; -1 for all.
    grad_clipping : float
        If not zero, bound on the magnitude of each element of the gradient
        with respect to the sum, in each step.
    unroll_scan : bool
        If true, the graph holds a copy of the step for each of a known number
        of steps instead of a loop: slower to compile, faster to run.
    precompute_input : bool
        If true, :math:`f_i` is applied to all steps at once, before the loop.
    mask_input : Layer or tuple, optional
        Gives a mask of shape ``(batch, time)``: where it is zero the state
        stays as it is, and is the output again. For sequences of different
        lengths.
    only_return_final : bool
        If true, the output is the state after the last step computed, without
        the time axis.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Raises
    ------
    ValueError
        If a network has not one input, if the shapes of the networks do not
        fit one another or the input, or if the loop is to be unrolled with an
        unknown number of steps or truncated gradients.

    Notes
    -----
    Keyword arguments of :func:`lasagne.layers.get_output` reach the layers of
    both networks. Noise in :math:`f_h` is drawn anew in each step, and so is
    noise in :math:`f_i`.

    References
    ----------
    .. [1] Graves (2014): Generating sequences with recurrent neural networks.
           arXiv:1308.0850.

    Examples
    --------
    A convolutional recurrent layer:

    >>> from lasagne.layers import Conv2DLayer, CustomRecurrentLayer, InputLayer
    >>> l_in = InputLayer((None, 10, 3, 32, 32))
    >>> f_i = Conv2DLayer(InputLayer((None, 3, 32, 32)), 7, 3, pad="same")
    >>> f_h = Conv2DLayer(InputLayer(f_i.output_shape), 7, 3, pad="same")
    >>> CustomRecurrentLayer(l_in, f_i, f_h).output_shape
    (None, 10, 7, 32, 32)
    """

    def __init__(
        self,
        incoming: Any,
        input_to_hidden: Any,
        hidden_to_hidden: Any,
        nonlinearity: Any = nonlinearities.rectify,
        hid_init: Any = init.Constant(0.0),
        backwards: bool = False,
        learn_init: bool = False,
        gradient_steps: int = -1,
        grad_clipping: float = 0,
        unroll_scan: bool = False,
        precompute_input: bool = True,
        mask_input: Any = None,
        only_return_final: bool = False,
        **kwargs: Any,
    ):
        incomings, indices = collect_incomings(incoming, mask_input, hid_init)
        self.mask_incoming_index, self.hid_init_incoming_index = indices
        super().__init__(incomings, **kwargs)

        self.input_to_hidden = input_to_hidden
        self.hidden_to_hidden = hidden_to_hidden
        self.learn_init = learn_init
        self.backwards = backwards
        self.gradient_steps = gradient_steps
        self.grad_clipping = grad_clipping
        self.unroll_scan = unroll_scan
        self.precompute_input = precompute_input
        self.only_return_final = only_return_final
        self._check_shapes()

        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )
        hidden_shape = hidden_to_hidden.output_shape[1:]
        self.hid_init = add_initial_state(self, hid_init, hidden_shape, "hid_init")

    def _check_shapes(self) -> None:
        _the_input_shape(self.input_to_hidden, "input_to_hidden")
        previous = _the_input_shape(self.hidden_to_hidden, "hidden_to_hidden")
        input_shape = self.input_shapes[0]
        check_unrolling(self.unroll_scan, self.gradient_steps, input_shape)

        from_input = self.input_to_hidden.output_shape
        from_hidden = self.hidden_to_hidden.output_shape
        if self.precompute_input:
            batch, steps = input_shape[:2]
            if None not in (batch, steps) and not _may_equal(
                from_input[0], batch * steps
            ):
                raise ValueError(
                    f"With precompute_input=True, `input_to_hidden` is applied to a "
                    f"batch of {batch} * {steps} elements, but is built for "
                    f"{from_input[0]}. Give None as the first size of its InputLayer."
                )
        elif not _may_equal(from_input[0], from_hidden[0]):
            raise ValueError(
                f"`input_to_hidden` and `hidden_to_hidden` must have the same batch "
                f"size, got {from_input[0]} and {from_hidden[0]}."
            )
        for name, shape in (
            ("the output shape of `hidden_to_hidden`", from_hidden),
            ("the input shape of `hidden_to_hidden`", previous),
        ):
            if not _may_equal_shape(from_input[1:], shape[1:]):
                raise ValueError(
                    f"The output shape of `input_to_hidden` and {name} must be equal "
                    f"after the first axis, got {from_input} and {shape}."
                )

    def get_params(self, **tags: Any) -> list:
        """List the parameters of this layer, then those of its two networks.

        Parameters
        ----------
        **tags
            As in :meth:`Layer.get_params`, ``unwrap_shared`` included.

        Returns
        -------
        list of Variable
        """
        return (
            super().get_params(**tags)
            + helper.get_all_params(self.input_to_hidden, **tags)
            + helper.get_all_params(self.hidden_to_hidden, **tags)
        )

    def get_output_shape_for(self, input_shapes: Any) -> Shape:
        """Take batch and time from the input, the rest from ``hidden_to_hidden``."""
        batch, steps = input_shapes[0][:2]
        hidden_shape = self.hidden_to_hidden.output_shape[1:]
        if self.only_return_final:
            return (batch, *hidden_shape)
        return (batch, steps, *hidden_shape)

    def get_output_for(self, inputs: Any, **kwargs: Any) -> TensorVariable:
        """Loop over time, applying both networks in each step."""
        input = time_major(inputs[0])
        mask = optional_input(inputs, self.mask_incoming_index)
        hid_init = optional_input(inputs, self.hid_init_incoming_index, self.hid_init)

        if self.precompute_input:
            steps, batch = input.shape[0], input.shape[1]
            features = [input.shape[axis] for axis in range(2, input.ndim)]
            flat = helper.get_output(
                self.input_to_hidden,
                input.reshape((steps * batch, *features)),
                **kwargs,
            )
            hidden = [flat.shape[axis] for axis in range(1, flat.ndim)]
            sequence = flat.reshape((steps, batch, *hidden))
        else:
            sequence = input

        def step(
            input_n: TensorVariable, hid_previous: TensorVariable
        ) -> list[TensorVariable]:
            if not self.precompute_input:
                input_n = helper.get_output(self.input_to_hidden, input_n, **kwargs)
            activation = input_n + helper.get_output(
                self.hidden_to_hidden, hid_previous, **kwargs
            )
            activation = clip_gradient(activation, self.grad_clipping)
            return [self.nonlinearity(activation)]

        [hidden_states] = iterate(
            self,
            step,
            sequence,
            mask,
            [hid_init],
        )
        return finish(self, hidden_states)


class RecurrentLayer(CustomRecurrentLayer):
    r"""A recurrent layer with dense connections.

    Computes

    .. math:: h_t = \varphi(x_t W_x + h_{t-1} W_h + b)

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, time, features...)``. Several feature axes are flattened.
    num_units : int
        Number of hidden units.
    W_in_to_hid : array, TensorVariable or callable
        Weights :math:`W_x`, of shape ``(num_inputs, num_units)``.
    W_hid_to_hid : array, TensorVariable or callable
        Weights :math:`W_h`, of shape ``(num_units, num_units)``.
    b : array, TensorVariable, callable or None
        Biases, of shape ``(num_units,)``; ``None`` for a layer without.
    nonlinearity, hid_init, backwards, learn_init, gradient_steps, grad_clipping
        As in :class:`CustomRecurrentLayer`.
    unroll_scan, precompute_input, mask_input, only_return_final
        As in :class:`CustomRecurrentLayer`.
    **kwargs
        Passed on to :class:`CustomRecurrentLayer`.

    Raises
    ------
    ValueError
        If the number of features is unknown; else as for
        :class:`CustomRecurrentLayer`.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, RecurrentLayer
    >>> layer = RecurrentLayer(InputLayer((None, 10, 20)), num_units=30, name="r")
    >>> layer.output_shape, layer.get_params(trainable=True)
    ((None, 10, 30), [r.input_to_hidden.W, r.input_to_hidden.b, r.hidden_to_hidden.W])
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        W_in_to_hid: Any = init.Uniform(),
        W_hid_to_hid: Any = init.Uniform(),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.rectify,
        hid_init: Any = init.Constant(0.0),
        backwards: bool = False,
        learn_init: bool = False,
        gradient_steps: int = -1,
        grad_clipping: float = 0,
        unroll_scan: bool = False,
        precompute_input: bool = True,
        mask_input: Any = None,
        only_return_final: bool = False,
        **kwargs: Any,
    ):
        input_shape = incoming if isinstance(incoming, tuple) else incoming.output_shape
        name = kwargs.get("name")
        prefix = "" if name is None else f"{name}."

        in_to_hid = DenseLayer(
            InputLayer((None, *input_shape[2:])),
            num_units,
            W=W_in_to_hid,
            b=b,
            nonlinearity=None,
            **{**kwargs, "name": f"{prefix}input_to_hidden"},
        )
        hid_to_hid = DenseLayer(
            InputLayer((None, num_units)),
            num_units,
            W=W_hid_to_hid,
            b=None,
            nonlinearity=None,
            **{**kwargs, "name": f"{prefix}hidden_to_hidden"},
        )
        self.W_in_to_hid = in_to_hid.W
        self.W_hid_to_hid = hid_to_hid.W
        self.b = in_to_hid.b

        super().__init__(
            incoming,
            in_to_hid,
            hid_to_hid,
            nonlinearity=nonlinearity,
            hid_init=hid_init,
            backwards=backwards,
            learn_init=learn_init,
            gradient_steps=gradient_steps,
            grad_clipping=grad_clipping,
            unroll_scan=unroll_scan,
            precompute_input=precompute_input,
            mask_input=mask_input,
            only_return_final=only_return_final,
            **kwargs,
        )


class Gate:
    """Specification of one gate of an :class:`LSTMLayer` or a :class:`GRULayer`.

    Parameters
    ----------
    W_in : array, TensorVariable or callable
        Weights from the input, of shape ``(num_inputs, num_units)``.
    W_hid : array, TensorVariable or callable
        Weights from the previous hidden state, of shape
        ``(num_units, num_units)``.
    W_cell : array, TensorVariable, callable or None
        Weights from the cell, one per unit; only for the three gates of an
        LSTM that can have peepholes. With ``None`` the attribute is missing.
    b : array, TensorVariable or callable
        Biases, of shape ``(num_units,)``.
    nonlinearity : callable or None
        Applied to the gate's activation; ``None`` for none.

    References
    ----------
    .. [1] Gers, Schmidhuber and Cummins (2000): Learning to forget: continual
           prediction with LSTM. Neural Computation 12(10).

    Examples
    --------
    To start an LSTM with the intention to remember, give its forget gate
    a bias:

    >>> from lasagne.init import Constant
    >>> from lasagne.layers import Gate, LSTMLayer
    >>> layer = LSTMLayer((None, 5, 2), 3, forgetgate=Gate(b=Constant(1.0)))
    >>> layer.b_forgetgate.get_value()
    array([1., 1., 1.])
    """

    def __init__(
        self,
        W_in: Any = init.Normal(0.1),
        W_hid: Any = init.Normal(0.1),
        W_cell: Any = init.Normal(0.1),
        b: Any = init.Constant(0.0),
        nonlinearity: Any = nonlinearities.sigmoid,
    ):
        self.W_in = W_in
        self.W_hid = W_hid
        if W_cell is not None:
            self.W_cell = W_cell
        self.b = b
        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )


class LSTMLayer(MergeLayer):
    r"""A layer of long short-term memory units.

    Computes, with :math:`\odot` standing for the elementwise product,

    .. math::
        i_t &= \sigma_i(x_t W_{xi} + h_{t-1} W_{hi}
               + c_{t-1} \odot w_{ci} + b_i) \\
        f_t &= \sigma_f(x_t W_{xf} + h_{t-1} W_{hf}
               + c_{t-1} \odot w_{cf} + b_f) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot \sigma_c(x_t W_{xc}
               + h_{t-1} W_{hc} + b_c) \\
        o_t &= \sigma_o(x_t W_{xo} + h_{t-1} W_{ho} + c_t \odot w_{co} + b_o) \\
        h_t &= o_t \odot \sigma_h(c_t)

    and outputs :math:`h_t`.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, time, features...)``. Several feature axes are flattened.
    num_units : int
        Number of units.
    ingate, forgetgate, cell, outgate : Gate
        Parameters and nonlinearities :math:`\sigma_i`, :math:`\sigma_f`,
        :math:`\sigma_c`, :math:`\sigma_o` of the gates and of the input to
        the cell, the peephole of which is not used.
    nonlinearity : callable or None
        Applied to the cell state on its way out, :math:`\sigma_h`; ``None``
        for none.
    cell_init : array, TensorVariable, callable or Layer
        Initial cell state: a parameter of shape ``(1, num_units)``, or a
        layer with output ``(batch, num_units)``.
    hid_init : array, TensorVariable, callable or Layer
        Initial hidden state, likewise.
    backwards, learn_init
        As in :class:`CustomRecurrentLayer`.
    peepholes : bool
        Whether the gates see the cell: the terms with :math:`w_{c \cdot}`.
    gradient_steps
        As in :class:`CustomRecurrentLayer`.
    grad_clipping : float
        If not zero, bound on the magnitude of each element of the gradient
        with respect to the activations of the gates and of the cell, without
        peepholes, in each step.
    unroll_scan : bool
        As in :class:`CustomRecurrentLayer`.
    precompute_input : bool
        If true, the input is multiplied by its weights for all steps at once,
        before the loop: faster, for more memory.
    mask_input, only_return_final
        As in :class:`CustomRecurrentLayer`.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Raises
    ------
    ValueError
        If the number of features is unknown, or the loop is to be unrolled
        with an unknown number of steps or truncated gradients.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber (1997): Long short-term memory. Neural
           Computation 9(8).
    .. [2] Gers and Schmidhuber (2000): Recurrent nets that time and count.
           IJCNN 2000.
    .. [3] Graves (2014): Generating sequences with recurrent neural networks.
           arXiv:1308.0850.

    Examples
    --------
    >>> from lasagne.layers import InputLayer, LSTMLayer
    >>> l_in = InputLayer((None, None, 20))
    >>> l_mask = InputLayer((None, None))
    >>> LSTMLayer(l_in, 30, mask_input=l_mask, only_return_final=True).output_shape
    (None, 30)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        ingate: Gate = Gate(),
        forgetgate: Gate = Gate(),
        cell: Gate = Gate(W_cell=None, nonlinearity=nonlinearities.tanh),
        outgate: Gate = Gate(),
        nonlinearity: Any = nonlinearities.tanh,
        cell_init: Any = init.Constant(0.0),
        hid_init: Any = init.Constant(0.0),
        backwards: bool = False,
        learn_init: bool = False,
        peepholes: bool = True,
        gradient_steps: int = -1,
        grad_clipping: float = 0,
        unroll_scan: bool = False,
        precompute_input: bool = True,
        mask_input: Any = None,
        only_return_final: bool = False,
        **kwargs: Any,
    ):
        incomings, indices = collect_incomings(
            incoming, mask_input, hid_init, cell_init
        )
        self.mask_incoming_index, self.hid_init_incoming_index = indices[:2]
        self.cell_init_incoming_index = indices[2]
        super().__init__(incomings, **kwargs)

        self.nonlinearity = (
            nonlinearities.identity if nonlinearity is None else nonlinearity
        )
        self.learn_init = learn_init
        self.num_units = num_units
        self.backwards = backwards
        self.peepholes = peepholes
        self.gradient_steps = gradient_steps
        self.grad_clipping = grad_clipping
        self.unroll_scan = unroll_scan
        self.precompute_input = precompute_input
        self.only_return_final = only_return_final

        input_shape = self.input_shapes[0]
        check_unrolling(unroll_scan, gradient_steps, input_shape)
        num_inputs = num_features(self, input_shape)

        (
            self.W_in_to_ingate,
            self.W_hid_to_ingate,
            self.b_ingate,
            self.nonlinearity_ingate,
        ) = add_gate_params(self, ingate, "ingate", num_inputs)
        (
            self.W_in_to_forgetgate,
            self.W_hid_to_forgetgate,
            self.b_forgetgate,
            self.nonlinearity_forgetgate,
        ) = add_gate_params(self, forgetgate, "forgetgate", num_inputs)
        (
            self.W_in_to_cell,
            self.W_hid_to_cell,
            self.b_cell,
            self.nonlinearity_cell,
        ) = add_gate_params(self, cell, "cell", num_inputs)
        (
            self.W_in_to_outgate,
            self.W_hid_to_outgate,
            self.b_outgate,
            self.nonlinearity_outgate,
        ) = add_gate_params(self, outgate, "outgate", num_inputs)

        if peepholes:
            self.W_cell_to_ingate = self.add_param(
                ingate.W_cell, (num_units,), "W_cell_to_ingate"
            )
            self.W_cell_to_forgetgate = self.add_param(
                forgetgate.W_cell, (num_units,), "W_cell_to_forgetgate"
            )
            self.W_cell_to_outgate = self.add_param(
                outgate.W_cell, (num_units,), "W_cell_to_outgate"
            )

        self.cell_init = add_initial_state(self, cell_init, (num_units,), "cell_init")
        self.hid_init = add_initial_state(self, hid_init, (num_units,), "hid_init")

    def get_output_shape_for(self, input_shapes: Any) -> Shape:
        """Replace the features by the units."""
        return units_shape(self, input_shapes)

    def get_output_for(self, inputs: Any, **kwargs: Any) -> TensorVariable:
        """Loop over time, computing all gates of a step from one product."""
        mask = optional_input(inputs, self.mask_incoming_index)
        hid_init = optional_input(inputs, self.hid_init_incoming_index, self.hid_init)
        cell_init = optional_input(
            inputs, self.cell_init_incoming_index, self.cell_init
        )

        gates = ("ingate", "forgetgate", "cell", "outgate")
        W_in, W_hid, b = stack_gate_params(self, gates)
        peepholes = []
        if self.peepholes:
            peepholes = [
                self.W_cell_to_ingate,
                self.W_cell_to_forgetgate,
                self.W_cell_to_outgate,
            ]

        def step(
            input_n: TensorVariable,
            cell_previous: TensorVariable,
            hid_previous: TensorVariable,
            W_hid: TensorVariable,
            W_in: TensorVariable,
            b: TensorVariable,
            *peepholes: TensorVariable,
        ) -> list[TensorVariable]:
            if not self.precompute_input:
                input_n = pt.dot(input_n, W_in) + b
            activations = clip_gradient(
                input_n + pt.dot(hid_previous, W_hid), self.grad_clipping
            )
            ingate, forgetgate, cell_input, outgate = split_gates(
                activations, 4, self.num_units
            )
            if peepholes:
                W_cell_to_ingate, W_cell_to_forgetgate, W_cell_to_outgate = peepholes
                ingate = ingate + cell_previous * W_cell_to_ingate
                forgetgate = forgetgate + cell_previous * W_cell_to_forgetgate
            cell = self.nonlinearity_forgetgate(forgetgate) * cell_previous
            cell = cell + self.nonlinearity_ingate(ingate) * self.nonlinearity_cell(
                cell_input
            )
            if peepholes:
                outgate = outgate + cell * W_cell_to_outgate
            hid = self.nonlinearity_outgate(outgate) * self.nonlinearity(cell)
            return [cell, hid]

        _, hidden_states = iterate(
            self,
            step,
            projected_input(self, inputs[0], W_in, b),
            mask,
            [cell_init, hid_init],
            [W_hid, W_in, b, *peepholes],
        )
        return finish(self, hidden_states)


class GRULayer(MergeLayer):
    r"""A layer of gated recurrent units.

    Computes, with :math:`\odot` standing for the elementwise product,

    .. math::
        r_t &= \sigma_r(x_t W_{xr} + h_{t-1} W_{hr} + b_r) \\
        u_t &= \sigma_u(x_t W_{xu} + h_{t-1} W_{hu} + b_u) \\
        c_t &= \sigma_c(x_t W_{xc} + r_t \odot (h_{t-1} W_{hc}) + b_c) \\
        h_t &= (1 - u_t) \odot h_{t-1} + u_t \odot c_t

    Parameters
    ----------
    incoming : Layer or tuple
        The layer feeding into this one, or the shape of the input:
        ``(batch, time, features...)``. Several feature axes are flattened.
    num_units : int
        Number of units.
    resetgate, updategate, hidden_update : Gate
        Parameters and nonlinearities :math:`\sigma_r`, :math:`\sigma_u`,
        :math:`\sigma_c` of the gates and of the candidate for the new state;
        they have no peepholes.
    hid_init, backwards, learn_init, gradient_steps
        As in :class:`CustomRecurrentLayer`.
    grad_clipping : float
        If not zero, bound on the magnitude of each element of the gradient
        with respect to the projection of the input (or, unless that is
        precomputed, with respect to the input itself), to the projection of
        the state, and to the activation of the candidate, in each step.
    unroll_scan, precompute_input, mask_input, only_return_final
        As in :class:`LSTMLayer`.
    **kwargs
        Passed on to :class:`MergeLayer`.

    Raises
    ------
    ValueError
        If the number of features is unknown, or the loop is to be unrolled
        with an unknown number of steps or truncated gradients.

    Notes
    -----
    Papers and libraries differ: here the reset gate is applied after the
    product with :math:`W_{hc}`, and :math:`u_t = 1` replaces the state.

    References
    ----------
    .. [1] Cho et al. (2014): On the properties of neural machine translation:
           encoder-decoder approaches. arXiv:1409.1259.
    .. [2] Chung et al. (2014): Empirical evaluation of gated recurrent neural
           networks on sequence modeling. arXiv:1412.3555.

    Examples
    --------
    >>> from lasagne.layers import GRULayer, InputLayer
    >>> GRULayer(InputLayer((None, 10, 20)), num_units=30).output_shape
    (None, 10, 30)
    """

    def __init__(
        self,
        incoming: Any,
        num_units: int,
        resetgate: Gate = Gate(W_cell=None),
        updategate: Gate = Gate(W_cell=None),
        hidden_update: Gate = Gate(W_cell=None, nonlinearity=nonlinearities.tanh),
        hid_init: Any = init.Constant(0.0),
        backwards: bool = False,
        learn_init: bool = False,
        gradient_steps: int = -1,
        grad_clipping: float = 0,
        unroll_scan: bool = False,
        precompute_input: bool = True,
        mask_input: Any = None,
        only_return_final: bool = False,
        **kwargs: Any,
    ):
        incomings, indices = collect_incomings(incoming, mask_input, hid_init)
        self.mask_incoming_index, self.hid_init_incoming_index = indices
        super().__init__(incomings, **kwargs)

        self.learn_init = learn_init
        self.num_units = num_units
        self.grad_clipping = grad_clipping
        self.backwards = backwards
        self.gradient_steps = gradient_steps
        self.unroll_scan = unroll_scan
        self.precompute_input = precompute_input
        self.only_return_final = only_return_final

        input_shape = self.input_shapes[0]
        check_unrolling(unroll_scan, gradient_steps, input_shape)
        num_inputs = num_features(self, input_shape)

        (
            self.W_in_to_updategate,
            self.W_hid_to_updategate,
            self.b_updategate,
            self.nonlinearity_updategate,
        ) = add_gate_params(self, updategate, "updategate", num_inputs)
        (
            self.W_in_to_resetgate,
            self.W_hid_to_resetgate,
            self.b_resetgate,
            self.nonlinearity_resetgate,
        ) = add_gate_params(self, resetgate, "resetgate", num_inputs)
        (
            self.W_in_to_hidden_update,
            self.W_hid_to_hidden_update,
            self.b_hidden_update,
            self.nonlinearity_hid,
        ) = add_gate_params(self, hidden_update, "hidden_update", num_inputs)

        self.hid_init = add_initial_state(self, hid_init, (num_units,), "hid_init")

    def get_output_shape_for(self, input_shapes: Any) -> Shape:
        """Replace the features by the units."""
        return units_shape(self, input_shapes)

    def get_output_for(self, inputs: Any, **kwargs: Any) -> TensorVariable:
        """Loop over time, computing all gates of a step from two products."""
        mask = optional_input(inputs, self.mask_incoming_index)
        hid_init = optional_input(inputs, self.hid_init_incoming_index, self.hid_init)

        gates = ("resetgate", "updategate", "hidden_update")
        W_in, W_hid, b = stack_gate_params(self, gates)

        def step(
            input_n: TensorVariable,
            hid_previous: TensorVariable,
            W_hid: TensorVariable,
            W_in: TensorVariable,
            b: TensorVariable,
        ) -> list[TensorVariable]:
            bound, num_units = self.grad_clipping, self.num_units
            hid_input = clip_gradient(pt.dot(hid_previous, W_hid), bound)
            input_n = clip_gradient(input_n, bound)
            if not self.precompute_input:
                input_n = pt.dot(input_n, W_in) + b

            reset_in, update_in, candidate_in = split_gates(input_n, 3, num_units)
            reset_hid, update_hid, candidate_hid = split_gates(hid_input, 3, num_units)
            resetgate = self.nonlinearity_resetgate(reset_in + reset_hid)
            updategate = self.nonlinearity_updategate(update_in + update_hid)
            candidate = clip_gradient(candidate_in + resetgate * candidate_hid, bound)
            candidate = self.nonlinearity_hid(candidate)
            return [(1 - updategate) * hid_previous + updategate * candidate]

        [hidden_states] = iterate(
            self,
            step,
            projected_input(self, inputs[0], W_in, b),
            mask,
            [hid_init],
            [W_hid, W_in, b],
        )
        return finish(self, hidden_states)
