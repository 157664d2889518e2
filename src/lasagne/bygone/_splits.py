"""The splits of ``sklearn.cross_validation``.

They were made of the number of samples, or of the labels, and were iterated
themselves; those of ``sklearn.model_selection`` are made without, and have a
method ``split``.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import model_selection

Indices = tuple[np.ndarray, np.ndarray]


class Split:
    """Iterates over pairs of indices, for training and for testing."""

    def __init__(self, n: int, splitter: Any, *labels: Any) -> None:
        self.n = n
        self._splitter = splitter
        #: What stands for classes and groups when splitting.
        self._labels = labels

    def __iter__(self) -> Iterator[Indices]:
        return self._splitter.split(np.zeros((self.n, 1)), *self._labels)

    def __len__(self) -> int:
        return self._splitter.get_n_splits(np.zeros((self.n, 1)), *self._labels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self.n}, {self._splitter})"


def _seed(shuffle: bool, random_state: Any) -> dict[str, Any]:
    # A seed that has nothing to do is an error today.
    return {"shuffle": shuffle, "random_state": random_state if shuffle else None}


class KFold(Split):
    """Splits ``n`` samples into folds, each of which is tested on once."""

    def __init__(
        self, n: int, n_folds: int = 3, shuffle: bool = False, random_state: Any = None
    ) -> None:
        self.n_folds = n_folds
        seed = _seed(shuffle, random_state)
        super().__init__(n, model_selection.KFold(n_folds, **seed))


class StratifiedKFold(Split):
    """Splits into folds that have all classes in the same proportions."""

    def __init__(
        self, y: Any, n_folds: int = 3, shuffle: bool = False, random_state: Any = None
    ) -> None:
        self.n_folds = n_folds
        seed = _seed(shuffle, random_state)
        super().__init__(len(y), model_selection.StratifiedKFold(n_folds, **seed), y)


class LabelKFold(Split):
    """Splits into folds of which no two share a label."""

    def __init__(self, labels: Any, n_folds: int = 3) -> None:
        self.n_folds = n_folds
        super().__init__(len(labels), model_selection.GroupKFold(n_folds), None, labels)


class LeaveOneOut(Split):
    """Tests on each sample alone."""

    def __init__(self, n: int) -> None:
        super().__init__(n, model_selection.LeaveOneOut())


class LeavePOut(Split):
    """Tests on each set of ``p`` samples."""

    def __init__(self, n: int, p: int) -> None:
        super().__init__(n, model_selection.LeavePOut(p))


class LeaveOneLabelOut(Split):
    """Tests on the samples of each label."""

    def __init__(self, labels: Any) -> None:
        super().__init__(len(labels), model_selection.LeaveOneGroupOut(), None, labels)


class LeavePLabelOut(Split):
    """Tests on the samples of each set of ``p`` labels."""

    def __init__(self, labels: Any, p: int) -> None:
        super().__init__(len(labels), model_selection.LeavePGroupsOut(p), None, labels)


class ShuffleSplit(Split):
    """Draws samples for training and for testing, ``n_iter`` times."""

    def __init__(
        self,
        n: int,
        n_iter: int = 10,
        test_size: float = 0.1,
        train_size: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_iter = n_iter
        splitter = model_selection.ShuffleSplit(
            n_iter,
            test_size=test_size,
            train_size=train_size,
            random_state=random_state,
        )
        super().__init__(n, splitter)


class StratifiedShuffleSplit(Split):
    """Draws samples with all classes in the same proportions, ``n_iter`` times."""

    def __init__(
        self,
        y: Any,
        n_iter: int = 10,
        test_size: float = 0.1,
        train_size: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_iter = n_iter
        splitter = model_selection.StratifiedShuffleSplit(
            n_iter,
            test_size=test_size,
            train_size=train_size,
            random_state=random_state,
        )
        super().__init__(len(y), splitter, y)


class PredefinedSplit(Split):
    """Tests on the samples of each number in ``test_fold``; -1 is for none."""

    def __init__(self, test_fold: Any) -> None:
        super().__init__(len(test_fold), model_selection.PredefinedSplit(test_fold))
