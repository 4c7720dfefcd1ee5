"""The search for each setting's value: flag, environment, .env file, TOML file, default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from adapter.errors import SettingError
from adapter.settings.known import KNOWN, PREFIX, Setting
from adapter.settings.values import Settings, refused_text, without_secrets

CONFIG = "HCC_CONFIG"
CONFIG_FILE = "hcc-adapter.toml"

Found = tuple[str, str]


def load(
    flags: Mapping[str, str | None] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """All settings; `flags` by setting name, None where a flag was not given.

    Reads `environment` (default: the process's) and `.env` and the TOML file in `folder` (default: the working folder).
    An empty text in the environment counts as not set. Raises SettingError for an unknown key and a wrong value.
    """
    environment = os.environ if environment is None else environment
    folder = Path.cwd() if folder is None else folder
    dotenv = _dotenv(folder / ".env")
    layers = [
        {name: (text, "flag") for name, text in (flags or {}).items() if text is not None},
        _variables(environment, "environment"),
        _variables(dotenv, ".env"),
        _toml(environment.get(CONFIG) or dotenv.get(CONFIG), folder),
    ]
    return _settings({name: _first(setting, layers) for name, setting in KNOWN.items()})


def _settings(found: Mapping[str, Found]) -> Settings:
    values, wrong = {}, []
    for name, (text, source) in found.items():
        try:
            values[name] = _parsed(KNOWN[name], text, source)
        except SettingError as error:
            wrong.append(str(error))
    if wrong:
        raise SettingError(*wrong)
    return Settings(
        **values,  # type: ignore[arg-type]  # KNOWN gives each its type
        sources={name: source for name, (_, source) in found.items()},
        shown={name: _shown(KNOWN[name], text) for name, (text, _) in found.items()},
    )


def _first(setting: Setting, layers: list[dict[str, Found]]) -> Found:
    for layer in layers:
        if setting.name in layer:
            return layer[setting.name]
    if setting.name == "state":
        return _default_state(), "default"
    return setting.default or "", "default"


def _default_state() -> str:
    from platformdirs import user_data_path

    return f"sqlite:///{user_data_path('hcc-adapter', appauthor=False) / 'state.db'}"


def _parsed(setting: Setting, text: str, source: str) -> object:
    if not text and setting.default is None:
        return None
    try:
        return setting.parse(text)
    except ValueError as error:
        shown = "" if setting.secret else f"={refused_text(text)!r}"
        raise SettingError(f"{setting.variable}{shown} ({source}) is not usable: expected {error}") from None


def _shown(setting: Setting, text: str) -> str | None:
    if not text:
        return None
    return "(hidden)" if setting.secret else without_secrets(text)


def _variables(environment: Mapping[str, str], source: str) -> dict[str, Found]:
    found = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable == CONFIG:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in KNOWN or variable != variable.upper():
            raise SettingError(f"{variable} ({source}) is no setting; the nearest is {_nearest(name).variable}")
        if text.strip():
            found[name] = (text.strip(), source)
    return found


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value or "" for key, value in dotenv_values(path, interpolate=False).items()}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {_reason(error)}") from None


def _toml(named: str | None, folder: Path) -> dict[str, Found]:
    path = folder / (named or CONFIG_FILE)
    if not named and not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path} cannot be read as TOML: {_reason(error)}") from None
    found = {}
    for name, value in table.items():
        if name not in KNOWN:
            raise SettingError(f"{name} in {path} is no setting; the nearest is {_nearest(name.lower()).name}")
        text = _text(name, value, path)
        if text:
            found[name] = (text, str(path.name))
    return found


def _text(name: str, value: object, path: Path) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value).strip()
    raise SettingError(f"{name} in {path} is not usable: expected a text, a number or a list of texts")


def _nearest(name: str) -> Setting:
    return KNOWN[get_close_matches(name.removeprefix(PREFIX.lower()), KNOWN, n=1, cutoff=0)[0]]


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error).replace("\n", " ")
