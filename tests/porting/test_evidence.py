"""What shows that a program was written for Python 2, and what does not."""

import ast
import textwrap

import pytest

from lasagne.porting._evidence import find_evidence
from lasagne.porting._references import find_references


@pytest.fixture
def evidence(tmp_path):
    def evidence(text, package=False):
        tree = ast.parse(textwrap.dedent(text))
        return find_evidence(tree, find_references(tree), str(tmp_path), package)

    return evidence


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("a = 1\nfor i in xrange(3): pass", "line 2: xrange"),
        ("import cPickle", "line 1: import of cPickle"),
        ("import cPickle as pickle", "line 1: import of cPickle"),
        ("from itertools import izip", "line 1: import of itertools.izip"),
        ("import itertools\nitertools.izip", "line 2: itertools.izip"),
        ("import urllib\nurllib.urlretrieve(u, p)", "line 2: urllib.urlretrieve"),
        ("x = unicode(y)", "line 1: unicode"),
        ("d.has_key(k)", "line 1: .has_key()"),
        ("for k, v in d.iteritems(): pass", "line 1: .iteritems()"),
        ("print >>f, x", "line 1: print statement"),
        ("print ('%d') % x", "line 1: print statement"),
        ("print -x / 2, y", "line 1: print statement"),
        ("print (x).shape", "line 1: print statement"),
        ("f(x)\nprint", "line 2: print statement"),
        ("for i in range(n / size): pass", "line 1: range of a quotient"),
        ("x[:n / 2]", "line 1: slice up to a quotient"),
        ("x[0, n / 2:]", "line 1: slice up to a quotient"),
        ("map(f, x)[0]", "line 1: item of what is an iterator"),
        ("len(filter(f, x))", "line 1: length of what is an iterator"),
        ("try:\n    import cPickle\nexcept ImportError:\n    exit()", "line 2: import"),
    ],
)
def test_evidence(evidence, program, found):
    assert evidence(program).startswith(found)


@pytest.mark.parametrize(
    "program",
    [
        "print('a', x / 2)",
        "print('%d' % x)",
        "print(x), y",
        "show(print)",
        "()",
        "try:\n    import cPickle as p\nexcept ImportError:\n    import pickle as p",
        "try:\n    xrange\nexcept NameError:\n    xrange = range",
        "import sys\nif sys.version_info[0] == 2:\n    from urllib import urlopen",
        "import sys\nr = xrange if sys.version_info < (3,) else range",
        "from six.moves import range, cPickle",
        "from past.builtins import xrange\nxrange(3)",
        "from past.builtins import *\nxrange(3)",
        "import urllib.request\nurllib.request.urlopen(u)",
        "def reduce(f, x): pass\nreduce(f, x)",
        "class A:\n    def iteritems(self): pass\nA().iteritems()",
        "import six\nsix.iteritems(d)",
        "import pandas\ntable.iteritems()",
        "np.mgrid[0:1:1 / n]",
        "np.r_[:1 / n]",
        "range(n // 2)",
        "from __future__ import division\nx[:f(n / 2)]",
        "def f(file): return file",
        "list(map(f, x))[0]",
        "for long in x: print(long)",
    ],
)
def test_no_evidence(evidence, program):
    assert evidence(program) == ""


def test_module_of_the_programs_own_is_no_evidence(evidence, tmp_path):
    (tmp_path / "commands.py").write_text("")
    assert evidence("import commands") == ""
    assert evidence("import popen2").startswith("line 1")


def test_import_of_a_neighbour_within_a_package(evidence, tmp_path):
    (tmp_path / "neighbour_of_it.py").write_text("")
    assert evidence("import neighbour_of_it") == ""
    found = "line 1: import of neighbour_of_it beside it"
    assert evidence("import neighbour_of_it", package=True) == found
    assert evidence("from neighbour_of_it import a", package=True) == found
    assert evidence("from . import neighbour_of_it", package=True) == ""
