"""One patient's story laid out on one screen of a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from adapter.guideline.model import Assessment
from adapter.output.phrases import Phrases
from adapter.output.story import GRAVITY, Item, story
from adapter.output.wordbook import Texts

WIDTH = 100
LINES = 40
MOST_LINES_OF_AN_ITEM = 3
SUPPORTS = (2, 1)
MARKS = {"critical": "!! ", "warning": "!  ", "info": "-  "}
INDENT = "   "
UNTOLD = frozenset({"deceased", "no-hcc"})
ELLIPSIS = "..."
MOST_CODES = 3

# Terminal sequences (CSI, OSC, and the two-character ones), which must not act when they come from a record.
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b.?")
_LATIN = r"[\u0021-\u02ff\u2010-\u2027\u2030-\u205e\u20ac]+"
_PIECE = re.compile(rf"\s+|{_LATIN}|.[\uff0c\u3002\uff1b\uff1a\u3001\uff09\uff01\uff1f]*", re.DOTALL)

Block = list[str]


class Screen:
    """The lines of one assessment in one language."""

    def __init__(self, assessment: Assessment, texts: Texts) -> None:
        self.assessment = assessment
        self.phrases = Phrases(texts)
        self.story = story(assessment, texts)

    def lines(
        self, *, rejected: int, unmapped: int, incomplete: tuple[str, ...], codes: Sequence[str] = ()
    ) -> Iterator[str]:
        """At most `LINES` lines of at most `WIDTH` columns: four sections, what was not used, who decides.

        `codes`: unknown codes, named where nothing says HCC, because one of them may be it.
        """
        head = [self.phrases.say("situation"), *_each(self.story.situation)]
        named = codes if self.assessment.phase == "no-hcc" else ()
        tail = [*self._unused(rejected, unmapped, incomplete, named), *self._choices()]
        tail += wrapped(self.phrases.say("team"))
        yield from head
        if self.assessment.phase not in UNTOLD:
            calm = self._calm()
            yield from self._sections(LINES - len(head) - len(tail) - len(calm) - 1, calm)
        yield ""
        yield from tail

    def _sections(self, room: int, calm: Block) -> Iterator[str]:
        told = {"wrong": self.story.wrong, "plan": self.story.plan, "missing": self.story.missing}
        room -= 2 * len(told)
        most = next((most for most in SUPPORTS if sum(_heights(told.values(), most)) <= room), SUPPORTS[-1])
        rooms = shared(room, _heights(told.values(), most))
        for (name, items), granted in zip(told.items(), rooms, strict=True):
            yield ""
            yield self.phrases.say(name)
            nothing = wrapped(self.phrases.say(f"nothing-{name}"), INDENT)
            yield from self._fitted(items, granted, most) if items else nothing
            if name == "wrong":
                yield from calm

    def _fitted(self, items: Sequence[Item], room: int, most: int) -> Block:
        """The items in a room: the least grave first lose their support, then are only counted."""
        blocks = {index: _block(item, most) for index, item in enumerate(items)}
        gravity = {index: (not item.kept, GRAVITY.index(item.gravity), index) for index, item in enumerate(items)}
        given_up = sorted(blocks, key=lambda index: gravity[index], reverse=True)
        for index in given_up:
            if _total(blocks) > room:
                blocks[index] = _block(items[index], 0)
        if _total(blocks) <= room:
            return [line for block in blocks.values() for line in block]
        for index in given_up:
            if _total(blocks) > room - 1:
                del blocks[index]
        left = [line for block in blocks.values() for line in block]
        return [*left, *wrapped(self.phrases.say("more", count=len(items) - len(blocks)), INDENT)]

    def _calm(self) -> Block:
        """One line with the topics that raised no alarm, as many as it takes."""
        topics = self.story.calm
        for count in range(len(topics), 0, -1):
            left = f" +{len(topics) - count}" if count < len(topics) else ""
            lines = wrapped(self.phrases.say("calm", topics=self.phrases.listed(topics[:count]) + left), INDENT)
            if len(lines) == 1:
                return lines
        return []

    def _choices(self) -> Block:
        """What the site chose otherwise than the sources or the project."""
        chosen = self.assessment.notes
        return wrapped(self.phrases.say("choices", choices="; ".join(chosen))) if chosen else []

    def _unused(self, rejected: int, unmapped: int, incomplete: tuple[str, ...], codes: Sequence[str]) -> Block:
        told = [self.phrases.say("unused", rejected=rejected, unmapped=unmapped)]
        told += [self.phrases.say("unknown-codes", codes="; ".join(codes[:MOST_CODES]))] if codes else []
        told += [self.phrases.say("incomplete", kinds=", ".join(dict.fromkeys(incomplete)))] if incomplete else []
        return wrapped(self.phrases.joined(told))


def clean(text: str) -> str:
    """The text without terminal sequences, control, format and unassigned characters, blanks collapsed."""
    plain = _SEQUENCE.sub(" ", text)
    return " ".join("".join(" " if unicodedata.category(c).startswith("C") else c for c in plain).split())


def columns(text: str) -> int:
    """The columns that a text takes; wide and ambiguous characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WFA" else 1 for c in text)


def wrapped(text: str, first: str = "", later: str = INDENT) -> Block:
    """The text in lines of at most `WIDTH` columns, cut after a few."""
    lines, line = [], first
    for piece in _PIECE.findall(clean(text)):
        for part in _parts(piece):
            if columns(line) + columns(part.rstrip()) > WIDTH:
                lines.append(line.rstrip())
                line = later + part.lstrip()
            else:
                line += part
    lines.append(line.rstrip())
    if len(lines) > MOST_LINES_OF_AN_ITEM:
        lines = lines[:MOST_LINES_OF_AN_ITEM]
        lines[-1] = _cut(lines[-1])
    return lines


def _parts(piece: str) -> Iterator[str]:
    """A piece that is wider than a line in several."""
    longest = WIDTH // 2
    while len(piece) > longest:
        yield piece[:longest]
        piece = piece[longest:]
    yield piece


def _cut(line: str) -> str:
    while columns(line) > WIDTH - len(ELLIPSIS):
        line = line[:-1]
    return line.rstrip(" ,;") + ELLIPSIS


def shared(room: int, heights: Sequence[int]) -> list[int]:
    """How many lines each section gets: an equal share, and what one leaves goes to the others in order."""
    granted = [min(height, room // len(heights)) for height in heights]
    for index, height in enumerate(heights):
        granted[index] += min(height - granted[index], room - sum(granted))
    return granted


def _heights(sections: Iterable[Sequence[Item]], most: int) -> list[int]:
    """The lines of each section with so many lines of support an item; an empty one says so in one."""
    return [sum(len(_block(item, most)) for item in items) or 1 for items in sections]


def _total(blocks: Mapping[int, Block]) -> int:
    return sum(map(len, blocks.values()))


def _block(item: Item, most: int) -> Block:
    support = [wrapped(text, f"{INDENT}* ", f"{INDENT}  ") for text in item.support[:most]]
    return [*wrapped(item.text, MARKS[item.gravity]), *(line for lines in support for line in lines)]


def _each(texts: Iterable[str]) -> Block:
    return [line for text in texts for line in wrapped(text, INDENT, INDENT * 2)]
