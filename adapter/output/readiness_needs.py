"""What each finding needs of a record: its declared inputs with alternatives joined, expected or occasional."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files

import msgspec
import yaml

from adapter.errors import TableError
from adapter.guideline.inputs import everything, inputs
from adapter.guideline.thresholds import Thresholds
from adapter.terminology import Terminology
from adapter.values.text import one_line

COURSE = "course"
PERSON = ("birth", "sex")
RARE_KINDS = frozenset(("drug", "procedure", "condition"))


class Way(msgspec.Struct, frozen=True):
    """One input: a concept, a group or an element of Patient. `limit`: freshness limit in `days`, None for any age."""

    name: str
    limit: str | None = None
    days: int | None = None


class Need(msgspec.Struct, frozen=True):
    """Inputs of which one is enough. `occasional`: its absence is no lack."""

    ways: tuple[Way, ...]
    occasional: bool

    @property
    def name(self) -> str:
        """The input that names all of them."""
        return self.ways[0].name


class _Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    either: tuple[tuple[str, ...], ...]
    occasional: frozenset[str]
    expected: frozenset[str]
    refines: dict[str, frozenset[str]]


def weights() -> _Weights:
    """The table of alternatives and occasional inputs. Raises TableError when it does not hold."""
    return read_weights((files("adapter.output") / "readiness.yaml").read_bytes())


def read_weights(content: bytes) -> _Weights:
    """The table in YAML, checked against what findings read. Raises TableError."""
    try:
        found = msgspec.convert(yaml.load(content, yaml.CSafeLoader), _Weights)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise TableError(f"readiness.yaml: {one_line(str(error))}; correct the file") from None
    named = [name for group in found.either for name in group]
    if wrong := ({*named, *found.occasional, *found.expected} - set(input_names())) | _misread(found.refines):
        raise TableError(f"readiness.yaml: {sorted(wrong)[0]} is no input there; correct the file")
    if len(named) != len(set(named)):
        raise TableError("readiness.yaml: an alternative stands in two rows; correct the file")
    return found


def _misread(refines: Mapping[str, frozenset[str]]) -> set[str]:
    """What a finding is said to refine with and does not read."""
    declared = inputs()
    read = {code: set(declared[code].reads) if code in declared else set() for code in refines}
    return {name for code, names in refines.items() for name in names - read[code]}


def input_names() -> tuple[str, ...]:
    """Every concept and group that some finding reads, in the order of the findings."""
    names = [*everything(), *(name for found in inputs().values() for name in found.reads)]
    return tuple(dict.fromkeys(names))


def needs(terminology: Terminology, thresholds: Thresholds) -> Mapping[str, tuple[Need, ...]]:
    """By finding code; `course` is what every finding rests on."""
    table = weights()
    wanted: dict[str, tuple[Mapping[str, str | None], tuple[str, ...]]] = {COURSE: (everything(), ())}
    wanted |= {code: (found.reads, found.person) for code, found in inputs().items()}
    weigh = _Weighing(table, terminology, thresholds)
    return {
        code: tuple(weigh.joined(reads, person, table.refines.get(code, frozenset())))
        for code, (reads, person) in wanted.items()
    }


class _Weighing:
    """Joins the declared inputs of findings into needs."""

    def __init__(self, table: _Weights, terminology: Terminology, thresholds: Thresholds) -> None:
        self._table = table
        self._terminology = terminology
        self._thresholds = thresholds
        self._first = {name: group for group in table.either for name in group}

    def joined(
        self, reads: Mapping[str, str | None], person: Iterable[str], refining: frozenset[str]
    ) -> Iterator[Need]:
        """The needs of one finding, expected ones first; `refining` inputs are occasional here."""
        groups: dict[str, list[Way]] = {}
        for name in self._ordered(reads):
            key = self._first[name][0] if name in self._first else name
            groups.setdefault(key, []).append(self._way(name, reads[name]))
        found = [
            Need(tuple(ways), key in refining or all(self._rare(way.name) for way in ways))
            for key, ways in groups.items()
        ]
        found += [Need((Way(name),), False) for name in person]
        yield from sorted(found, key=lambda need: need.occasional)

    def _ordered(self, reads: Mapping[str, str | None]) -> list[str]:
        """The declared order, but alternatives in the order in which they are listed."""
        place = {name: number for group in self._table.either for number, name in enumerate(group)}
        return sorted(reads, key=lambda name: place.get(name, 0))

    def _way(self, name: str, limit: str | None) -> Way:
        if limit is None:
            return Way(name)
        topic, key = limit.split("/")
        return Way(name, limit, self._thresholds.limit(topic, key).days)

    def _rare(self, name: str) -> bool:
        if name in self._table.expected:
            return False
        members = self._terminology.members(name)
        kinds = frozenset().union(*(self._terminology.codes.kinds.get(member, ()) for member in members))
        return name in self._table.occasional or (kinds <= RARE_KINDS and name not in PERSON)
