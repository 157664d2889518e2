"""Old programs on the Python of today: translate them, check them, run them.

``python -m lasagne script.py`` translates a program as it loads it, and so the
modules beside it; ``python -m lasagne port`` writes the translation to a file;
``python -m lasagne check`` tells which names of Theano and Lasagne a program
uses, and which of them work.
"""

from ._checking import Check, check
from ._translation import Translation, translate

__all__ = ["Check", "Translation", "check", "translate"]
