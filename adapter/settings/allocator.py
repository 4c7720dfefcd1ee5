"""The C library's memory, kept by a process that needs as much again for its next patient."""

from __future__ import annotations

import ctypes

# The parameters of glibc's mallopt(3) by their numbers in <malloc.h>, and bytes. Without them the half megabyte of a
# call goes back to the system at its end, and comes again page by page: a tenth of a call's time.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = {_TRIM_THRESHOLD: 64 << 20, _TOP_PAD: 1 << 20, _MMAP_THRESHOLD: 8 << 20}


def keep_freed_memory() -> bool:
    """Memory below these limits stays with the process; False where the C library knows no such parameters."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(parameter, limit) for parameter, limit in _KEPT.items())
