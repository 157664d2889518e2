"""From the syntax of Python 2, and its names for the library, to Python 3's.

The work is done by fissix, which carries on what came with Python as 2to3.
"""

import ast
import functools
import importlib
import re
import warnings
from typing import Any

#: Fixers left out. What `future` removes does no harm. `idioms`, `set_literal`
#: and `ws_comma` are matters of taste, `buffer` is wrong more often than right,
#: and what `execfile` runs may be Python 2 as well. `sorted` takes `np.sort` for the
#: method of a list. For `import`, see `_relative`.
_LEFT_OUT = frozenset(
    {"buffer", "execfile", "future", "idioms", "import", "set_literal"}
)
_LEFT_OUT |= {"sorted", "ws_comma"}

#: Lines that were right once, and of which Python 3 says nothing in particular.
_OLD_LINES = (r"^\s*raise\s+\w+\s*,", r"`[^`]+`", r"<>", r"\bur['\"]", r"^\s*exec\s")

INSTALL_HINT = 'Translating it takes fissix: pip install "lasagne[scripts]"'


class TranslatorMissing(ImportError):
    """A program is written in Python 2, and fissix is not installed."""


def parse(text: str, path: str) -> ast.Module:
    """Parse Python 3, without the warnings that compiling it will give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, path)


def convert(text: str, path: str) -> str:
    """Translate a program of Python 2 to Python 3, as far as grammar goes.

    Parameters
    ----------
    text : str
        The program.
    path : str
        Where it stands.

    Returns
    -------
    str
        The program in Python 3.

    Raises
    ------
    TranslatorMissing
        If fissix is not installed.
    ValueError
        If it is not Python 2 either.
    """
    try:
        parsing = importlib.import_module("fissix.pgen2.parse")
        tokenizing = importlib.import_module("fissix.pgen2.tokenize")
    except ImportError:
        raise TranslatorMissing(
            f"{path} is written in Python 2. {INSTALL_HINT}"
        ) from None

    # Its grammar wants the last line to end like all others.
    ended = text if text.endswith("\n") else text + "\n"
    unreadable = (parsing.ParseError, tokenizing.TokenError, IndentationError)
    try:
        ended = _expand_tabs(ended, tokenizing)
        try:
            tree = _tool().refactor_string(ended, path)
        except parsing.ParseError:
            # print() with keywords, in a program without the __future__ import.
            tree = _tool(prints=True).refactor_string(ended, path)
    except unreadable as error:
        raise ValueError(f"{path} is not Python 2: {error}") from error
    converted = str(tree)
    return converted if text.endswith("\n") else converted[:-1]


@functools.cache
def _tool(prints: bool = False) -> Any:
    """Make a translator; ``prints`` if ``print`` is a function in the program."""
    refactor = importlib.import_module("fissix.refactor")
    fixers = [
        name
        for name in refactor.get_fixers_from_package("fissix.fixes")
        if name.rpartition(".fix_")[2] not in _LEFT_OUT
    ]
    return refactor.RefactoringTool(fixers, {"print_function": prints})


def _expand_tabs(text: str, tokenizing: Any) -> str:
    """Indent by spaces where tabs and spaces mix: a tab led to the next eight."""
    lines = text.split("\n")
    indents = {line[: len(line) - len(line.lstrip(" \t"))] for line in lines}
    if not any("\t" in indent for indent in indents) or not any(
        " " in indent for indent in indents
    ):
        return text
    within_strings: set[int] = set()
    readline = iter([f"{line}\n" for line in lines]).__next__
    for token in tokenizing.generate_tokens(readline):
        (first, _), (last, _) = token[2:4]
        if token[0] == tokenizing.STRING:
            within_strings.update(range(first, last))
    for number, line in enumerate(lines):
        if number not in within_strings:
            rest = line.lstrip(" \t")
            indent = line[: len(line) - len(rest)]
            lines[number] = indent.expandtabs(8) + rest
    return "\n".join(lines)


def looks_like_python2(error: SyntaxError) -> bool:
    """Tell from the complaint of Python 3 whether Python 2 would have run it."""
    line = error.text or ""
    return (
        isinstance(error, TabError)
        or any(
            sign in error.msg
            for sign in (
                "Missing parentheses in call",
                "multiple exception types must be parenthesized",
                "leading zeros in decimal integer literals",
                "invalid decimal literal",
            )
        )
        or any(re.search(pattern, line) for pattern in _OLD_LINES)
    )
