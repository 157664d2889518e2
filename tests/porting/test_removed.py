"""Names that libraries no longer have, and what is put in their place."""

import builtins
import importlib
import re
import sys
import warnings

import numpy as np
import pytest

from lasagne.porting import _removed, translate

#: Programs, each with what becomes of it below the arrow; without an arrow,
#: nothing does.
EXAMPLES = """\
import numpy as np
np.float(1)
  ->
import numpy as np
float(1)

import numpy
numpy.prod, numpy.product
  ->
import numpy
numpy.prod, numpy.prod

from numpy import product as p
  ->
from numpy import prod as p

from numpy import float, zeros
  ->
from numpy import zeros

from numpy import int as i
  ->
i = int

from numpy import *
float(1)
  ->
from numpy import *
float(1)

import numpy as np
def f(np): np.float

import numpy as np
x = [np.float for np in y]

import numpy as np
np.float = float

import numpy as np
def f():
    global np
    np = other
    np.float

import numpy as np
class A:
    np = None
    x = np.float
    def f(self):
        return np.float
  ->
import numpy as np
class A:
    np = None
    x = np.float
    def f(self):
        return float

import numpy as np
np.array(x, copy=False)
  ->
import numpy as np
np.array(x, copy=None)

import numpy as np
np.array(x, copy=True)

import numpy as np
np.histogram(x, normed=1)
  ->
import numpy as np
np.histogram(x, density=1)

import scipy.misc as m
m.imread(f)
  ->
from lasagne.bygone import scipy_misc as m
m.imread(f)

from scipy import misc
misc.imread(f)
  ->
from lasagne.bygone import scipy_misc as misc
misc.imread(f)

from scipy.misc import imread
  ->
from lasagne.bygone.scipy_misc import imread

import scipy.misc
scipy.misc.imsave(f, x)
  ->
from lasagne import bygone
import scipy
bygone.scipy_misc.imsave(f, x)

from scipy.ndimage import imread, zoom
  ->
from lasagne.bygone import imread
from scipy.ndimage import zoom

from scipy.ndimage.filters import gaussian_filter
  ->
from scipy.ndimage import gaussian_filter

import scipy.ndimage.filters
scipy.ndimage.filters.sobel(x)
  ->
import scipy.ndimage
scipy.ndimage.sobel(x)

from sklearn.externals import joblib
  ->
import joblib

import os, sklearn.grid_search as g
  ->
import os
from sklearn import model_selection as g

from sklearn.cross_validation import KFold, train_test_split
  ->
from lasagne.bygone.cross_validation import KFold
from sklearn.model_selection import train_test_split

from sklearn.preprocessing import Imputer
  ->
from lasagne.bygone import Imputer

import time
time.clock()
  ->
import time
time.perf_counter()

import time as t
t.clock()
  ->
import time as t
t.perf_counter()

from fractions import gcd
  ->
from math import gcd

import fractions
fractions.gcd(4, 6)
  ->
import math
import fractions
math.gcd(4, 6)

import fractions
math = fractions.gcd(4, 6)
  ->
import math as _math
import fractions
math = _math.gcd(4, 6)

from collections import OrderedDict, Mapping
  ->
from collections import OrderedDict
from collections.abc import Mapping

import imp; x = 1
  ->
from lasagne.bygone import imp; x = 1

if a: from numpy import product, int as i
  ->
if a: from numpy import prod as product; i = int

if a:
    from numpy import product, int as i
  ->
if a:
    from numpy import prod as product
    i = int

import Image
  ->
from PIL import Image

import pickle
pickle.load(f)
  ->
from lasagne import bygone
import pickle
bygone.load_pickle(f)

import pickle
pickle.load(f, encoding='bytes')

import inspect
bygone = inspect.getargspec(f)
  ->
from lasagne import bygone as _bygone
import inspect
bygone = _bygone.getargspec(f)

x.tostring()
  ->
x.tobytes()

import xml.etree.ElementTree as ET
ET.tostring(x)

x.tostring(encoding)

self.assertEquals(a, b)
  ->
self.assertEqual(a, b)

from numpy.testing import assert_
assert_(a)

try:
    from sklearn.model_selection import KFold
except ImportError:
    from sklearn.cross_validation import KFold

try:
    import cPickle as pickle
except ImportError:
    import pickle
pickle.load(f)
  ->
from lasagne import bygone
try:
    import cPickle as pickle
except ImportError:
    import pickle
bygone.load_pickle(f)
"""


