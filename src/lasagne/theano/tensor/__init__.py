"""``theano.tensor``: symbolic arrays, by the names and parameters of Theano.

Most names mean the same in PyTensor and are listed in `SAME`; the modules
beside this one hold what differs.
"""

# What it imports is what it exports.
# ruff: noqa: F401, F403

import pytensor.gradient as _gradient
import pytensor.tensor as _pt
from pytensor.raise_op import Assert
from pytensor.tensor.basic import (
    Alloc,
    AllocEmpty,
    ARange,
    Eye,
    Join,
    ScalarFromTensor,
    Split,
    TensorFromScalar,
)
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.math import Argmax, Dot, Sum
from pytensor.tensor.shape import Reshape, Shape
from pytensor.tensor.subtensor import (
    AdvancedIncSubtensor,
    AdvancedSubtensor,
    IncSubtensor,
    Subtensor,
)
from pytensor.tensor.type_other import NoneConst

from .._names import explain as _explain
from .._names import reexport as _reexport
from ..gof.graph import Apply, Variable
from ..gof.op import Op
from ..gof.type import Type
from ..gradient import Lop, Rop
from . import (
    _constructors,
    basic,
    blas,
    elemwise,
    extra_ops,
    fft,
    nlinalg,
    nnet,
    opt,
    opt_uncanonicalize,
    raw_random,
    shared_randomstreams,
    sharedvar,
    signal,
    slinalg,
    subtensor,
    type,
    utils,
)
from . import sort as _sort_module  # functions take the names of these two
from . import var as _var_module
from ._broadcasting import Rebroadcast, addbroadcast, patternbroadcast, unbroadcast
from ._constructors import TensorType, tensor
from ._functions import *
from .basic import *
from .sharedvar import ScalarSharedVariable, TensorSharedVariable
from .var import TensorConstant, TensorVariable

#: Names of ``pytensor.tensor`` that mean what they did; ``theano=pytensor``
#: where only the name changed.
SAME = """
    abs abs_=abs add all allclose alloc and_ angle any arange arccos arccosh arcsin
    arcsinh arctan arctan2 arctanh argmax argmin argsort as_tensor
    as_tensor_variable bartlett bincount bitwise_and bitwise_not=invert bitwise_or
    bitwise_xor cast ceil ceil_intdiv chi2sf clip complex complex_from_polar
    compress concatenate conj constant copy=tensor_copy cos cosh cumprod cumsum
    deg2rad diag diagonal diff divmod dot empty eq erf erfc erfcinv erfcx erfinv exp
    exp2 expm1 eye fill fill_diagonal fill_diagonal_offset flatnonzero floor
    floor_div=int_div gamma gammaln ge get_vector_length gt horizontal_stack i0 i1
    identity_like imag inc_subtensor int_div inv=reciprocal inverse_permutation
    invert iround isclose isinf isnan j0 j1 join largest le linspace log10 log1p
    log2 lt max max_and_argmax maximum mgrid min minimum minus=sub mod mul neg neq
    nonzero nonzero_values ogrid ones ones_like or_ outer permute_row_elements pow
    power prod psi ptp rad2deg ravel_multi_index real roll round searchsorted second
    set_subtensor sgn=sign shape shape_padaxis shape_padleft shape_padright sign sin
    sinh smallest sort specify_shape sqr sqrt square squeeze stacklists std sub sum
    swapaxes switch take tan tanh tensor_copy tensordot trace transpose tri
    tri_gamma tril triu true_div trunc var vertical_stack where xor zeros zeros_like
"""

_GRADIENTS = """
    consider_constant=zero_grad disconnected_grad grad grad_not_implemented
    grad_undefined hessian jacobian numeric_grad verify_grad zero_grad
"""

globals().update(_constructors.CONSTRUCTORS)
globals().update(_reexport(_pt, SAME.split()))
globals().update(_reexport(_gradient, _GRADIENTS.split()))

__getattr__ = _explain(
    __name__,
    {
        "inplace": "Inplace Ops are chosen by rewrites; use the ordinary function.",
        "load": "Use numpy.load, and pass the array or make a shared variable.",
        "SpecifyShape": "Use T.specify_shape.",
        "make_constructor": "Use T.TensorType(dtype, broadcastable).",
        "sparse_grad": "It moved to pytensor.sparse.",
    },
)

__all__ = [
    name
    for name in globals()
    if not name.startswith("_") and name not in ("SAME", "type")
]
