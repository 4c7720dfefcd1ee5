"""The definitions of the synthetic patients: strict shapes of patients/*.yaml.

Days are whole days relative to the day of the bundles: -21 is three weeks before, 5 is in five days. `days` is one day,
a list, or `{from, every, until}`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
import yaml

from adapter.errors import TableError


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a definition; an unknown key is an error."""


class Every(Part, frozen=True, kw_only=True, rename={"start": "from"}):
    """Evenly spaced days, both ends included."""

    start: int
    every: int
    until: int


Days = int | list[int] | Every
Numbers = float | list[float]


class Name(Part, frozen=True, kw_only=True):
    """A synthetic name in English and Chinese."""

    family: str
    given: str
    family_zh: str
    given_zh: str


class Lesion(Part, frozen=True, kw_only=True):
    """A lesion that is followed: where it is, in words and as a concept of the mappings."""

    text: str
    site: str = "body_site_liver"
    role: str = "target"


class ConditionFact(Part, frozen=True, kw_only=True):
    """A diagnosis from `day`, over on `end`."""

    code: str
    day: int
    end: int | None = None
    clinical: str = "active"


class Visits(Part, frozen=True, kw_only=True):
    """Blood draws with panels, `values` spread evenly over the days, and clinical grades of the same days."""

    days: Days
    panels: tuple[str, ...] = ("blood-count", "liver", "kidney", "markers")
    values: dict[str, Numbers] = {}
    ecog: Numbers | None = None
    ascites: str | None = None
    encephalopathy: int | None = None


class Serology(Part, frozen=True, kw_only=True):
    """Virus tests of one day; a load is IU/mL or the word not-detected."""

    day: int
    hbsag: str | None = None
    anti_hbc_total: str | None = None
    anti_hcv: str | None = None
    hbv_dna: float | str | None = None
    hcv_rna: float | str | None = None


class ObservationFact(Part, frozen=True, kw_only=True):
    """Any other observation; an amount has a unit, a word is an answer, a boolean is itself."""

    code: str
    day: int
    value: bool | float | str
    unit: str | None = None


class Measured(Part, frozen=True, kw_only=True):
    """One lesion on one scan: whole and viable diameter in mm, arterial enhancement."""

    mm: float
    viable: float | None = None
    enhances: str | None = None


class Imaging(Part, frozen=True, kw_only=True):
    """A scan with what was seen."""

    day: int
    modality: str = "mri"
    lesions: dict[str, Measured] = {}
    number: int | None = None
    vp: str | None = None
    vv: str | None = None
    metastasis: str | None = None
    thrombus_enhancement: str | None = None
    restricted_diffusion: str | None = None
    response: str | None = None
    progression: list[str] = []


class Doses(Part, frozen=True, kw_only=True):
    """Infusions that were given, one a day."""

    drug: str
    days: Days
    mg: float


class Tablets(Part, frozen=True, kw_only=True):
    """An oral drug that was or is taken; `reference` writes the drug as a Medication of its own."""

    drug: str
    start: int
    end: int | None = None
    mg: float
    reference: bool = False


class Prescription(Part, frozen=True, kw_only=True):
    """A drug order that is not carried out yet."""

    drug: str
    authored: int
    day: int
    status: str = "draft"


class ProcedureFact(Part, frozen=True, kw_only=True):
    """Procedures that were done."""

    code: str
    days: Days


class Order(Part, frozen=True, kw_only=True):
    """An order for a procedure; with an appointment when `booked`."""

    code: str
    day: int
    authored: int
    booked: bool = False


class AdverseEvent(Part, frozen=True, kw_only=True):
    """An adverse event with its CTCAE grade."""

    name: str
    day: int
    grade: int
    end: int | None = None
    related: bool = True


class Pathology(Part, frozen=True, kw_only=True):
    """The report on a resected specimen: residual viable tumour in percent."""

    day: int
    viable: float
    margin: str = "R0"
    new_lesion: bool = False


class Board(Part, frozen=True, kw_only=True):
    """A conference of the multidisciplinary team."""

    day: int
    conclusion: str


class Fact(Part, frozen=True, kw_only=True):
    """One fact of a course: exactly one member is given."""

    condition: ConditionFact | None = None
    visits: Visits | None = None
    serology: Serology | None = None
    observation: ObservationFact | None = None
    imaging: Imaging | None = None
    doses: Doses | None = None
    tablets: Tablets | None = None
    prescription: Prescription | None = None
    procedure: ProcedureFact | None = None
    order: Order | None = None
    adverse_event: AdverseEvent | None = None
    pathology: Pathology | None = None
    board: Board | None = None

    def __post_init__(self) -> None:
        if len(self._kinds()) != 1:
            raise ValueError("a fact needs exactly one kind")

    @property
    def kind(self) -> str:
        """The name of the member that is given."""
        return self._kinds()[0]

    @property
    def given(self) -> Part:
        """The member that is given."""
        part: Part = getattr(self, self.kind)
        return part

    def _kinds(self) -> list[str]:
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]


class Definition(Part, frozen=True, kw_only=True):
    """One synthetic patient."""

    key: str
    story: str
    name: Name
    age: int
    sex: str
    height: float
    weight: float
    lesions: dict[str, Lesion] = {}
    facts: list[Fact]


@cache
def definitions() -> tuple[Definition, ...]:
    """Every synthetic patient, by key. Raises TableError that names the file and what is wrong in it."""
    folder = resources.files(__package__).joinpath("patients")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple(definition_of(file.name, file.read_text(encoding="utf-8")) for file in files)


def days_of(days: Days) -> list[int]:
    """The days that a definition names, in its order."""
    if isinstance(days, Every):
        return list(range(days.start, days.until + 1, days.every))
    return [days] if isinstance(days, int) else list(days)


def definition_of(name: str, text: str) -> Definition:
    """One definition from the text of the file of this name. Raises TableError for anything that does not fit."""
    try:
        return msgspec.convert(yaml.safe_load(text), Definition)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise TableError(f"sandbox/patients/{name}: {reason}; correct the definition") from None
