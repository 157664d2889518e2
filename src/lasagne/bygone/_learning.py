"""Functions and classes of scikit-learn that it no longer has."""

from typing import Any

import numpy as np

#: Under which name and version OpenML has a data set of mldata.org.
_ON_OPENML = {
    "MNIST original": ("mnist_784", 1),
    "iris": ("iris", 1),
    "leukemia": ("leukemia", 1),
    "Whistler Daily Snowfall": ("Whistler-Daily-Snowfall", 1),
}
#: How many images of MNIST are for training.
_TRAINING = 60_000


def fetch_mldata(
    dataname: str,
    target_name: Any = "label",
    data_name: Any = "data",
    transpose_data: bool = True,
    data_home: str | None = None,
) -> Any:
    """Fetch a data set of mldata.org, which is gone, from OpenML.

    Parameters
    ----------
    dataname : str
        Its name there. ``"MNIST original"`` comes in the order it had: by digit,
        in the first 60 000 and in the others.
    target_name, data_name, transpose_data
        Not used.
    data_home : str, optional
        The folder to keep it in.

    Returns
    -------
    sklearn.utils.Bunch
        With ``data`` and ``target``.
    """
    from sklearn.datasets import fetch_openml

    name, version = _ON_OPENML.get(dataname, (dataname, 1))
    found = fetch_openml(name, version=version, as_frame=False, data_home=data_home)
    if name == "mnist_784":
        target = found.target.astype(np.float64)
        parts = np.split(np.arange(len(target)), [_TRAINING])
        order = np.concatenate(
            [part[np.argsort(target[part], kind="stable")] for part in parts]
        )
        found.data, found.target = found.data[order].astype(np.uint8), target[order]
    return found


def RandomizedPCA(
    n_components: int | None = None,
    copy: bool = True,
    iterated_power: int = 2,
    whiten: bool = False,
    random_state: Any = None,
) -> Any:
    """Make a PCA that is computed by a randomized algorithm."""
    from sklearn.decomposition import PCA

    return PCA(
        n_components,
        copy=copy,
        whiten=whiten,
        svd_solver="randomized",
        iterated_power=iterated_power,
        random_state=random_state,
    )


def Imputer(
    missing_values: Any = "NaN",
    strategy: str = "mean",
    axis: int = 0,
    verbose: int = 0,
    copy: bool = True,
) -> Any:
    """Make a transformer that completes the columns of a matrix."""
    from sklearn.impute import SimpleImputer

    if axis != 0:
        raise ValueError(
            "Imputer completes columns only, axis=0. Transpose the matrix to "
            "complete rows."
        )
    missing = np.nan if missing_values == "NaN" else missing_values
    return SimpleImputer(missing_values=missing, strategy=strategy, copy=copy)


def jaccard_similarity_score(
    y_true: Any, y_pred: Any, normalize: bool = True, sample_weight: Any = None
) -> float:
    """Compare sets of labels; where each sample has one label, tell the accuracy."""
    from sklearn import metrics

    if np.ndim(y_true) == 1:
        return metrics.accuracy_score(
            y_true, y_pred, normalize=normalize, sample_weight=sample_weight
        )
    score = metrics.jaccard_score(
        y_true, y_pred, average="samples", sample_weight=sample_weight
    )
    return score if normalize else score * len(y_true)
