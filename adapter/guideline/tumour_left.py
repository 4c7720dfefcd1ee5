"""What is left beside the target lesions, which a complete response must not have (guideline.md 2, Response)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapter.guideline.imaging import Imaging
from adapter.timeline.events import Lesion
from adapter.values import Interval
from adapter.values.truth import NOT_MET

Size = Callable[[Lesion], Interval | None]
_VEINS = (
    ("pvtt_vp_class", "portal_vein_tumor_thrombus", "macrovascular_invasion"),
    ("hepatic_vein_invasion_class", "hepatic_vein_tumor_thrombus", "ivc_tumor_thrombus", "macrovascular_invasion"),
)
_CLEAR = frozenset({"vp0", "vv0", "absent"})
_OVERALL, _THROMBUS, _ACTIVITY = "arterial_phase_hyperenhancement", "thrombus_enhancement", "ehm_activity"
_DEAD = {_OVERALL: "absent", _THROMBUS: "absent", _ACTIVITY: "inactive"}
_ALIVE = {_OVERALL: "present", _THROMBUS: "present", _ACTIVITY: "active"}


def nothing_else(seen: list[Imaging], targets: tuple[str, ...], size: Size, whole: bool) -> bool:
    """Surely no enhancement (RECIST, `whole`: no tumour at all) beside the targets at the last of the imagings `seen`.

    What was seen before and not again is taken to be still there.
    """
    last = seen[-1:]
    if not whole and any(_says(last, _ALIVE, concept) for concept in _ALIVE):
        return False
    return not (_lesions(seen, targets, size, whole) or _thrombus(seen, whole) or _metastasis(seen, whole))


def _says(groups: Iterable[Imaging], words: dict[str, str], concept: str) -> bool:
    return any(words[concept] in group.newest(concept) for group in groups)


def _dead(since: list[Imaging], concept: str) -> bool:
    """The newest word of some imagings says that no viable tumour is left."""
    newest = next((group.newest(concept) for group in reversed(since) if group.said(concept)), frozenset())
    return newest == {_DEAD[concept]}


def _lesions(seen: list[Imaging], targets: tuple[str, ...], size: Size, whole: bool) -> bool:
    """A lesion that is no baseline target and is not surely gone; absent enhancement of all lesions clears them."""
    dead = not whole and _dead(seen[-1:], _OVERALL)
    groups = seen[-1:] if dead else seen
    others = {s.lesion or s.source: s for group in groups for s in group.lesions}
    sizes = [size(s) for name, s in others.items() if name not in targets]
    return any(s.above(0) is not NOT_MET if s is not None else not dead for s in sizes)


def _thrombus(seen: list[Imaging], whole: bool) -> bool:
    """A thrombus by the newest records of either vein, not surely without enhancement since."""
    for concepts in _VEINS:
        for index in range(len(seen) - 1, -1, -1):
            words = {word for concept in concepts for word in seen[index].newest(concept)}
            if words - _CLEAR and (whole or not _dead(seen[index:], _THROMBUS)):
                return True
            if words:
                break
    return False


def _metastasis(seen: list[Imaging], whole: bool) -> bool:
    """Metastasis by the newest status, not surely inactive since."""
    for index in range(len(seen) - 1, -1, -1):
        words = seen[index].newest("distant_metastasis_status")
        if words:
            return "present" in words and (whole or not _dead(seen[index:], _ACTIVITY))
    return False
