"""Reading programs for what will not work."""

import json
import textwrap

import pytest

from lasagne.porting import check
from lasagne.porting._checking import describe, find_programs, look_up


@pytest.fixture
def checked(tmp_path):
    def checked(text, name="script.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return check(path)

    return checked


def verdicts(result):
    return {use.name: use.works for use in result.uses}


def test_names_are_followed_to_their_imports(checked):
    result = checked(
        """\
        import theano
        import theano.tensor as T
        from theano.tensor.nnet import softmax as activation, no_such_thing
        import lasagne.layers as L
        from lasagne import *

        layers = lasagne.layers
        def build(T2=T):
            from lasagne.nonlinearities import rectify
            net = L.DenseLayer(x, 10, nonlinearity=rectify)
            return activation(T.dot(x, theano.config.floatX)), L.NoSuchLayer(net)

        def other(T):
            return T.not_theano, theano.tensor.nnet.relu.no_such_attribute
        """
    )
    assert verdicts(result) == {
        "lasagne": True,
        "lasagne.layers": True,
        "lasagne.layers.DenseLayer": True,
        "lasagne.layers.NoSuchLayer": False,
        "lasagne.nonlinearities.rectify": True,
        "theano": True,
        "theano.config.floatX": True,
        "theano.tensor": True,
        "theano.tensor.dot": True,
        "theano.tensor.nnet.no_such_thing": False,
        "theano.tensor.nnet.relu.no_such_attribute": False,
        "theano.tensor.nnet.softmax": True,
    }
    places = {use.name: use.places for use in result.uses}
    assert places["theano.tensor"] == ("2", "8")
    assert places["theano.tensor.nnet.softmax"] == ("3", "11")
    assert places["lasagne.layers"] == ("4",)
    assert not result.works


def test_short_names_given_by_assignment(checked):
    result = checked(
        "import lasagne\nL = lasagne.layers\nL.DenseLayer, L.NoSuchLayer\n"
    )
    assert verdicts(result)["lasagne.layers.DenseLayer"]
    assert not verdicts(result)["lasagne.layers.NoSuchLayer"]


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("theano.tensor.nnet.conv2d", ""),
        ("theano.tensor.signal.pool.pool_2d", ""),
        ("theano.tensor.sort.argsort", ""),
        ("theano.config.dnn.conv.algo_bwd", ""),
        ("lasagne.layers.dnn.Conv2DDNNLayer", ""),
        ("theano.link", "theano.link is not available. That is Aesara's;"),
        ("theano.tensor.matrixx", "has no name 'matrixx'. Did you mean 'matrix'?"),
        ("lasagne.layers.Layer.nothing", "lasagne.layers.Layer has no attribute"),
        ("lasagne.nowhere", "lasagne has no attribute 'nowhere'."),
    ],
)
def test_look_up(name, remark):
    assert remark in look_up(name)
    assert bool(look_up(name)) == bool(remark)


def test_what_is_only_tried_does_not_count(checked):
    result = checked(
        """\
        try:
            from theano.nowhere import something
        except ImportError:
            pass
        """
    )
    [use] = result.uses
    assert (use.works, use.optional, result.works) == (False, True, True)
    assert "The program tries it only." in describe(result)


def test_python_2_and_what_is_gone(checked):
    pytest.importorskip("fissix")
    result = checked(
        """\
        import numpy as np
        import sklearn, no_such_package, beside_it
        def f((a, b)):
            print a
            np.who()
        import theano
        print theano.function
        """
    )
    assert result.python2.startswith("line 3")
    assert result.not_installed == ["beside_it", "no_such_package"]
    assert verdicts(result) == {
        "numpy.who": False,
        "theano": True,
        "theano.function": True,
    }
    places = {use.name: use.places for use in result.uses}
    assert places == {"numpy.who": ("5",), "theano": ("6",), "theano.function": ("7",)}
    assert describe(result).splitlines()[1:] == [
        f"  Python 2 ({result.python2})",
        "  4 lines are translated when it runs",
        "  not installed: beside_it, no_such_package",
        "  ok  theano           6",
        "  ok  theano.function  7",
        "  no  numpy.who        5",
        "        It is gone. Use locals().",
    ]


def test_module_beside_the_program_is_there(checked, tmp_path):
    (tmp_path / "beside_it.py").write_text("")
    assert checked("import beside_it").not_installed == []


@pytest.mark.parametrize("sheets", [False, True], ids=["nbformat 4", "nbformat 3"])
def test_notebook(checked, sheets):
    key = "input" if sheets else "source"
    cells = [
        {"cell_type": "markdown", "source": ["import this"]},
        {"cell_type": "code", key: ["%matplotlib inline\n", "import theano"]},
        {"cell_type": "code", key: "%%bash\nprint 'not Python'"},
        {"cell_type": "code", key: "%%time\nif True:\n    !ls\ntheano.function?"},
        {"cell_type": "code", key: "import os\n\nf = theano.no_such_thing\n"},
    ]
    notebook = {"worksheets": [{"cells": cells}]} if sheets else {"cells": cells}
    result = checked(json.dumps(notebook), "notebook.ipynb")
    assert [(use.name, use.places) for use in result.uses] == [
        ("theano", ("[1]:2",)),
        ("theano.no_such_thing", ("[4]:3",)),
    ]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.py", "x = = 1", "line 1: invalid syntax"),
        ("a.ipynb", "not JSON", "Expecting value"),
    ],
)
def test_what_cannot_be_read(checked, name, content, error):
    result = checked(content, name)
    assert error in result.error
    assert not result.works
    assert "cannot be read" in describe(result)


def test_find_programs(tmp_path):
    for name in ("b.py", "a/c.py", "a/d.ipynb", "a/e.txt", ".git/f.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "g.py").write_text("")
    found = find_programs([str(tmp_path), str(tmp_path / "a/e.txt"), "missing.py"])
    assert [path.name for path in found] == [
        "b.py", "c.py", "d.ipynb", "e.txt", "missing.py",
    ]  # fmt: skip
