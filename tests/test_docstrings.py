"""Every public name explains itself: numpydoc sections and an example."""

import importlib
import inspect
import pkgutil

import pytest
from pytensor.graph.op import Op

import lasagne

validate = pytest.importorskip("numpydoc.validate")

#: What numpydoc's validator must not find; see also `undescribed_parameters`.
CODES = {
    "GL06",  # unknown section
    "GL07",  # sections out of order
    "GL08",  # no docstring
    "SS01",  # no summary
    "SS03",  # summary without a full stop
    "SS06",  # summary of several lines
    "PR02",  # describes a parameter that is not there
    "PR10",  # no space before the colon
    "RT01",  # no Returns section
    "YD01",  # no Yields section
    "EX01",  # no example
}

#: Names that may break some rules as yet. This list only ever gets shorter.
EXCEPTIONS: dict[str, set[str]] = {}

#: Packages described in other ways: contracts of kernels, rules of back ends,
#: an interface that is not ours.
OTHER = {
    "lasagne.kernels",
    "lasagne.ops.jax",
    "lasagne.ops.mlx",
    "lasagne.ops.numba",
    "lasagne.ops.pytorch",
    "lasagne.theano",
}


def public_modules(package=lasagne):
    yield package
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if found.name in OTHER or found.name.rpartition(".")[2].startswith("_"):
            continue
        module = importlib.import_module(found.name)
        if found.ispkg:
            yield from public_modules(module)
        else:
            yield module


def is_ours(value):
    if inspect.isclass(value):
        documented = not issubclass(value, Op)
    else:
        documented = inspect.isfunction(value)
    return documented and value.__module__.startswith("lasagne")


def public_names(module):
    """List what ``__all__`` announces, and classes that joined a family later."""
    everything = {name for name in vars(module) if not name.startswith("_")}
    later = {
        name
        for name in everything
        if inspect.isclass(value := getattr(module, name))
        and value.__module__ == module.__name__
    }
    return sorted(later | set(getattr(module, "__all__", everything)))


def public_objects():
    """Map one full name of each public function and class to the object."""
    names = {}
    for module in public_modules():
        for name in public_names(module):
            value = getattr(module, name)
            if is_ours(value):
                names.setdefault(value, f"{module.__name__}.{name}")
    return {name: value for value, name in names.items()}


OBJECTS = public_objects()


def undescribed_parameters(value):
    """List parameters that neither the object nor a class above it describes.

    Rank-specific classes say only what differs from the general one.
    """
    if inspect.isclass(value):
        if not getattr(value.__init__, "__module__", "").startswith("lasagne"):
            return []  # constructed like a class of Python's or PyTensor's
        chain = inspect.getmro(value)
    else:
        chain = (value,)
    docs = [
        validate.Validator(validate.get_doc_object(each))
        for each in chain
        if is_ours(each)
    ]
    described = {name for doc in docs for name in doc.doc_all_parameters}
    return [name for name in docs[0].signature_parameters if name not in described]


def complaints(name):
    errors = {
        code: text for code, text in validate.validate(name)["errors"] if code in CODES
    }
    missing = undescribed_parameters(OBJECTS[name])
    if missing:
        errors["parameters"] = f"No description of {', '.join(missing)}"
    return errors


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_docstring(name):
    allowed = EXCEPTIONS.get(name, set())
    report = [
        f"{code}: {text}"
        for code, text in complaints(name).items()
        if code not in allowed
    ]
    assert not report, f"the docstring of {name}"


def test_exceptions_are_needed():
    stale = {
        (name, code)
        for name, codes in EXCEPTIONS.items()
        for code in codes
        if name not in OBJECTS or code not in complaints(name)
    }
    assert not stale, "strike these from EXCEPTIONS"


def test_the_original_names_are_among_them():
    assert {
        "lasagne.layers.Conv2DLayer",
        "lasagne.layers.get_output",
        "lasagne.layers.cuda_convnet.Conv2DCCLayer",
        "lasagne.objectives.squared_error",
        "lasagne.updates.adam",
        "lasagne.utils.as_tuple",
    } <= OBJECTS.keys()
