"""A serving process made ready before the first call: tables read, long-lived objects out of the collector's way."""

from __future__ import annotations

import gc

from adapter.service.evaluation import evaluator_of
from adapter.service.site import Site
from adapter.settings.allocator import keep_freed_memory

# A call makes thousands of short-lived objects and hardly a cycle: the interpreter's own threshold (700) would look
# through them dozens of times a call.
_YOUNG, _MIDDLE, _OLD = 200_000, 20, 20


def warm(site: Site) -> None:
    """For the process that serves and nothing else: collection of cycles gets rare, and skips what is there now."""
    evaluator_of(site).texts(site.settings.lang)
    keep_freed_memory()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
