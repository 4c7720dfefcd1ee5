"""The end of a worker whose parent is gone: nobody could stop it any more, and it would keep the port."""

from __future__ import annotations

import os
import signal
import threading
import time

_LOOK_SECONDS = 0.5


def end_with(parent: int) -> None:
    """From now on this process ends itself, as it would on SIGTERM, soon after the process `parent` is gone."""
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
