"""Programs of Python 2, and what they printed."""

import importlib
import random
import sys

import pytest

from lasagne.porting import translate
from lasagne.porting._syntax import TranslatorMissing

pytest.importorskip("fissix")

#: What those programs opened, the garbage collector closed.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_training_script(run, tmp_path):
    """What a script of those years is made of, all at once."""
    (tmp_path / "names.txt").write_bytes(b"b 2\na 1\n")
    output = run(
        """\
        #!/usr/bin/env python
        import sys
        import cPickle as pickle
        from itertools import izip
        from StringIO import StringIO

        def load((path, sep), limit=10L):
            counts = {}
            for line in open(path, 'rU'):
                name, count = line.split(sep)
                if counts.has_key(name):
                    raise ValueError, "twice: %s" % name
                counts[name] = int(count)
            return counts

        def iterate(xs, size):
            for start in xrange(0, len(xs) - size + 1, size):
                yield xs[start:start + size]

        if __name__ == '__main__':
            counts = load(('names.txt', ' '))
            names = counts.keys()
            names.sort(cmp=lambda a, b: cmp(counts[a], counts[b]))
            print "names:", names,
            print
            for name, count in sorted(counts.iteritems()):
                print >>sys.stdout, name, `count`
            pairs = zip(names, map(lambda n: counts[n] / 2., names))
            print pairs[0], len(filter(None, [0, 1, 2]))
            batches = iterate(range(7), 7 / 2)
            print batches.next(), batches.next()
            pickle.dump(counts, open('counts.pkl', 'w'))
            print pickle.load(open('counts.pkl')) == counts
            try:
                load(('nowhere', ' '))
            except (IOError, OSError), error:
                print isinstance(error, IOError), 0777, 1 <> 2
            exec "total = 5 / 2"
            print total, unicode(3), isinstance('x', basestring)
            print reduce(lambda a, b: a + b, [1, 2, 3]), StringIO('ab').read()
        """
    )
    assert output == (
        "names: ['a', 'b'] \n"
        "a 1\n"
        "b 2\n"
        "('a', 0.5) 2\n"
        "[0, 1, 2] [3, 4, 5]\n"
        "True\n"
        "True 511 True\n"
        "2.5 3 True\n"  # what exec is given is not translated
        "6 ab\n"
    )


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("7 / 2", "3"),
        ("-7 / 2", "-4"),
        ("7 / 2.", "3.5"),
        ("len('abc') / 2 * 2", "2"),
        ("(1 + 2) / (1 + 1)", "1"),
        ("1 / 2 / 2.", "0.0"),
        ("[x / 2 for x in (3, 4.)]", "[1, 2.0]"),
        ("np.arange(4) / 2", "[0 0 1 1]"),
        ("np.arange(2.) / 2", "[0.  0.5]"),
        ("np.int64(7) / np.int32(2)", "3"),
        ("np.zeros((5, 2)).shape[0] / 2", "2"),
        ("np.array([True]) / 1", "[1]"),
        ("float(1) / 2", "0.5"),
        ("np.mean([1, 2]) / 2", "0.75"),
        ("round(2.5), round(-0.5), round(0.125, 2)", "3.0 -1.0 0.13"),
        ("cmp(1, 2), cmp('b', 'a')", "-1 1"),
        ("'Ab'.encode('hex'), '4162'.decode('hex') == b'Ab'", "4162 True"),
        ("'name'.decode('utf-8')", "name"),
        ("unicode('name', 'utf-8'), unicode(3)", "name 3"),
        ("string.join(['a', 'b']), string.upper('c')", "a b C"),
        ("string.letters[:3], string.atoi('7')", "abc 7"),
        ("sys.maxint > 2 ** 31", "True"),
        ("sorted([3, 1, 2], lambda a, b: b - a)", "[3, 2, 1]"),
        ("sorted([3, 1, 2], cmp=lambda a, b: b - a, reverse=True)", "[1, 2, 3]"),
        ("sorted([3, 1, 2], None, lambda a: -a)", "[3, 2, 1]"),
        ("np.sort([3, 1, 2]), np.sort([[2, 1]], 0)", "[1 2 3] [[2 1]]"),
        ("isinstance(sys.stdout, file)", "True"),
    ],
)
def test_expression_means_what_it_meant(run, expression, printed):
    preface = "import string, sys\nimport numpy as np\n"
    assert run(f"{preface}print {expression}") == f"{printed}\n"


def test_method_sort_of_lists_arrays_and_others(run):
    output = run(
        """\
        import numpy as np

        class Cards(object):
            def sort(self, order, **options):
                return order, options

        options = {'reverse': True}
        numbers, words, rows = [1, 3, 2], ['ab', 'c'], np.array([[2, 1], [1, 3]])
        numbers.sort(lambda a, b: cmp(b / 2, a / 2))
        words.sort(None, len, **options)
        rows.sort(0)
        print numbers, words
        print rows.tolist(), Cards().sort('up', **options)
        """
    )
    assert output.splitlines() == [
        "[3, 2, 1] ['ab', 'c']",
        "[[1, 1], [2, 3]] ('up', {'reverse': True})",
    ]


