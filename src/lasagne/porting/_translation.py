"""From the bytes of an old program to one that runs today."""

import ast
import difflib
import functools
import io
import os
import tokenize
from dataclasses import dataclass, field
from types import CodeType

from . import _syntax
from ._changes import Change, compare, map_lines
from ._edits import Source
from ._evidence import find_evidence, has_future, is_neighbour
from ._header import Header
from ._meaning import meaning_of_python2
from ._modern import modern_names, removed_for_good
from ._references import References, find_references
from ._relative import relative_imports
from ._syntax import parse


@dataclass
class Translation:
    r"""An old program, and what became of it.

    Parameters
    ----------
    path : str
        Where the program stands.
    original, text : str
        Before and after, whatever ends the lines in its file.
    encoding, newline : str
        How it was written to its file.
    python2 : str
        What shows that it was written for Python 2; empty if nothing does.
    gone : list of Change
        What is left as it is, although it will not work any more.

    Examples
    --------
    >>> from lasagne.porting import translate
    >>> translation = translate(b"for i in xrange(3):\n    print i", "script.py")
    >>> print(translation.report(), end="")
    script.py: 2 lines, from Python 2 (line 2: Missing parentheses ...)
         1  for i in xrange(3):  ->  for i in range(3):
         2  print i  ->  print(i)
    """

    path: str
    original: str
    text: str
    encoding: str = "utf-8"
    newline: str = "\n"
    python2: str = ""
    gone: list[Change] = field(default_factory=list)

    @property
    def changes(self) -> list[Change]:
        """What was done, by line."""
        return [*compare(self.original, self.text)]

    @functools.cached_property
    def lines(self) -> list[int]:
        """For each line of the text, from 1, the one of the original."""
        return map_lines(self.text, self.original)

    @property
    def tree(self) -> ast.Module:
        """The tree of the text."""
        return parse(self.text, self.path)

    def code(self) -> CodeType:
        """Compile the program, its instructions on the lines of the original."""
        changed = self.text != self.original
        program = _placed_in_original(self) if changed else self.original
        return compile(program, self.path, "exec", dont_inherit=True)

    def encoded(self) -> bytes:
        """Return the text as it is to be written to a file."""
        text = self.text.replace("\n", self.newline)
        return text.encode(self.encoding)

    def report(self) -> str:
        """Tell what was changed, in lines for people."""
        changes = sorted([*self.changes, *self.gone], key=lambda each: each.line)
        if not changes:
            return ""
        title = f"{self.path}: {len(changes)} line{'s' if changes[1:] else ''}"
        if self.python2:
            title += f", from Python 2 ({self.python2})"
        return "\n".join([title, *(f"{each.line:6}  {each}" for each in changes), ""])

    def diff(self) -> str:
        """Return a unified diff from the original to the text."""
        lines = difflib.unified_diff(
            self.original.splitlines(keepends=True),
            self.text.splitlines(keepends=True),
            self.path,
            f"{self.path} (ported)",
        )
        missing_end = "\n\\ No newline at end of file\n"
        return "".join(
            line if line.endswith("\n") else line + missing_end for line in lines
        )


