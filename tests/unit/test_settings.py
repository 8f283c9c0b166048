"""Settings: where they come from, what they may be, and that the documents name them all."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from server.cli_flags import settings_of
from server.cli_serve import add_command
from server.setting_types import check_canvas_name, parse_colour
from server.settings import ENV_PREFIX, Settings
from server.settings_loading import SettingsError, load_settings
from server.settings_page import PAGE, page
from server.welcome import WelcomeLimits


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own, and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(ENV_PREFIX + name.upper(), raising=False)
    return tmp_path


def from_flags(*arguments: str) -> Settings:
    """The settings of a ``tilecast serve`` command line."""
    import argparse

    parser = argparse.ArgumentParser()
    add_command(parser.add_subparsers())
    return settings_of(parser.parse_args(["serve", *arguments]))


def test_order_of_sources(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SET-1: flag, then environment, then file, then default."""
    assert load_settings({}).port == 8080
    (elsewhere / "tilecast.toml").write_text("port = 1\nwidth = 1\nheight = 1\n")
    monkeypatch.setenv("TILECAST_PORT", "2")
    monkeypatch.setenv("TILECAST_WIDTH", "2")
    settings = from_flags("--port", "3")
    assert (settings.port, settings.width, settings.height) == (3, 2, 1)
    (elsewhere / "other.toml").write_text("height = 7\n")
    settings = from_flags("--config", "other.toml")
    assert (settings.port, settings.width, settings.height) == (2, 2, 7)


def test_nothing_else_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings made in the code look at nothing but their arguments."""
    monkeypatch.setenv("TILECAST_PORT", "2")
    assert Settings().port == 8080


EXAMPLES = {
    "host": ("::1", "::1"),
    "root_path": ("/art", "/art"),
    "trusted_proxies": ("10.0.0.1,fd00::/8", (ip_network("10.0.0.1"), ip_network("fd00::/8"))),
    "data": ("elsewhere", Path("elsewhere")),
    "canvas": ("wall", "wall"),
    "background": ("#F80", (255, 136, 0)),
    "cluster": ("nats://a:1,tls://u:p@b", ("nats://a:1", "tls://u:p@b")),
    "replicas": ("3", 3),
    "nats_credentials": ("n.creds", Path("n.creds")),
    "nats_ca": ("ca.pem", Path("ca.pem")),
    "nats_certificate": ("n.pem", Path("n.pem")),
    "nats_key": ("n.key", Path("n.key")),
    "snapshot_bytes": ("2097152", 2_097_152),
    "allow_origin": ("https://A.test http://b.test:8", ("https://a.test", "http://b.test:8")),
    "allow_framing": ("none", ()),
    "log_level": ("debug", "debug"),
    "log_format": ("json", "json"),
    "access_log": ("true", True),
    "clock_interval_s": ("3", 3.0),
    "overview_interval_ms": ("77", 77),
    "slow_reader_bytes": ("8192", 8192),
    "memory_budget_bytes": ("2097152", 2_097_152),
}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_every_source(
    name: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SET-1: as a flag, in the environment and in the file it means the same."""
    text, value = EXAMPLES.get(name, ("7", 7))
    flagged = from_flags(f"--{name.replace('_', '-')}", *(() if value is True else (text,)))
    assert getattr(flagged, name) == value
    assert getattr(flagged, name) != Settings.model_fields[name].default
    monkeypatch.setenv(ENV_PREFIX + name.upper(), text)
    assert load_settings({}) == flagged
    monkeypatch.delenv(ENV_PREFIX + name.upper())
    (elsewhere / "tilecast.toml").write_text(f'{name} = "{text}"\n')
    assert load_settings({}) == flagged


