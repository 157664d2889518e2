"""``python -m lasagne script.py``: run a program written for Theano."""

import sys

from ._runner import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
