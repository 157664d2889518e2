"""``python -m lasagne``, and the alias ``theano``."""

import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytensor
import pytest

import lasagne
from lasagne import _aliasing, _runner


@pytest.fixture
def run(tmp_path):
    """Run Python with arguments, in an empty directory, where Theano is unknown."""

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(lasagne.__file__).parents[1]),
                "PYTENSOR_FLAGS": f"base_compiledir={pytensor.config.base_compiledir}",
                "THEANORC": str(tmp_path / "none"),
                **environment,
            },
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_script_runs_as_it_is(run, write):
    write("scripts/neighbour.py", "NAME = 'next door'\n")
    write(
        "scripts/script.py",
        """\
        import atexit
        import os
        os.environ["THEANO_FLAGS"] = "floatX=float32"
        import pickle
        import sys

        import theano
        import theano.tensor as T
        import theano.tensor.sort
        from theano.tensor.signal import pool
        from theano.tensor.sort import argsort
        from theano.tensor.var import TensorConstant
        import lasagne
        import neighbour

        class Thing(object):
            pass

        assert __name__ == "__main__"
        assert sys.argv == ["scripts/script.py", "-v", "3"], sys.argv
        assert os.path.basename(sys.path[0]) == "scripts"
        assert os.path.isabs(__file__)
        assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
        atexit.register(lambda: print("goodbye from", Thing.__name__))

        assert theano.config.floatX == "float32"
        assert theano is lasagne.theano and T is lasagne.theano.tensor
        assert T.nnet is sys.modules["theano.tensor.nnet"]
        assert callable(T.sort) and callable(T.var) and callable(theano.scan)

        x = T.vector("x")
        assert x and T.eq(x, 1), "variables are true"
        try:
            bool(x > 1)
        except TypeError as error:
            assert "T.switch" in str(error)
        else:
            raise AssertionError("comparisons are not")
        assert x.reshape((1, -1), 2).ndim == 2
        assert T.constant(2).get_scalar_constant_value() == 2
        W = theano.shared([1.0, 2.0])
        v = theano.shared(T.zeros((2,)).eval(mode="FAST_COMPILE"))
        v.default_update = v + T.constant([1.0, 2.0], dtype=v.dtype)
        theano.function([], v.sum(), mode="FAST_COMPILE")()
        assert v.get_value().tolist() == [1, 2]

        network = lasagne.layers.DenseLayer(lasagne.layers.InputLayer((None, 2)), 1)
        assert lasagne.layers.get_output(network).dtype == "float32"
        print(neighbour.NAME)
        """,
    )
    process = run("-W", "error", "-m", "lasagne", "scripts/script.py", "-v", "3")
    assert process.stderr == ""
    assert process.stdout == "next door\ngoodbye from Thing\n"
    assert process.returncode == 0


def test_traceback_begins_in_the_script(run, write):
    script = write("script.py", "def f():\n    1 / 0\n\nf()\n")
    plain = run(script)
    hosted = run("-m", "lasagne", script)
    assert hosted.stderr == plain.stderr
    assert "ZeroDivisionError" in plain.stderr
    assert hosted.returncode == plain.returncode == 1


def test_syntax_error_and_exit_status_are_those_of_python(run, write):
    write("broken.py", "x = = 1\n")
    importing = write("importing.py", "def f():\n    import broken\nf()\n")
    hosted = run("-m", "lasagne", importing)
    assert hosted.stderr == run(importing).stderr
    assert hosted.returncode == 1
    leaves = write("leaves.py", "import sys\nsys.exit(7)\n")
    assert run("-m", "lasagne", leaves).returncode == 7


def test_syntax_error_in_the_script_is_that_of_python(tmp_path, capsys):
    script = tmp_path / "broken.py"
    script.write_text("x = = 1\n")
    with pytest.raises(SyntaxError) as plain:
        compile(script.read_text(), str(script), "exec")
    with pytest.raises(SyntaxError) as hosted:
        _runner._code_of(str(script), _runner._Options())
    _runner._print_program_frames(*hosted._excinfo)
    assert [line.strip() for line in capsys.readouterr().err.splitlines()[-4:]] == [
        f'File "{script}", line 1',
        "x = = 1",
        "^",
        f"SyntaxError: {plain.value.msg}",
    ]


def test_module_runs_as_it_is(run, write):
    write("package/__init__.py", "")
    write(
        "package/tool.py",
        """\
        import sys, theano
        assert __name__ == "__main__" and sys.path[0]
        print(sys.argv[0].endswith("tool.py"), sys.argv[1:], theano.__version__)
        """,
    )
    process = run("-m", "lasagne", "-m", "package.tool", "--flag")
    assert process.stdout == "True ['--flag'] 1.0.5\n"


