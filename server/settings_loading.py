"""Settings from the command line, the environment and a file, in that order."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from server.settings import Settings

CONFIG_FILE = Path("tilecast.toml")


class SettingsError(Exception):
    """The configuration can't be used; the text names the setting and what is wrong with it."""


def load_settings(flags: Mapping[str, object], config: Path | None = None) -> Settings:
    """The settings from flags, environment and file.

    ``flags`` holds the settings that were given on the command line. ``config`` is the file to
    read; without it ``tilecast.toml`` of the working directory, if there is one. Raises
    :class:`SettingsError`.
    """
    environment = EnvSettingsSource(Settings, env_ignore_empty=True)()
    layers = (
        (_read_file(config), f"{config or CONFIG_FILE}: "),
        (environment, "environment: "),
        (flags, ""),
    )
    values: dict[str, object] = {}
    origin: dict[str, str] = {}
    for layer, where in layers:
        values.update(layer)
        origin.update(dict.fromkeys(layer, where))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("; ".join(_complaints(error, origin))) from None


def _read_file(config: Path | None) -> dict[str, object]:
    path = config or CONFIG_FILE
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if config is None:
            return {}
        raise SettingsError(f"{config}: there is no such file") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None


def _complaints(error: ValidationError, origin: Mapping[str, str]) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            yield f"{origin.get(name, '')}there is no setting {name}"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            yield f"{origin.get(name, '')}{name}: {message}"
