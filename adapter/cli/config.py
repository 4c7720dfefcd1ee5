"""The command that shows all settings."""

from __future__ import annotations

from adapter.settings import KNOWN, load


def show_settings() -> int:
    """Prints one block a setting: name and value, source, meaning."""
    settings = load()
    widest = max(len(setting.variable) for setting in KNOWN.values())
    for name, setting in KNOWN.items():
        value = settings.shown[name]
        shown = value if value is not None else f"({setting.shown_default or 'none'})"
        print(f"{setting.variable:<{widest}} = {shown}  [{settings.sources[name]}]")
        print(f"{'':<{widest}}   {setting.meaning}")
    print("\nA value comes from the first of: flag, environment variable, .env, TOML file (HCC_CONFIG, default")
    print("hcc-adapter.toml in the working folder; names in lower case without HCC_), default.")
    return 0
