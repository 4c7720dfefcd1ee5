"""The site's settings: what can be set, where a value came from, and the values that the commands use."""

from adapter.settings.known import KNOWN, Setting
from adapter.settings.loading import load
from adapter.settings.values import Settings

__all__ = ["KNOWN", "Setting", "Settings", "load"]