def test_pytest_runs_under_it(run, write):
    write("test_it.py", "import theano\n\ndef test_it():\n    theano.shared(1.0)\n")
    process = run("-m", "lasagne", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "1 passed" in process.stdout, process.stdout + process.stderr
    assert process.returncode == 0


def test_old_script_runs_with_what_it_needs(run, write):
    """Python 2, names that are gone, a module beside it, and processes of its own."""
    pytest.importorskip("fissix")
    write("scripts/neighbour.py", "def half(n):\n    return n / 2\nprint 'next door'\n")
    write(
        "scripts/script.py",
        """\
        import cPickle, multiprocessing, sys
        import numpy as np
        import theano
        from neighbour import half

        def work(x):
            return int(half(theano.shared(np.int(x)).get_value()))

        if __name__ == '__main__':
            try:
                from . import neighbour
            except ImportError, error:
                print error
            cPickle.dump([1L], open('data.pkl', 'w'))
            print cPickle.load(open('data.pkl')), sys.argv, half(7)
            pool = multiprocessing.get_context('spawn').Pool(1)
            print pool.map(work, [7, 8])
            pool.close()
            pool.join()
            1 / 0
        """,
    )
    process = run("-m", "lasagne", "--show-changes", "scripts/script.py", "-v")
    assert process.stdout == (
        "next door\n"
        "attempted relative import with no known parent package\n"
        "[1] ['scripts/script.py', '-v'] 3\n"
        "next door\n"
        "[3, 4]\n"
    )
    *changes, last_frame, line, _, error = process.stderr.splitlines()
    assert changes.pop() == "Traceback (most recent call last):"
    assert last_frame.endswith('script.py", line 20, in <module>')
    assert (line.strip(), error[:17]) == ("1 / 0", "ZeroDivisionError")
    assert "script.py: 9 lines, from Python 2 (line " in changes[0]
    assert sum("neighbour.py: 3 lines, from Python 2" in line for line in changes) == 1
    assert "     2  return n / 2  ->  return bygone.divide(n, 2)" in changes
    assert process.returncode == 1


def test_old_module_runs(run, write):
    pytest.importorskip("fissix")
    write("package/__init__.py", "import part\n")
    write("package/part.py", "print 'a part'\n")
    write("package/__main__.py", "import part, theano\nprint 7 / 2, __name__\n")
    process = run("-m", "lasagne", "-m", "package")
    assert process.stdout == "a part\n3 __main__\n", process.stderr


def test_without_a_translator_it_says_what_to_install(run, write):
    write("script.py", "print 7 / 2\n")
    process = run(
        "-c",
        "import sys; sys.modules['fissix'] = None\n"
        "from lasagne._runner import main; sys.exit(main(['script.py']))",
    )
    assert process.stderr.startswith("python -m lasagne: ")
    assert process.stderr.endswith('fissix: pip install "lasagne[scripts]"\n')
    assert "script.py is written in Python 2." in process.stderr
    assert process.returncode == 1


@pytest.fixture
def code_of(tmp_path, monkeypatch):
    """Run a script with options for its translation; return its names."""

    def code_of(text, **options):
        path = tmp_path / "script.py"
        path.write_text(text)
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
        names = {}
        exec(_runner._code_of(str(path), _runner._Options(**options)), names)
        return names

    return code_of


def test_script_is_left_as_it_is_if_told(code_of):
    assert code_of("import numpy as np\nx = np.float(3)")["x"] == 3
    with pytest.raises(AttributeError, match="float"):
        code_of("import numpy as np\nx = np.float(3)", as_is=True)
    with pytest.raises(SyntaxError):
        code_of("print 1", as_is=True)


def test_script_is_python_2_if_told(code_of):
    pytest.importorskip("fissix")
    assert code_of("x = 7 / 2")["x"] == 3.5
    assert code_of("x = 7 / 2", python2=True)["x"] == 3


def test_changes_are_shown_on_the_error_stream(code_of, capsys):
    code_of("import numpy as np\nnp.float(3)", show_changes=True)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.endswith("     2  np.float(3)  ->  float(3)\n")


def test_theano_stays_unknown_unless_asked_for(run):
    process = run("-c", "import lasagne, lasagne.theano, theano")
    assert "No module named 'theano'" in process.stderr


def test_install_twice_and_before_the_import(run):
    process = run(
        "-c",
        "import lasagne\n"
        "lasagne.install_as_theano(); lasagne.install_as_theano()\n"
        "import theano.tensor.nnet.conv as conv\n"
        "import lasagne.theano.tensor.nnet.conv as own\n"
        "import theano\n"
        "lasagne.install_as_theano()\n"
        "assert conv is own and theano is lasagne.theano\n"
        "assert theano.__spec__.name == 'lasagne.theano'\n"
        "try:\n"
        "    import theano.nowhere.deep\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error)\n",
    )
    assert process.stdout == "No module named 'theano.nowhere'\n", process.stderr


def test_install_refuses_after_another_theano(monkeypatch):
    other = types.ModuleType("theano")
    other.__file__ = "/site-packages/theano/__init__.py"
    monkeypatch.setitem(sys.modules, "theano", other)
    finders = list(sys.meta_path)
    with pytest.raises(ImportError, match=r"from /site-packages/theano.*Call"):
        _aliasing.install_as_theano()
    assert sys.meta_path == finders


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option, capsys):
    assert _runner.main([option]) == 0
    output = capsys.readouterr()
    assert "python -m lasagne [option ...] script.py [argument ...]" in output.out
    assert "THEANO_FLAGS" in output.out
    assert output.err == ""


def test_without_arguments_the_usage_is_an_error(capsys):
    assert _runner.main([]) == 2
    assert "usage: python -m lasagne" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.py"], "there is no file {cwd}missing.py."),
        (["."], ". is a directory; give a script, or use -m."),
        (["-x"], "there is no option -x."),
        (["-m"], "-m needs the name of a module."),
        (["--show-changes"], "there is no script after the options."),
        (["--as-is", "--python2", "x.py"], "--python2 and --as-is exclude each other."),
        (["--show-changes", "missing.py"], "there is no file {cwd}missing.py."),
    ],
)
def test_wrong_command_line_is_one_sentence(arguments, sentence, capsys):
    assert _runner.main(arguments) == 2
    sentence = sentence.format(cwd=os.path.join(os.getcwd(), ""))
    assert capsys.readouterr().err == (
        f"python -m lasagne: {sentence} See python -m lasagne --help.\n"
    )


def test_missing_module_is_one_sentence(run):
    process = run("-m", "lasagne", "-m", "nowhere.to.be.found")
    assert process.stderr == (
        "python -m lasagne: there is no module nowhere.to.be.found. "
        "See python -m lasagne --help.\n"
    )
    assert process.returncode == 2