def test_the_page_is_up_to_date() -> None:
    """SET-1: docs/settings.md is what `python -m server.settings_page` writes."""
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_line(name: str) -> None:
    """SET-1: with its flag, its default and a sentence."""
    (line,) = [line for line in page().splitlines() if line.startswith(f"| `{name}`")]
    assert f"`--{name.replace('_', '-')}`" in line
    assert line.rstrip(" |").endswith(".")


def test_lists_in_a_file_and_repeated_flags(elsewhere: Path) -> None:
    """A list is an array in the file, and its flag may come several times."""
    (elsewhere / "tilecast.toml").write_text('allow_origin = ["https://a.test", "https://b.test"]')
    both = ("https://a.test", "https://b.test")
    assert load_settings({}).allow_origin == both
    flags = ("--allow-origin", "https://a.test", "--allow-origin", "https://b.test")
    assert from_flags(*flags).allow_origin == both


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "x"),
        ("width", "0"),
        ("height", "65537"),
        ("background", "red"),
        ("background", "#12345"),
        ("canvas", "Main"),
        ("canvas", ""),
        ("canvas", "a" * 65),
        ("canvas", "a/b"),
        ("canvas", "-a"),
        ("max_connections", "-1"),
        ("hello_timeout_s", "0"),
        ("allow_origin", "a.test"),
        ("allow_origin", "https://a.test/"),
        ("trusted_proxies", "10.0.0.300"),
        ("root_path", "art"),
        ("root_path", "/art/"),
        ("root_path", '/"><script>'),
        ("log_level", "loud"),
        ("no_such_setting", "1"),
    ],
)
def test_what_is_refused(name: str, value: str, elsewhere: Path) -> None:
    """The complaint names the setting and where it stands."""
    (elsewhere / "tilecast.toml").write_text(f"{name} = '{value}'\n")
    with pytest.raises(SettingsError) as error:
        load_settings({})
    assert name in str(error.value)
    assert str(error.value).startswith("tilecast.toml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["port = ", "\xff", "port = 1\nport = 2\n"])
def test_a_broken_file(text: str, elsewhere: Path) -> None:
    """What isn't TOML is a complaint about the file."""
    (elsewhere / "tilecast.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"tilecast\.toml"):
        load_settings({})


def test_a_missing_file(elsewhere: Path) -> None:
    """A file that is named must be there; the usual one needn't."""
    with pytest.raises(SettingsError, match="there is no such file"):
        load_settings({}, elsewhere / "no.toml")
    (elsewhere / "folder.toml").mkdir()
    with pytest.raises(SettingsError, match=r"folder\.toml"):
        load_settings({}, elsewhere / "folder.toml")


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """As deployment files like to pass them."""
    monkeypatch.setenv("TILECAST_PORT", "")
    assert load_settings({}).port == 8080


def test_settings_do_not_change() -> None:
    """What a part has read stays true."""
    with pytest.raises(ValidationError):
        setattr(Settings(), "port", 1)  # noqa: B010  it is read-only to the type checker too


def test_colours() -> None:
    """#rrggbb and #rgb, in either case."""
    assert parse_colour("#0aF") == (0, 170, 255)
    assert parse_colour("#00aAff") == (0, 170, 255)
    for text in ("", "#", "#1234", "00aaff", "#00aag0", "#00aaff ", "#１２３"):
        with pytest.raises(ValueError, match="is no colour"):
            parse_colour(text)


def test_canvas_names() -> None:
    """Safe in a path and in a file name."""
    for name in ("a", "0", "a-b_c", "a" * 64):
        assert check_canvas_name(name) == name
    for name in ("", "_a", "A", "a.b", "ä", "a\n", ".."):
        with pytest.raises(ValueError, match="is no canvas name"):
            check_canvas_name(name)


def test_limits_in_welcome_are_named_as_settings() -> None:
    """WELCOME's limits can be looked up in the settings' page."""
    assert WelcomeLimits.model_fields.keys() <= Settings.model_fields.keys()
    assert WelcomeLimits.of(Settings(max_cursors=3)).max_cursors == 3
