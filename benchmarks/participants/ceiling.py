"""What the machine can do: matrix products, and copies.

It takes part in every case, so that fractions of it are of the same minute.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .base import Participant, Passes, Unsupported

#: Rows and columns of the matrices.
PRODUCT_SIZE = 3072


def product_flops() -> int:
    return 2 * PRODUCT_SIZE**3


class Ceiling(Participant):
    packages = ("numpy",)

    def use_threads(self, count: int) -> None:
        self.threads = count
        self.pool_of_threads = ThreadPoolExecutor(count)
        self.matrix = np.ones((PRODUCT_SIZE, PRODUCT_SIZE), "float32")

    def build(self, case: Any, arrays: Any) -> Passes:
        """Return a large product, or a copy that moves as much as the case must."""
        return {label: self.ceiling(case, label) for label in case.passes}

    def ceiling(self, case: Any, label: str) -> Any:
        if case.flops(label):
            out = np.empty_like(self.matrix)
            return lambda: np.matmul(self.matrix, self.matrix, out=out)
        if case.traffic(label):
            return self.copy(case.traffic(label))
        raise Unsupported("bounds nothing here")

    def copy(self, traffic: int) -> Any:
        """Copy half as many bytes, which are read and written, by all threads."""
        source = np.ones(max(1, traffic // 8), "float32")
        target = np.zeros_like(source)
        parts = list(
            zip(
                np.array_split(target, self.threads),
                np.array_split(source, self.threads),
            )
        )
        if self.threads == 1 or traffic < 1 << 20:
            return lambda: np.copyto(target, source)
        return lambda: list(self.pool_of_threads.map(lambda p: np.copyto(*p), parts))
