"""Where things stand after a translation, and what is told about it."""

import ast
import linecache
import traceback

import pytest

from lasagne.porting import translate
from lasagne.porting._changes import Change, compare, map_lines

pytest.importorskip("fissix")

PROGRAM = '''\
"""A program."""
import inspect, os

def first((a, b), c):
    print a / b
    return c(
        a, b)

def second(x):
    raise ValueError, x

total = 7 / 2
inspect.getargspec(second)
first((2, 1), lambda *x: second("what"))
'''


def test_tracebacks_show_the_original(tmp_path, capsys):
    path = tmp_path / "script.py"
    path.write_text(PROGRAM)
    translation = translate(path.read_bytes(), str(path))
    with pytest.raises(ValueError, match="what") as excinfo:
        exec(translation.code(), {})
    assert capsys.readouterr().out == "2\n"
    linecache.checkcache()
    frames = traceback.extract_tb(excinfo.value.__traceback__)[1:]
    assert [(frame.lineno, frame.line) for frame in frames] == [
        (14, 'first((2, 1), lambda *x: second("what"))'),
        (6, "return c("),
        (14, 'first((2, 1), lambda *x: second("what"))'),
        (10, "raise ValueError, x"),
    ]


def test_translation_of_a_translation_changes_nothing():
    text = translate(PROGRAM.encode(), "script.py", installs=True).text
    again = translate(text.encode(), "script.py", installs=True)
    assert again.text == text
    assert (again.changes, again.report(), again.diff()) == ([], "", "")


def test_report():
    report = translate(PROGRAM.encode(), "script.py").report()
    title, *lines = report.splitlines()
    assert title.startswith("script.py: 7 lines, from Python 2 (line 4: ")
    assert lines == [
        "     2  + from lasagne import bygone",
        "     4  def first((a, b), c):  ->  def first(xxx_todo_changeme, c):",
        "     5  + (a, b) = xxx_todo_changeme",
        "     5  print a / b  ->  print(bygone.divide(a, b))",
        "    10  raise ValueError, x  ->  raise ValueError(x)",
        "    12  total = 7 / 2  ->  total = 7 // 2",
        "    13  inspect.getargspec(second)  ->  bygone.getargspec(second)",
    ]


def test_long_lines_are_told_around_the_change():
    before = "x = [" + "1, " * 40 + "np.float(3)" + ", 4" * 40 + "]"
    after = before.replace("np.float", "float")
    [change] = compare(before, after)
    told_before, told_after = str(change).split("  ->  ")
    assert told_before[:3] == told_before[-3:] == "..."
    assert "np.float(3)" in told_before
    assert "float(3)" in told_after
    assert "np." not in told_after
    assert len(told_before) < 60


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(1, "  a", "  b"), "a  ->  b"),
        (Change(1, "", "b"), "+ b"),
        (Change(1, "a", ""), "- a"),
        (Change(1, "a", "a", "is gone. Use b."), "a: is gone. Use b."),
    ],
)
def test_change_in_words(change, text):
    assert str(change) == text


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("a\nb", "a\nb", [1, 2]),
        ("a\nb", "import x\na\nb", [1, 1, 2]),
        ("print a\nprint b\nf c", "f(c)", [3]),
        ("f a\nf b", "f(a)\nnew\nf(b)", [1, 1, 2]),
        ("f a\n\nf b", "x\nf(a)\nf(b)", [1, 1, 3]),
        ("f a\n(\nf b", "f(a)\n[\nf(b)", [1, 2, 3]),
    ],
)
def test_lines_are_paired_by_what_they_say(old, new, lines):
    assert map_lines(new, old)[1:] == lines


def test_columns_stay_within_their_lines():
    """Python refuses a tree whose nodes end before they begin."""
    program = (
        "x = (1 +\n     2)\nprint x, 'é' * 3, [y\n  for y in xrange(3)], (x\n/ 2)\n"
    )
    translation = translate(program.encode(), "script.py")
    positions = [*translation.code().co_positions()]
    lines = [line for line, *_ in positions if line]
    assert set(lines) <= set(range(1, 7))
    assert all(start is None or start >= 0 for *_, start, _ in positions)


def test_diff():
    diff = translate(b"a = 1\nprint a", "script.py").diff()
    assert diff == (
        "--- script.py\n+++ script.py (ported)\n@@ -1,2 +1,2 @@\n a = 1\n"
        "-print a\n\\ No newline at end of file\n"
        "+print(a)\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (b"print 'a'\r\nx = 1\r\n", b"print('a')\r\nx = 1\r\n"),
        (
            b"# coding: latin-1\nprint '\xe9'\n",
            b"# coding: latin-1\nprint('\xe9')\n",
        ),
        (b"\xef\xbb\xbfprint 1\n", b"\xef\xbb\xbfprint(1)\n"),
    ],
    ids=["CRLF", "latin-1", "BOM"],
)
def test_file_is_written_as_it_was(source, written):
    assert translate(source, "script.py").encoded() == written


def test_program_of_today_is_compiled_from_its_own_text():
    translation = translate(b"x = 1 / 2\n", "script.py")
    assert translation.text is translation.original
    namespace = {}
    exec(translation.code(), namespace)
    assert namespace["x"] == 0.5


@pytest.mark.filterwarnings("error")
def test_old_escapes_do_not_warn():
    exec(translate(rb"print '\d' == '\\d'", "script.py").code(), {"print": bool})


@pytest.mark.parametrize(
    ("program", "start"),
    [
        (
            '"""Doc."""\nimport theano\n',
            '"""Doc."""\nimport lasagne\n\nlasagne.install_as_theano()\n\nimport',
        ),
        ("import os\nimport lasagne\n", "import os\nimport lasagne\n"),
        (
            "import lasagne\nlasagne.install_as_theano()\nimport theano\n",
            "import lasagne\nlasagne.install_as_theano()\nimport theano\n",
        ),
    ],
    ids=["Theano", "no Theano", "done already"],
)
def test_ported_program_says_where_theano_is(program, start):
    text = translate(program.encode(), "script.py", installs=True).text
    assert text.startswith(start)
    ast.parse(text)
