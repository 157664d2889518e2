"""What scikit-learn no longer has."""

import numpy as np
import pytest

from lasagne import bygone

sklearn = pytest.importorskip("sklearn")

LABELS = np.array([0, 0, 1, 1, 1, 0, 1, 0])


@pytest.mark.parametrize(
    ("name", "arguments", "count"),
    [
        ("KFold", (8,), 3),
        ("KFold", (8, 4, True, 1), 4),
        ("StratifiedKFold", (LABELS, 4), 4),
        ("LabelKFold", (LABELS // 1 + np.arange(8) // 4 * 2, 2), 2),
        ("LeaveOneOut", (8,), 8),
        ("LeavePOut", (8, 2), 28),
        ("LeaveOneLabelOut", (np.arange(8) // 3,), 3),
        ("LeavePLabelOut", (np.arange(8) // 3, 2), 3),
        ("ShuffleSplit", (8, 5, 0.25), 5),
        ("StratifiedShuffleSplit", (LABELS, 3, 0.25), 3),
        ("PredefinedSplit", ([0, 0, 1, 1, 2, -1, -1, 2],), 3),
    ],
)
def test_splits(name, arguments, count):
    splits = getattr(bygone.cross_validation, name)(*arguments)
    assert len(splits) == count
    assert repr(splits).startswith(f"{name}(n=8, ")
    pairs = list(splits)
    assert len(pairs) == count
    for train, test in pairs:
        assert not set(train) & set(test)
        assert set(train) | set(test) <= set(range(8))
    assert [len(test) for _, test in splits] == [len(test) for _, test in pairs]


def test_folds_are_consecutive_unless_shuffled():
    KFold = bygone.cross_validation.KFold
    tests = [test.tolist() for _, test in KFold(7, n_folds=3, random_state=3)]
    assert tests == [[0, 1, 2], [3, 4], [5, 6]]
    first, second = (
        [test.tolist() for _, test in KFold(7, 3, shuffle=True, random_state=3)]
        for _ in range(2)
    )
    assert first == second != tests


def test_stratified_folds_keep_the_proportions():
    for _, test in bygone.cross_validation.StratifiedKFold(LABELS, n_folds=4):
        assert LABELS[test].mean() == 0.5


def test_splits_are_taken_by_todays_functions():
    from sklearn.dummy import DummyClassifier

    scores = bygone.cross_validation.cross_val_score(
        DummyClassifier(strategy="constant", constant=1),
        np.zeros((8, 1)),
        LABELS,
        cv=bygone.cross_validation.KFold(8, n_folds=2),
    )
    assert scores.tolist() == [0.5, 0.5]
    with pytest.raises(AttributeError, match=r"cross_validation.Bootstrap has no succ"):
        bygone.cross_validation.Bootstrap  # noqa: B018


def test_imputer():
    x = np.array([[1.0, np.nan], [3.0, 4.0], [np.nan, 6.0]])
    filled = bygone.Imputer().fit_transform(x)
    assert filled.tolist() == [[1, 5], [3, 4], [2, 6]]
    filled = bygone.Imputer(missing_values=3.0, strategy="median")
    with pytest.raises(ValueError, match="columns only"):
        bygone.Imputer(axis=1)


def test_randomized_pca():
    x = np.random.default_rng(0).normal(size=(20, 5)) * [9, 5, 1, 1, 1]
    pca = bygone.RandomizedPCA(2, random_state=0, whiten=True).fit(x)
    assert pca.components_.shape == (2, 5)
    np.testing.assert_allclose(pca.transform(x).std(axis=0, ddof=1), 1)


def test_jaccard_similarity_score():
    assert bygone.jaccard_similarity_score([0, 2, 1, 3], [0, 1, 1, 3]) == 0.75
    sets = np.array([[0, 1], [1, 1]]), np.array([[1, 1], [1, 1]])
    assert bygone.jaccard_similarity_score(*sets) == 0.75
    assert bygone.jaccard_similarity_score(*sets, normalize=False) == 1.5


def test_mnist_comes_in_the_order_it_had(monkeypatch):
    from sklearn.utils import Bunch

    def fetch_openml(name, version, as_frame, data_home):
        assert (name, version, as_frame, data_home) == ("mnist_784", 1, False, "home")
        target = np.array(list("31203212"))
        return Bunch(data=np.arange(8.0)[:, None], target=target)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    monkeypatch.setattr("lasagne.bygone._learning._TRAINING", 5)
    mnist = bygone.fetch_mldata("MNIST original", data_home="home")
    assert mnist.target.tolist() == [0, 1, 2, 3, 3, 1, 2, 2]
    assert mnist.data[:, 0].tolist() == [3, 1, 2, 0, 4, 6, 5, 7]
    assert (mnist.data.dtype, mnist.target.dtype) == (np.uint8, np.float64)
