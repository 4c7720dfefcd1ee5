"""Names that never change: identifiers, deterministic ids and canonical URLs of what is written."""

from __future__ import annotations

import re
import uuid

from adapter.output.evaluated import WriteSite

PATHWAY = "hcc-conversion"
_UNFIT = re.compile(r"[^A-Za-z0-9]+")


class Names:
    """The names of one patient's resources, the same on every run, machine and worker."""

    def __init__(self, site: WriteSite, patient: str) -> None:
        self._site = site
        self._space = uuid.uuid5(uuid.NAMESPACE_URL, site.canonical_base)
        # On the server that was read an id is unique; elsewhere patients of several sources may meet.
        self._patient = f"{site.source}/{patient}" if site.elsewhere else patient

    def id(self, *parts: str) -> str:
        """The UUIDv5 of one of this patient's resources."""
        return str(uuid.uuid5(self._space, "|".join((self._patient, *parts))))

    @property
    def patient_key(self) -> str:
        """The value under which everything of this patient is found."""
        return self.id("patient")

    def identifiers(self, *parts: str) -> list[dict[str, str]]:
        """The resource's own identifier and the one that all of the patient's results share."""
        base = self._site.canonical_base
        return [
            {"system": result_system(base), "value": self.id(*parts)},
            {"system": patient_system(base), "value": self.patient_key},
        ]


def device_id(base: str) -> str:
    """The id of this software's Device."""
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, base), "device"))


def result_system(base: str) -> str:
    """The identifier system of single results."""
    return f"{base}/identifier/result"


def patient_system(base: str) -> str:
    """The identifier system that all results of a patient share."""
    return f"{base}/identifier/patient-results"


def code_system(base: str, name: str) -> str:
    """A code system of the project."""
    return f"{base}/CodeSystem/{name}"


def extension_url(base: str, name: str) -> str:
    """An extension of the project."""
    return f"{base}/StructureDefinition/{name}"


def pathway_canonical(base: str, edition: str) -> str:
    """The PlanDefinition of the whole pathway, with the edition as its version."""
    return f"{base}/PlanDefinition/{PATHWAY}|{edition}"


def rule_canonical(base: str, code: str, edition: str) -> str:
    """The PlanDefinition of one finding code, with the edition as its version."""
    return f"{base}/PlanDefinition/{_UNFIT.sub('-', code)}|{edition}"