def translate(
    source: bytes,
    path: str,
    *,
    python2: bool | None = None,
    package: bool = False,
    installs: bool = False,
) -> Translation:
    """Translate a program of the Theano years to the Python of today.

    Python 2 becomes Python 3, in syntax and in meaning, and names that NumPy,
    SciPy, scikit-learn and Python's library have removed are replaced. Names
    of Theano and Lasagne stay as they are.

    Parameters
    ----------
    source : bytes
        The program, as its file has it.
    path : str
        Where that file is.
    python2 : bool, optional
        Whether it was written for Python 2. By default, that is found out.
    package : bool
        Whether it is a module in a package, not a script.
    installs : bool
        Whether to add what a program needs to run outside of
        ``python -m lasagne``.

    Returns
    -------
    Translation

    Raises
    ------
    SyntaxError
        If it is neither Python 3 nor Python 2.
    TranslatorMissing
        If it is Python 2, and there is nothing to translate it with.

    Examples
    --------
    >>> from lasagne.porting import translate
    >>> translation = translate(b"print 7 / 2, np.float(3)", "script.py")
    >>> translation.text
    'print(7 // 2, np.float(3))'
    """
    original, encoding, newline = decode(source)
    text, evidence = original, "as told" if python2 else ""
    try:
        tree = parse(original, path)
    except SyntaxError as error:
        if python2 is False:
            raise
        text = _convert(original, path, error)
        complaint = error.msg.partition(".")[0].partition(";")[0]
        evidence = evidence or f"line {error.lineno}: {complaint}"
    else:
        references = find_references(tree)
        if python2 is None:
            folder = os.path.dirname(path)
            evidence = find_evidence(tree, references, folder, package)
        if evidence:
            text = _syntax.convert(original, path)
    if evidence:
        tree = _parse_converted(text, original, path)
        references = find_references(tree)

    gone = [
        Change(map_lines(text, original)[line], name, name, f"is gone. {advice}")
        for line, name, advice in removed_for_good(references)
    ]
    package &= bool(evidence) and not has_future(tree, "absolute_import")
    text = _rewrite(text, tree, references, path, bool(evidence), package, installs)
    return Translation(path, original, text, encoding, newline, evidence, gone)


def decode(source: bytes) -> tuple[str, str, str]:
    """Decode a program as Python does; return text, encoding and newline.

    What is not in the declared encoding is taken for Latin-1, which an old
    Python let pass in comments.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        encoding = "latin-1"
        text = source.decode(encoding)
    newline = "\r\n" if "\r\n" in text else "\n"
    return text.replace("\r\n", "\n").replace("\r", "\n"), encoding, newline


def _convert(text: str, path: str, error: SyntaxError) -> str:
    """Convert what Python 3 cannot parse; if it is not Python 2, say what it said."""
    try:
        return _syntax.convert(text, path)
    except ValueError:
        raise error from None
    except _syntax.TranslatorMissing:
        if _syntax.looks_like_python2(error):
            raise
        raise error from None


def _parse_converted(text: str, original: str, path: str) -> ast.Module:
    try:
        return parse(text, path)
    except SyntaxError as error:
        error.lineno = map_lines(text, original)[error.lineno or 1]
        error.end_lineno = error.lineno
        error.msg += " (after translation from Python 2)"
        raise


def _rewrite(
    text: str,
    tree: ast.Module,
    references: References,
    path: str,
    python2: bool,
    package: bool,
    installs: bool,
) -> str:
    """Put in what can be told only from the tree, and what it needs to import."""
    source = Source(text)
    header = Header(references)
    folder = os.path.dirname(path)
    modules = references.modules()
    local = {name for name in modules if is_neighbour(name, folder)}

    edits = [*modern_names(tree, source, references, header, python2, local)]
    if python2:
        edits += meaning_of_python2(tree, source, references, header)
    if package:
        edits += relative_imports(source, references, local)
    installs = (
        installs
        and bool(modules & {"nolearn", "theano"})
        and "install_as_theano" not in text
    )
    added = header.edit(source, tree, installs)
    return source.apply([*edits, added] if added else edits)


def _placed_in_original(translation: Translation) -> ast.Module:
    """Return the tree of a text with the places of its nodes in the original.

    On a line that was changed, columns mean nothing: there a node spans all of
    it, and a traceback points at no part.
    """
    tree, lines = translation.tree, translation.lines
    old, new = translation.original.split("\n"), translation.text.split("\n")
    for node in ast.walk(tree):
        if not isinstance(node, _PLACED) or node.end_lineno is None:
            continue
        first, last = lines[node.lineno], lines[node.end_lineno]
        before, after = old[first - 1], old[last - 1]
        if before != new[node.lineno - 1] or after != new[node.end_lineno - 1]:
            node.col_offset = len(before.encode()) - len(before.lstrip().encode())
            node.end_col_offset = len(after.rstrip().encode())
            if first == last:
                node.end_col_offset = max(node.end_col_offset, node.col_offset)
        node.lineno, node.end_lineno = first, last
    return tree


#: Nodes of a tree that know where they stand.
_PLACED = (
    ast.stmt,
    ast.expr,
    ast.arg,
    ast.keyword,
    ast.alias,
    ast.excepthandler,
    ast.pattern,
)
