"""Handwritten digits for the examples: scikit-learn's, or the MNIST files."""

import gzip
import os
import struct

import numpy as np

#: The files as they were published, each with or without ".gz".
MNIST_FILES = {
    "training images": "train-images-idx3-ubyte",
    "training labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}


def load_digits_or_mnist(directory=None):
    """Load images and labels for training, validation and test.

    Parameters
    ----------
    directory : str, optional
        Where the four files of MNIST lie. Without it, the 1,797 digits that
        come with scikit-learn are loaded, in a fixed random order.

    Returns
    -------
    list of (images, labels)
        Three pairs. Images have the shape (number, 1, rows, columns) and
        values from 0 to 1 of dtype float32; labels are int32.

    Raises
    ------
    IOError
        If a file is missing or is not what its name says.
    ImportError
        If scikit-learn is needed and not installed.
    """
    if directory is None:
        images, labels = _load_sklearn_digits()
        return _split(images, labels, 1297, 200, 300)
    images, labels = _load_mnist_pair(directory, "training")
    test_set = _load_mnist_pair(directory, "test")
    num_valid = len(images) // 6
    num_train = len(images) - num_valid
    return [*_split(images, labels, num_train, num_valid), test_set]


def _split(images, labels, *sizes):
    ends = np.cumsum(sizes)
    return [
        (images[end - size : end], labels[end - size : end])
        for size, end in zip(sizes, ends)
    ]


def _load_sklearn_digits():
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "No digits to learn: scikit-learn, which brings a small set of them, is "
            "not installed. Install it with 'pip install scikit-learn', or name a "
            "directory with the MNIST files."
        ) from error
    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.target))
    images = (digits.images[order] / 16.0).astype("float32")
    return images[:, np.newaxis], digits.target[order].astype("int32")


def _load_mnist_pair(directory, which):
    images = _read_idx(directory, MNIST_FILES[which + " images"], ndim=3)
    labels = _read_idx(directory, MNIST_FILES[which + " labels"], ndim=1)
    if len(images) != len(labels):
        raise OSError(
            f"There are {len(images)} {which} images but {len(labels)} {which} labels "
            f"in {directory!r}. The files belong to different sets; fetch them again."
        )
    images = images[:, np.newaxis].astype("float32") / np.float32(255)
    return images, labels.astype("int32")


def _read_idx(directory, name, ndim):
    """Read an IDX file: two zeros, a type, a rank, the sizes, then the bytes."""
    path = _find(directory, name)
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as f:
            content = f.read()
    except (OSError, EOFError) as error:
        raise OSError(f"Cannot read {path!r}: {error}. Fetch it again.") from error

    header = 4 + 4 * ndim
    if content[:4] != bytes([0, 0, 8, ndim]) or len(content) < header:
        raise OSError(
            f"{path!r} starts with the bytes {content[:4].hex(' ') or '(none)'}, where "
            f"an IDX file of rank {ndim} has 00 00 08 0{ndim}. It is not the MNIST "
            f"file of this name; fetch it again."
        )
    shape = struct.unpack(f">{ndim}I", content[4:header])
    expected = header + int(np.prod(shape))
    if len(content) != expected:
        raise OSError(
            f"{path!r} holds {len(content)} bytes, but its header promises {expected}, "
            f"for an array of shape {shape}. It is damaged; fetch it again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _find(directory, name):
    if not os.path.isdir(directory):
        raise OSError(
            f"There is no directory {directory!r}. Name the one that holds the four "
            f"MNIST files, such as {name}, or leave it out to learn scikit-learn's "
            f"digits."
        )
    for candidate in (name, name + ".gz"):
        path = os.path.join(directory, candidate)
        if os.path.isfile(path):
            return path
    raise OSError(
        f"There is neither {name} nor {name}.gz in {directory!r}. Put the four MNIST "
        f"files there, or leave the directory out to learn scikit-learn's digits."
    )
