"""What was done to a program, line by line."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: How much of a long line to show, and how much before the place of a change.
_LONGEST = 68
_CONTEXT = 20


@dataclass(frozen=True)
class Change:
    """One line of a program that was written anew, or that nothing can help.

    Parameters
    ----------
    line : int
        Which, in the original. A line that was added comes before it.
    before, after : str
        The line then and now; empty if it was added or removed.
    remark : str
        Why ``before`` stays as it is, although it will not work.
    """

    line: int
    before: str
    after: str
    remark: str = ""

    def __str__(self) -> str:
        if self.remark:
            return f"{self.before}: {self.remark}"
        before, after = _shorten(self.before.strip(), self.after.strip())
        if not before:
            return f"+ {after}"
        if not after:
            return f"- {before}"
        return f"{before}  ->  {after}"


def compare(old: str, new: str) -> Iterator[Change]:
    """List the lines in which two texts differ."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    line = 0
    for was, now in align(old_lines, new_lines):
        before = "" if was is None else old_lines[was]
        after = "" if now is None else new_lines[now]
        line = line if was is None else was + 1
        if before != after and (before.strip() or after.strip()):
            yield Change(line + (was is None), before, after)


def map_lines(new: str, old: str) -> list[int]:
    r"""Say for each line of a text, from 1, where it comes from in another.

    A line that was added belongs to the one before it.

    Examples
    --------
    >>> from lasagne.porting._changes import map_lines
    >>> map_lines("a\nimport x\nb(1)\nc", "a\nb\nc")[1:]
    [1, 1, 2, 3]
    """
    lines = [1]
    for was, now in align(old.split("\n"), new.split("\n")):
        if now is not None:
            lines.append(lines[-1] if was is None else was + 1)
    return lines


def align(old: list[str], new: list[str]) -> Iterator[tuple[int | None, int | None]]:
    """Pair the lines of two texts, in order; None stands for one that is missing."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        block, new_block = old[start:end], new[new_start:new_end]
        if tag == "equal" or _correspond(block, new_block):
            pairs = _side_by_side(len(block), len(new_block))
        else:
            pairs = _by_likeness(block, new_block)
        for was, now in pairs:
            yield (
                None if was is None else start + was,
                None if now is None else new_start + now,
            )


def _correspond(old: list[str], new: list[str]) -> bool:
    """Whether lines can be paired as they come, or are too many for better."""
    if len(old) == len(new):
        pairs = zip(map(_words, old), map(_words, new))
        return all(_likeness(words, new_words) for words, new_words in pairs)
    return len(old) * len(new) > 10**5


def _side_by_side(
    length: int, new_length: int
) -> Iterator[tuple[int | None, int | None]]:
    for number in range(max(length, new_length)):
        yield (
            number if number < length else None,
            number if number < new_length else None,
        )


def _by_likeness(
    old: list[str], new: list[str]
) -> Iterator[tuple[int | None, int | None]]:
    """Pair the lines that share most of their words.

    The best alignment of what remains of both texts, from each pair of lines
    on, is the better of pairing these two and leaving one of them out.
    """
    words, new_words = [*map(_words, old)], [*map(_words, new)]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for was in reversed(range(len(old))):
        for now in reversed(range(len(new))):
            best[was][now] = max(
                best[was + 1][now + 1] + _likeness(words[was], new_words[now]),
                best[was + 1][now],
                best[was][now + 1],
            )
    was = now = 0
    while was < len(old) or now < len(new):
        if now == len(new) or (was < len(old) and best[was][now] == best[was + 1][now]):
            yield was, None
            was += 1
        elif was == len(old) or best[was][now] == best[was][now + 1]:
            yield None, now
            now += 1
        else:
            yield was, now
            was, now = was + 1, now + 1


def _words(line: str) -> set[str]:
    return set(re.findall(r"\w+", line))


def _likeness(words: set[str], new_words: set[str]) -> float:
    if not (words or new_words):
        return 0.1  # both are empty, or signs alone
    return len(words & new_words) / len(words | new_words)


def _shorten(before: str, after: str) -> tuple[str, str]:
    """Cut what two lines have in common, if they are long."""
    if max(len(before), len(after)) <= _LONGEST:
        return before, after
    start = max(_common_length(before, after) - _CONTEXT, 0)
    ends = before[start:][::-1], after[start:][::-1]
    from_end = max(_common_length(*ends) - _CONTEXT, 0)
    return _cut(before, start, from_end), _cut(after, start, from_end)


def _common_length(text: str, other: str) -> int:
    """Count the characters that two texts begin with."""
    pairs = enumerate(zip(text, other))
    return next((i for i, (a, b) in pairs if a != b), min(len(text), len(other)))


def _cut(line: str, start: int, from_end: int) -> str:
    kept = line[start : len(line) - from_end]
    if len(kept) > _LONGEST:
        kept = kept[:_LONGEST] + "..."
    elif from_end:
        kept += "..."
    return f"...{kept}" if start and kept else kept