def test_division_of_symbolic_integers(run):
    output = run(
        """\
        import pytensor.tensor as T
        x, y = T.ivector(), T.fvector()
        print (x / 2).dtype, (x / x.shape[0]).dtype, (y / 2).dtype
        print x.shape[0] / 2
        """
    )
    assert output.splitlines()[0] == "int32 int64 float32"


def test_division_in_place_changes_the_array(run):
    output = run(
        """\
        import numpy as np
        a = b = np.arange(5, 8)
        a /= 2
        n = 7
        n /= 2
        x = [5.]
        x[0] /= 2
        print a is b, b, n, x
        """
    )
    assert output == "True [2 3 3] 3 [2.5]\n"


def test_division_of_the_future_stays(translated):
    program = "from __future__ import division\nprint 7 / 2\nx /= 2\n"
    assert translated(program).splitlines()[1:] == ["print(7 / 2)", "x /= 2"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = 7 / 2", "a = 7 // 2"),
        ("a = b / 2.", "a = b / 2."),
        ("a = x.shape[0]/4", "a = x.shape[0]//4"),
        ("a = b / c", "a = bygone.divide(b, c)"),
        ("a = (b + c) / d", "a = bygone.divide(b + c, d)"),
        ("a = b / c / d", "a = bygone.divide(bygone.divide(b, c), d)"),
        ("a = b / (c / d)", "a = bygone.divide(b, bygone.divide(c, d))"),
        ("a = -b / len(c)", "a = bygone.divide(-b, len(c))"),
        ("a = (3)/(2)", "a = (3)//(2)"),
        ("a = (7 # /\n  / 2)", "a = (7 # /\n  // 2)"),
        ("a = (yield b) / c", "a = bygone.divide((yield b), c)"),
        ("a[f()] /= b", "a[f()] /= b"),  # it would be called twice
        ("a = 'é' and b / c", "a = 'é' and bygone.divide(b, c)"),
    ],
)
def test_division_stays_readable(translated, old, new):
    indented = "def g():\n    " + old.replace("\n", "\n    ")
    text = translated(f"{indented}\n    print 1\n")
    assert text.partition("def g():\n    ")[2] == (
        new.replace("\n", "\n    ") + "\n    print(1)\n"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a.decode('utf-8', 'ignore')", "bygone.decode(a, 'utf-8', 'ignore')"),
        ("a.decode('utf-8').split()", "bygone.decode(a, 'utf-8').split()"),
        ("a.encode('hex')", "bygone.encode(a, 'hex')"),
        ("a.encode('utf-8')", "a.encode('utf-8')"),
        ("model.decode(states)", "model.decode(states)"),
        ("model.decode()", "model.decode()"),
        ("open(f)", "bygone.open(f)"),
        ("file(f, 'w')", "bygone.open(f, 'w')"),
        ("file(f, 'rb')", "open(f, 'rb')"),
        ("str(a), unicode(a)", "str(a), str(a)"),
    ],
)
def test_text_and_bytes(translated, old, new):
    assert translated(f"print 1\nx = {old}\n").endswith(f"\nx = {new}\n")


def test_methods_for_division(run):
    output = run(
        """\
        class Length:
            def __div__(self, other): return 'div'
            def __rdiv__(self, other): return 'rdiv'
            def __idiv__(self, other): return 'idiv'
            def __nonzero__(self): return False
        a = b = Length()
        b /= 2
        print a / 2, 2 / a, b, not a
        """
    )
    assert output == "div rdiv idiv True\n"


def test_program_within_a_program(run, tmp_path):
    (tmp_path / "settings.py").write_text("size = 5 / 2\nprint 'read'\n")
    assert run("execfile('settings.py')\nprint size") == "read\n2\n"


def test_tables_in_files_of_bytes(run):
    output = run(
        """\
        import csv
        f = open('t.csv', 'wb')
        writer = csv.writer(f)
        writer.writerow(['a', u'\\xe9', 1])
        f.close()
        print list(csv.reader(open('t.csv', 'rb')))
        print [row['b'] for row in csv.DictReader(['a,b', '1,2'])]
        """
    )
    assert output == "[['a', 'é', '1']]\n['2']\n"


def test_files_take_text_and_bytes(run, tmp_path):
    output = run(
        """\
        for mode in ('w', 'wb'):
            f = open('t.txt', mode)
            f.write('a ')
            print >>f, 'b'
            f.write(u'\\xe9\\n'.encode('utf-8'))
            f.close()
            print [line.strip() for line in file('t.txt', 'rU')]
            print repr(open('t.txt', 'rb').read())
        """
    )
    assert output == "['a b', 'é']\nb'a b\\n\\xc3\\xa9\\n'\n" * 2


