"""Lesions, scans and what was seen on them, in the shapes of mCODE's tumour resources."""

from __future__ import annotations

from adapter.sandbox.chart import CLINICIAN, Chart, frame, quantity
from adapter.sandbox.codings import answer, concept, named, own, scan, system
from adapter.sandbox.definitions import Imaging, Measured
from adapter.sandbox.refusal import JsonObject


def lesions(chart: Chart) -> list[JsonObject]:
    """One BodyStructure for each lesion that is followed."""
    return [
        {
            **frame("BodyStructure", chart.lesion(name), f"lesion {name}, {lesion.text}"),
            "identifier": [{"system": system("lesion"), "value": chart.lesion(name)}],
            "morphology": concept("hcc_morphology"),
            "location": concept(lesion.site),
            "description": lesion.text,
            "patient": chart.patient,
        }
        for name, lesion in chart.definition.lesions.items()
    ]


def imaging(chart: Chart, fact: Imaging) -> list[JsonObject]:
    """The study, its measurements and findings, and the report that holds them together."""
    seen = [_size(chart, fact, name, measured) for name, measured in fact.lesions.items()] + _findings(chart, fact)
    study = _study(chart, fact)
    for observation in seen:
        observation["derivedFrom"] = [{"reference": f"ImagingStudy/{study['id']}"}]
        observation["method"] = answer(f"{fact.modality}-method")
    return [study, *seen, _report(chart, fact, study, seen)]


def _study(chart: Chart, fact: Imaging) -> JsonObject:
    code = concept(scan(fact.modality))
    return {
        **frame("ImagingStudy", chart.id("study", fact.day), f"{code['text']}, {chart.day(fact.day)}"),
        "status": "available",
        "modality": [named(fact.modality)],
        "subject": chart.patient,
        "started": chart.day(fact.day),
        "procedureCode": [code],
        "description": "Synthetic study without images",
    }


def _report(chart: Chart, fact: Imaging, study: JsonObject, seen: list[JsonObject]) -> JsonObject:
    code = concept(scan(fact.modality))
    return {
        **frame("DiagnosticReport", chart.id("report", fact.day), f"report of {code['text']}, {chart.day(fact.day)}"),
        "status": "final",
        "category": [{"coding": [named("radiology")]}],
        "code": code,
        "subject": chart.patient,
        "effectiveDateTime": chart.day(fact.day),
        "performer": [{"reference": f"Practitioner/{CLINICIAN}"}],
        "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}],
        "result": [{"reference": f"Observation/{observation['id']}"} for observation in seen],
    }


def _size(chart: Chart, fact: Imaging, name: str, measured: Measured) -> JsonObject:
    lesion = chart.definition.lesions[name]
    parts: list[JsonObject] = [
        {"code": concept("tumor_longest_dimension"), "valueQuantity": quantity(measured.mm, "mm")},
        {"code": own("lesion_role"), "valueCodeableConcept": answer(lesion.role)},
    ]
    if measured.viable is not None:
        parts.append({"code": own("viable_diameter"), "valueQuantity": quantity(measured.viable, "mm")})
    if measured.enhances is not None:
        enhancement = concept("arterial_phase_hyperenhancement")
        parts.append({"code": enhancement, "valueCodeableConcept": answer(measured.enhances)})
    return {
        **chart.observation(f"size-{name.lower()}", fact.day, "imaging", concept("tumor_size")),
        "focus": [{"reference": f"BodyStructure/{chart.lesion(name)}"}],
        "bodySite": concept(lesion.site),
        "component": parts,
    }


def _findings(chart: Chart, fact: Imaging) -> list[JsonObject]:
    words = {
        "pvtt_vp_class": fact.vp,
        "hepatic_vein_invasion_class": fact.vv,
        "thrombus_enhancement": fact.thrombus_enhancement,
        "restricted_diffusion": fact.restricted_diffusion,
        "response_mrecist": fact.response,
        "distant_metastasis_status": None if fact.metastasis is None else f"metastasis-{fact.metastasis}",
    }
    found = [_finding(chart, fact, key, valueCodeableConcept=answer(word)) for key, word in words.items() if word]
    if fact.number is not None:
        found.append(_finding(chart, fact, "tumor_number", valueInteger=fact.number))
    for site in fact.progression:
        code, place = concept("progression_site"), answer(site)
        what = f"progression-{site}"
        found.append(chart.observation(what, fact.day, "imaging", code, valueCodeableConcept=place))
    return found


def _finding(chart: Chart, fact: Imaging, key: str, **value: object) -> JsonObject:
    return chart.observation(key, fact.day, "imaging", concept(key), **value)
