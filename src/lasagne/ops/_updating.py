"""Shared variables that compiled functions bring up to date by themselves."""

from typing import Any

from pytensor.graph.basic import Variable
from pytensor.tensor.sharedvar import TensorSharedVariable

from ._static_shape import with_static_shape

__all__ = ["UpdatingVariable"]


class UpdatingVariable(TensorSharedVariable):
    """A shared variable with an expression for its next value.

    Every function that depends on it assigns :attr:`default_update` to it
    after each call, unless it is given an update of its own: so does a random
    stream move on, or a running average follow the batches. PyTensor has this
    mechanism, and deprecates assigning the attribute in favour of explicit
    updates; networks that hide such variables in their layers cannot do
    without, so this class declares the attribute as its purpose.

    Constructed like any shared variable, or by :meth:`sharing`.

    Examples
    --------
    >>> import numpy as np, pytensor
    >>> from lasagne.ops import UpdatingVariable
    >>> count = UpdatingVariable.sharing(pytensor.shared(np.asarray(0)))
    >>> count.default_update = count + 1
    >>> function = pytensor.function([], count, mode="FAST_COMPILE")
    >>> [int(function()) for _ in range(3)]
    [0, 1, 2]
    """

    @property
    def default_update(self) -> Variable | None:
        """The next value, or ``None`` to keep the present one."""
        return self._default_update

    @default_update.setter
    def default_update(self, value: Any) -> None:
        if value is not None:
            value = self.type.filter_variable(value, allow_convert=True)
            value = with_static_shape(value, self.type.shape)
        self._default_update = value

    @classmethod
    def sharing(cls, variable: TensorSharedVariable) -> "UpdatingVariable":
        """Create a variable of the same name that has its value in common.

        Parameters
        ----------
        variable : TensorSharedVariable
            The variable; it is not updated itself, but shows each new value.

        Returns
        -------
        UpdatingVariable
        """
        return cls(
            type=variable.type,
            value=None,
            strict=None,  # type: ignore[arg-type]  # as the container says
            container=variable.container,
            name=variable.name,
        )
