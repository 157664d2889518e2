"""The mode "LASAGNE": the same rewrites, one after the other."""

import gc

import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.rewriting.basic import GraphRewriter

from lasagne.modes import LASAGNE, QuickMode
from lasagne.theano.compile.mode import get_mode


class Watcher(GraphRewriter):
    """Notes what a graph has, and whether Python collects garbage."""

    def apply(self, fgraph):
        self.seen = hasattr(fgraph, "destroyers"), gc.isenabled()


class Failing(GraphRewriter):
    def apply(self, fgraph):
        raise AssertionError("as it should be")


def compile_with(rewriter, position):
    x = pt.vector("x")
    mode = LASAGNE.register((rewriter, position))
    assert isinstance(mode, QuickMode)
    return pytensor.function([x], pt.exp(x + 1), mode=mode)


@pytest.mark.parametrize(("position", "is_watched"), [(2, False), (60, True)])
def test_requirements_when_they_are_needed(position, is_watched):
    """Nothing is checked for operations in place before there are any."""
    watcher = Watcher()
    compile_with(watcher, position)
    assert watcher.seen == (is_watched, False)


def test_collector_is_back():
    assert gc.isenabled()
    compile_with(Watcher(), 2)
    assert gc.isenabled()
    with pytest.raises(AssertionError, match="as it should be"):
        compile_with(Failing(), 2)
    assert gc.isenabled()


def test_collector_stays_off():
    gc.disable()
    try:
        compile_with(Watcher(), 2)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_without_rewrites():
    x = pt.vector("x", dtype="float64")
    mode = QuickMode(LASAGNE.linker, "None")
    assert pytensor.function([x], x * 2, mode=mode)([1.0]) == [2]


def test_theanos_names_mean_it():
    assert isinstance(get_mode("FAST_RUN"), QuickMode)