@pytest.mark.parametrize("example", EXAMPLES.split("\n\n"))
def test_translation(translated, example):
    old, arrow, new = example.strip().partition("\n  ->\n")
    assert translated(old, python2=False) == (new if arrow else old)


def test_header_comes_after_docstring_and_future(translated):
    program = '''\
    # comment
    """What it does."""
    from __future__ import division
    # about the import
    import inspect
    inspect.getargspec(f)
    '''
    assert translated(program).splitlines()[2:5] == [
        "from __future__ import division",
        "# about the import",
        "from lasagne import bygone",
    ]


def test_module_of_the_programs_own_is_not_replaced(translated, tmp_path):
    (tmp_path / "imp.py").write_text("")
    assert translated("import imp\nimp.load_source") == "import imp\nimp.load_source"


def test_nothing_outside_of_the_program_changes(run):
    before = set(dir(np))
    assert run("import numpy as np\nprint(np.float('3'))") == "3.0\n"
    assert not hasattr(np, "float")
    assert set(dir(np)) == before


def test_what_is_gone_for_good_is_reported():
    program = (
        b"import numpy as np\n\nnp.who()\nfrom sklearn.datasets import load_boston"
    )
    translation = translate(program, "script.py")
    assert translation.text == program.decode()
    assert [(each.line, str(each)) for each in translation.gone] == [
        (4, "sklearn.datasets.load_boston: is gone. The data set was withdrawn."),
        (3, "numpy.who: is gone. Use locals()."),
    ]
    assert "numpy.who: is gone" in translation.report()


def look_up(name):
    """Find an object by its full name; None if a package is not installed."""
    if "." not in name:
        return getattr(builtins, name, None) or importlib.import_module(name)
    parts = name.split(".")
    if hasattr(builtins, parts[0]):
        return getattr(getattr(builtins, parts[0]), parts[1])
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part)
        return thing
    return None


OPTIONAL = re.compile(r"^(PIL|six|joblib|sklearn)\b")
REPLACED = {**_removed.MODULES, **_removed.NAMES, **_removed.NAMES_OF_PYTHON2}


@pytest.mark.parametrize("library", ["lasagne", "numpy", "scipy", "sklearn", ""])
def test_what_is_put_in_place_exists(library):
    if library:
        pytest.importorskip(library)
    others = ("lasagne", "numpy", "scipy", "sklearn")
    for old, new in REPLACED.items():
        root = new.partition(".")[0]
        if root == library or (not library and root not in others):
            if OPTIONAL.match(new):
                pytest.importorskip(root) if root == library else None
            assert OPTIONAL.match(new) or look_up(new) is not None, (old, new)


def test_what_is_replaced_is_gone_from_numpy():
    """Or deprecated, or has another meaning: none would be better left alone."""
    kept = {"fromstring", "random.random_integers"}
    for name in _removed.NAMES:
        package, _, rest = name.partition(".")
        if package == "numpy" and rest not in kept:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    look_up(name)
                except (AttributeError, Warning):
                    continue
            assert name in ("numpy.row_stack",), name


@pytest.mark.skipif(sys.version_info < (3, 13), reason="some were there until then")
def test_what_is_replaced_is_gone_from_python():
    libraries = ("numpy", "scipy", "sklearn", "PIL", "pickle", "cPickle", "string")
    for name in _removed.NAMES:
        package, _, rest = name.partition(".")
        if package not in libraries and package not in ("distutils", "cgi"):
            assert not hasattr(importlib.import_module(package), rest), name
