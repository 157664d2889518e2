"""The table of what programs use: supported, tested, and shown in the documentation."""

import pytest

from . import surface

ROWS = surface.read_table()


def row_id(row):
    return row.name[:60]


def test_the_table_is_whole():
    assert len(ROWS) == 438
    assert sum(row.repositories >= 5 for row in ROWS) == 87


@pytest.mark.parametrize("row", [row for row in ROWS if not row.needs_gpu], ids=row_id)
@pytest.mark.usefixtures("adopted")
def test_names_with_a_meaning_are_supported(row):
    assert surface.missing(row) == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.needs_gpu], ids=row_id)
def test_names_that_need_a_gpu_are_used_by_few_and_say_so(row):
    assert row.repositories < 5
    [problem] = surface.missing(row)
    assert "GPU" in problem


def test_every_behaviour_has_its_test():
    assert {row.name for row in ROWS if not row.parts} == set(surface.BEHAVIOURS)
    for row in ROWS:
        if not row.parts:
            assert surface.is_tested(row), row.name


def test_behaviour_that_differs_is_used_by_few():
    rows = {row.name: row for row in ROWS}
    assert all(rows[name].repositories < 5 for name in surface.DIFFERENCES)


def test_names_that_many_use_are_tested():
    assert {
        row.name: surface.untested(row)
        for row in ROWS
        if row.repositories >= 5 and not surface.is_tested(row)
    } == {}


@pytest.mark.usefixtures("adopted")
def test_page_is_up_to_date():
    assert surface.PAGE.read_text(encoding="utf-8") == surface.render(), (
        "run python -m tests.theano.surface"
    )


def test_gaps_are_seen(monkeypatch):
    row = surface.Row("theano.functoin", 9, 9, ("theano.functoin",), False)
    [problem] = surface.missing(row)
    assert "functoin" in problem
    assert not surface.is_tested(row)
    row = surface.Row("theano.grad(x=)", 9, 9, ("theano.grad(x,cost)",), False)
    assert surface.missing(row) == ["theano.grad has no parameter 'x'"]
    assert surface.untested(row) == ["theano.grad(x)", "theano.grad(cost)"]


def test_uses_are_found_under_any_name(tmp_path):
    source = tmp_path / "script.py"
    source.write_text(
        "import theano, theano.tensor as tt\n"
        "from theano.tensor import nnet as nn\n"
        "from lasagne.theano.sandbox.rng_mrg import MRG_RandomStreams as RS\n"
        "pool = tt.signal.pool\n"
        "pool.pool_2d(x, mode='max')\n"
        "nn.relu(tt.tanh(other.sigmoid))\n"
        "@parametrize('name', 'sin cos'.split())\n"
        "def test_it(name):\n"
        "    getattr(tt, name)(x)\n"
    )
    names = surface._uses(source).names
    assert {
        "theano.tensor.nnet.relu",
        "theano.tensor.tanh",
        "theano.tensor.sin",
        "theano.sandbox.rng_mrg.MRG_RandomStreams",
        "theano.tensor.signal.pool.pool_2d",
        "theano.tensor.signal.pool.pool_2d(mode)",
    } <= names
    assert not any("sigmoid" in name for name in names)
