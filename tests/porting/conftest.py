"""Old programs as text, for the tests of what becomes of them."""

import textwrap

import pytest

from lasagne.porting import translate


@pytest.fixture
def translated(tmp_path):
    """Translate a program and return its text."""

    def translated(text, **options):
        source = textwrap.dedent(text).encode()
        return translate(source, str(tmp_path / "script.py"), **options).text

    return translated


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run a program as it is translated; return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(text, **options):
        source = textwrap.dedent(text).encode()
        translation = translate(source, str(tmp_path / "script.py"), **options)
        exec(translation.code(), {"__name__": "__main__"})
        return capsys.readouterr().out

    return run
