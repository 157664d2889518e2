"""Changing a program's text where its syntax tree says.

A tree knows where each of its nodes stands in the text; what is not touched
keeps its comments, its spaces and its line breaks.
"""

import ast
import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

#: Returns the text of a node, edits within it applied.
Render = Callable[[ast.AST], str]


@dataclass(frozen=True)
class Edit:
    """One stretch of text to write anew.

    Parameters
    ----------
    start, end : int
        Where it stands, as offsets into the text.
    write : callable
        Given a function that returns the new text of a node, returns what is
        to stand there. It may ask for nodes inside the stretch.
    """

    start: int
    end: int
    write: Callable[[Render], str]


class Source:
    """A program's text, in which nodes of its tree can be found.

    Parameters
    ----------
    text : str
        The program.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # Python counts \n alone, str.splitlines() other characters as well.
        self._lines = text.split("\n")
        self._offsets = [0]
        for line in self._lines:
            self._offsets.append(self._offsets[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """Find a place given as a line, from 1, and a column in UTF-8 bytes."""
        content = self._lines[line - 1]
        if not content.isascii():
            column = len(content.encode()[:column].decode())
        return self._offsets[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Find where a node begins and ends."""
        return (
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def segment(self, node: ast.AST) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def replace(self, node: ast.AST, text: str) -> Edit:
        """Make the edit that writes a fixed text in place of a node."""
        return Edit(*self.span(node), lambda render: text)

    def apply(self, edits: Iterable[Edit]) -> str:
        """Return the text with edits applied, those within others as well."""
        return self._render(0, len(self.text), self._ordered(edits))

    def _ordered(self, edits: Iterable[Edit]) -> list[Edit]:
        # What is inserted before a node comes first, then the outer of two nodes.
        return sorted(
            edits, key=lambda edit: (edit.start, edit.end > edit.start, -edit.end)
        )

    def _render(self, start: int, end: int, edits: list[Edit]) -> str:
        pieces = []
        position = start
        first = bisect.bisect_left(edits, start, key=lambda edit: edit.start)
        for edit in edits[first:]:
            if edit.start >= end and edit.start > start:
                break
            if position <= edit.start and edit.end <= end:
                pieces += [self.text[position : edit.start], self._write(edit, edits)]
                position = edit.end
        return "".join([*pieces, self.text[position:end]])

    def _write(self, edit: Edit, edits: list[Edit]) -> str:
        # An edit may ask for the whole of what it replaces.
        others = [other for other in edits if other is not edit]
        return edit.write(lambda node: self._render(*self.span(node), others))