def test_draws_are_those_of_python_2(run):
    output = run(
        """\
        import random
        from random import shuffle as mix
        random.seed(0)
        numbers = range(4)
        mix(numbers)
        print numbers, random.randint(0, 9), random.choice('abc')
        """
    )
    first, second, third, fourth, fifth = draws(0, 5)
    numbers = [0, 1, 2, 3]
    for i, draw in zip((3, 2, 1), (first, second, third)):
        j = int(draw * (i + 1))
        numbers[i], numbers[j] = numbers[j], numbers[i]
    assert output == f"{numbers} {int(fourth * 10)} {'abc'[int(fifth * 3)]}\n"


def draws(seed, count):
    generator = random.Random(seed)
    return [generator.random() for _ in range(count)]


def test_default_encoding_is_set_to_what_it_is(run):
    program = "import sys\nreload(sys)\nsys.setdefaultencoding('utf8')\nprint 1"
    assert run(program) == "1\n"


@pytest.mark.parametrize(
    "indented",
    [
        "if True:\n\tif True:\n\t    a = 1\n        b = 2\n",
        "if True:\n        b = 2\n\tc = '''\n\tx'''\n",
    ],
    ids=["tab after spaces", "spaces after tab"],
)
def test_tabs_lead_to_the_next_eight(translated, indented):
    text = translated(indented)
    namespace = {}
    exec(text, namespace)
    assert namespace["b"] == 2
    assert namespace.get("c", "\n\tx") == "\n\tx"  # within a string they stay
    assert "\n\tif" not in text


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        (b"# -*- coding: latin-1 -*-\nprint '\xe9'\n", "é\n"),
        (b"# vim: set fileencoding=utf-8 :\nprint '\xc3\xa9'\n", "é\n"),
        (b"\xef\xbb\xbfprint '\xc3\xa9'\n", "é\n"),
        (b"# J\xfcrgen wrote this\nprint 1\n", "1\n"),
        (b"print 1\r\nprint 2\r\n", "1\n2\n"),
        (b"print 1", "1\n"),
    ],
    ids=["latin-1", "utf-8", "BOM", "not declared", "CRLF", "no end"],
)
def test_encodings(source, printed, capsys):
    exec(translate(source, "script.py").code(), {})
    assert capsys.readouterr().out == printed


def test_print_as_a_function_needs_no_future(run):
    assert run("print('a', end=' ')\nprint(0777 / 2)") == "a 255\n"


def test_neither_python_is_complained_about_as_python_3_does():
    with pytest.raises(SyntaxError) as excinfo:
        translate(b"a = 1\nx = = 1\n", "script.py")
    assert excinfo.value.msg == "invalid syntax"
    assert (excinfo.value.filename, excinfo.value.lineno) == ("script.py", 2)


def test_what_cannot_be_translated_is_said_where_it_stands():
    program = b"def f((a, b)):\n    print a\n    async = 1\n"
    with pytest.raises(SyntaxError, match=r"after translation from Python 2") as e:
        translate(program, "script.py")
    assert e.value.lineno == 3
    program = b"def f((a, b)):\n    print a\n    from os import *\n"
    with pytest.raises(SyntaxError, match=r"only allowed at module level") as e:
        translate(program, "script.py").code()
    assert e.value.lineno == 3


@pytest.fixture
def without_fissix(monkeypatch):
    for name in [*sys.modules]:
        if name.partition(".")[0] == "fissix":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fissix", None)
    importlib.invalidate_caches()


@pytest.mark.parametrize(
    "program",
    [
        "print 'a'",
        "raise ValueError, 'a'",
        "try:\n    f()\nexcept (A, B), e:\n    pass",
        "try:\n    f()\nexcept A, e:\n    pass",
        "exec 'a' in b",
        "a = `b`",
        "a = 0777",
        "a = 10L",
        "a <> b",
        "ur'a'",
        "if a:\n        b\n\tc",
        "for i in xrange(3): print(i)",
    ],
)
@pytest.mark.usefixtures("without_fissix")
def test_without_fissix_it_says_what_to_install(program):
    with pytest.raises(
        TranslatorMissing, match=r"script.py is written in Python 2"
    ) as e:
        translate(program.encode(), "script.py")
    assert 'pip install "lasagne[scripts]"' in str(e.value)


@pytest.mark.usefixtures("without_fissix")
def test_without_fissix_python_3_is_as_ever():
    with pytest.raises(SyntaxError, match=r"^invalid syntax"):
        translate(b"x = = 1", "script.py")
    assert translate(b"print(7 / 2)", "script.py").text == "print(7 / 2)"
