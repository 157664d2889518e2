"""``python -m lasagne check`` and ``port``."""

import json
import os
import stat
import sys

import pytest

from lasagne import _runner

GOOD = "import theano\nf = theano.function\n"
BAD = "import theano\nf = theano.no_such_thing\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_says_ok(folder, capsys):
    (folder / "good.py").write_text(GOOD)
    (folder / "other.py").write_text("import os\n")
    assert _runner.main(["check", "."]) == 0
    assert capsys.readouterr().out == (
        "good.py\n"
        "  ok  theano           1\n"
        "  ok  theano.function  2\n"
        "\n"
        "1 program, 2 names, 0 do not work\n"
    )


def test_check_says_what_does_not_work(folder, capsys):
    (folder / "good.py").write_text(GOOD)
    (folder / "bad.py").write_text(BAD * 5)
    assert _runner.main(["check", "good.py", "bad.py"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  no  theano.no_such_thing  2, 4, 6, 8, 10" in lines
    assert lines[-1] == "2 programs, 3 names, 1 does not work"


def test_check_of_a_file_without_theano(folder, capsys):
    (folder / "other.py").write_text("import os\n")
    assert _runner.main(["check", "other.py"]) == 0
    assert "uses no names of Theano or Lasagne" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["x = = 1", None], ids=["broken", "missing"])
def test_check_of_what_cannot_be_read(folder, capsys, content):
    if content:
        (folder / "file.py").write_text(content)
    assert _runner.main(["check", "file.py"]) == 2
    assert "cannot be read" in capsys.readouterr().out


def test_check_in_json(folder, capsys):
    (folder / "bad.py").write_text(BAD)
    assert _runner.main(["check", "--json", "bad.py"]) == 1
    [result] = json.loads(capsys.readouterr().out)
    assert (result["path"], result["works"]) == ("bad.py", False)
    assert [use["name"] for use in result["uses"]] == ["theano", "theano.no_such_thing"]


@pytest.mark.parametrize(
    "arguments", [["check"], ["port"], ["check", "--nothing", "."]]
)
def test_wrong_use_of_a_command(arguments, capsys):
    with pytest.raises(SystemExit) as excinfo:
        _runner.main(arguments)
    assert excinfo.value.code == 2
    assert "usage: python -m lasagne" in capsys.readouterr().err


def test_port_writes_a_program_of_today(folder, capsys):
    (folder / "old.py").write_text("import theano\nimport numpy as np\nnp.float(3)\n")
    os.chmod(folder / "old.py", 0o755)
    assert _runner.main(["port", "old.py", "-o", "new.py"]) == 0
    assert (folder / "new.py").read_text() == (
        "import lasagne\n\nlasagne.install_as_theano()\n\n"
        "import theano\nimport numpy as np\nfloat(3)\n"
    )
    assert sorted(os.listdir(folder)) == ["new.py", "old.py"]
    if sys.platform != "win32":
        assert stat.S_IMODE((folder / "new.py").stat().st_mode) == 0o755
    assert capsys.readouterr() == ("", "")


def test_port_overwrites_only_by_force(folder, capsys):
    (folder / "old.py").write_text("import os\n")
    (folder / "new.py").write_text("kept")
    assert _runner.main(["port", "old.py", "-o", "new.py"]) == 2
    assert "new.py exists; --force overwrites it." in capsys.readouterr().err
    assert (folder / "new.py").read_text() == "kept"
    assert _runner.main(["port", "old.py", "-o", "new.py", "--force"]) == 0
    assert (folder / "new.py").read_text() == "import os\n"


def test_port_leaves_nothing_half_done(folder, capsys, monkeypatch):
    def replace(source, target):
        raise PermissionError(1, "not permitted")

    (folder / "old.py").write_text("import os\n")
    monkeypatch.setattr(os, "replace", replace)
    assert _runner.main(["port", "old.py", "-o", "new.py"]) == 2
    assert "cannot write new.py: not permitted." in capsys.readouterr().err
    assert os.listdir(folder) == ["old.py"]


def test_port_shows_the_difference(folder, capsys):
    (folder / "old.py").write_text("import numpy as np\nnp.float(3)\nnp.who()\n")
    assert _runner.main(["port", "old.py", "--diff"]) == 0
    output = capsys.readouterr()
    assert "-np.float(3)\n+float(3)\n" in output.out
    assert output.err == "old.py:3: numpy.who: is gone. Use locals().\n"
    assert os.listdir(folder) == ["old.py"]


def test_port_takes_a_program_for_python_2_if_told(folder, capsys):
    pytest.importorskip("fissix")
    (folder / "old.py").write_text("n = 7 / 2\n")
    assert _runner.main(["port", "old.py", "--diff"]) == 0
    assert capsys.readouterr().out == ""
    assert _runner.main(["port", "old.py", "--diff", "--python2"]) == 0
    assert "+n = 7 // 2\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["old.py"], "say where to write it, -o FILE, or that you want the --diff."),
        (["no.py", "--diff"], "cannot read no.py: No such file or directory."),
        (["broken.py", "--diff"], "broken.py, line 1: invalid syntax."),
        (["old.py", "-o", "no/new.py"], "cannot write no/new.py: No such file"),
    ],
)
def test_port_refuses(folder, capsys, arguments, sentence):
    (folder / "old.py").write_text("import os\n")
    (folder / "broken.py").write_text("x = = 1\n")
    assert _runner.main(["port", *arguments]) == 2
    assert f"python -m lasagne: {sentence}" in capsys.readouterr().err
