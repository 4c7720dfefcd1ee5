"""The circumstances of one running service: its settings, its clock, whom it trusts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from adapter.settings import Settings
from adapter.values import AsOf, parse_as_of


@dataclass(frozen=True)
class Site:
    """`open` trusts every caller; `frozen` is the as-of of a stopped clock, None when the clock runs."""

    settings: Settings
    public_url: str
    open: bool = False
    frozen: str | None = None

    def as_of(self, asked: str | None = None) -> AsOf:
        """The instant asked for, else the frozen one, else now. Raises ValueError for a text that is no instant."""
        zone = self.settings.time_zone
        text = asked or self.frozen or datetime.now(ZoneInfo(zone)).isoformat(timespec="seconds")
        return parse_as_of(text, zone)
