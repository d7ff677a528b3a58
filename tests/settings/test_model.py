"""Every FPROM_* setting, from text and from Python, parsed and validated once."""

from __future__ import annotations

import copy
import dataclasses
import ipaddress
import os
import pickle
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from fprom_middleware import FpromConfigError, FpromError, FpromSettings

KEY = "k3y-CANARY-0123456789"
SECRET = "s3cret-CANARY-abcdef-0123456789"
OTHER_SECRET = "another-CANARY-abcdef-0123456789"
PASSWORD = "pa55-CANARY"
GOOD = {"FPROM_API_KEY": KEY, "FPROM_ACCOUNT_ID": "acc-1"}


def agree(_connection: Any) -> bool:
    """Stand in for a hook."""
    return True


def from_mapping(**keys: Any) -> FpromSettings:
    """Read FPROM_* keys beside valid credentials."""
    return FpromSettings.from_mapping({**GOOD, **keys})


def label(value: object) -> str:
    """Name a value in a test's id, the same in every process."""
    return ascii(value)[:40] if isinstance(value, str | int) else type(value).__name__


def refused(**keys: Any) -> FpromConfigError:
    """Return the refusal of some keys."""
    with pytest.raises(FpromConfigError) as caught:
        from_mapping(**keys)
    return caught.value


# --- Defaults -----------------------------------------------------------------------------

DEFAULTS = {
    "api_key": KEY,
    "account_id": "acc-1",
    "enabled": True,
    "base_url": "https://api.firstpromoter.com/api/v2/track",
    "timeout": 10.0,
    "trusted_proxies": 0,
    "client_ip_header": None,
    "send_ip": "public",
    "delivery": "outbox",
    "outbox_url": "sqlite:///.fprom/outbox.db",
    "worker": "thread",
    "history_days": 30,
    "rate_limit": 300,
    "secret_keys": (),
    "keep_days": 0,
    "keep_name": "fprom_keep",
    "keep_domain": None,
    "respect_gpc": True,
    "link_params": (),
    "tid_header": None,
    "script_proxy": None,
    "script_file": None,
    "consent": None,
    "before_send": None,
    "on_outcome": None,
}


def test_defaults() -> None:
    """Two credentials are all that is required."""
    settings = FpromSettings(api_key=KEY, account_id="acc-1")

    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert {field.name for field in dataclasses.fields(settings)} == set(DEFAULTS)


@pytest.mark.parametrize("value", [None, "", " ", "\t\n"])
def test_blank_is_unset(value: str | None) -> None:
    """A key that is None or blank in a mapping keeps its default."""
    keys = {f"FPROM_{name.upper()}": value for name in DEFAULTS}

    assert FpromSettings.from_mapping({**keys, **GOOD}) == FpromSettings.from_mapping(GOOD)


def test_none_is_unset() -> None:
    """An argument that is None keeps its default."""
    unset: dict[str, Any] = dict.fromkeys(DEFAULTS)

    assert FpromSettings(**{**unset, "api_key": KEY, "account_id": "acc-1"}) == from_mapping()


# --- What is read -------------------------------------------------------------------------

READS = [
    ("api_key", " key-1 ", "key-1"),
    ("api_key", 123456, "123456"),
    ("account_id", "abc", "abc"),
    ("account_id", 8123, "8123"),
    ("account_id", "007", "007"),
    *[("enabled", text, True) for text in (True, "true", "True", " TRUE ", "yes", "on", "1", 1)],
    *[("respect_gpc", text, False) for text in (False, "false", "False", "no", "off", "0", 0)],
    ("base_url", "https://example.com/api/", "https://example.com/api"),
    ("base_url", "https://v2.firstpromoter.com/api/v2/track", None),
    ("base_url", "http://127.0.0.1:8100/api/v2/track", None),
    ("base_url", "http://127.9.9.9:8100/x", None),
    ("base_url", "http://[::1]:8100/x", None),
    ("base_url", "http://localhost:8100/x", None),
    ("base_url", "http://LocalHost/x", None),
    ("base_url", "https://example.com", None),
    ("timeout", "2.5", 2.5),
    ("timeout", 3, 3.0),
    ("timeout", 0.1, 0.1),
    ("timeout", " 300 ", 300.0),
    ("timeout", "1e1", 10.0),
    ("trusted_proxies", 2, 2),
    ("trusted_proxies", "2", 2),
    ("trusted_proxies", " 1 ", 1),
    ("trusted_proxies", 0, 0),
    ("trusted_proxies", "10.0.0.0/8", ("10.0.0.0/8",)),
    ("trusted_proxies", "10.0.0.1", ("10.0.0.1/32",)),
    ("trusted_proxies", "loopback", ("loopback",)),
    ("trusted_proxies", "Loopback, PRIVATE", ("loopback", "private")),
    ("trusted_proxies", "Internal,link-local, shared", ("internal", "link-local", "shared")),
    ("trusted_proxies", "10.0.0.0/8,, ::1 ,", ("10.0.0.0/8", "::1/128")),
    ("trusted_proxies", ["private", "192.0.2.1"], ("private", "192.0.2.1/32")),
    ("trusted_proxies", ("2001:DB8::/32",), ("2001:db8::/32",)),
    ("trusted_proxies", ["::ffff:10.0.0.0/104"], ("10.0.0.0/8",)),
    ("trusted_proxies", (word for word in ["private"]), ("private",)),
    ("trusted_proxies", [], ()),
    ("client_ip_header", "CF-Connecting-IP", None),
    ("client_ip_header", "Forwarded", None),
    ("client_ip_header", " Fly-Client-IP ", "Fly-Client-IP"),
    ("tid_header", "X-Fprom-Tid", None),
    ("script_proxy", "/partners", None),
    ("script_proxy", " /a/b.c_d~e-f/ ", "/a/b.c_d~e-f"),
    ("script_proxy", "/.well-known/x", None),
    ("script_file", __file__, None),
    ("script_file", f" {__file__} ", __file__),
    ("script_file", Path(__file__), __file__),
    ("send_ip", "never", None),
    ("send_ip", " ANY ", "any"),
    ("send_ip", "truncated", None),
    ("send_ip", "public", None),
    ("delivery", "inline", None),
    ("delivery", " Memory", "memory"),
    ("delivery", "Outbox", "outbox"),
    ("worker", "none", None),
    ("worker", "thread", None),
    ("outbox_url", "postgresql+psycopg://u:p@db.example.com/app", None),
    ("outbox_url", " sqlite:///:memory: ", "sqlite:///:memory:"),
    ("rate_limit", "60", 60),
    ("rate_limit", 1, 1),
    ("secret_keys", SECRET, (SECRET,)),
    ("secret_keys", f"{SECRET} , {OTHER_SECRET},", (SECRET, OTHER_SECRET)),
    ("secret_keys", [SECRET, OTHER_SECRET], (SECRET, OTHER_SECRET)),
    ("keep_days", "0", 0),
    ("keep_domain", "example.com", None),
    ("keep_name", " __Host-keep_1 ", "__Host-keep_1"),
    ("history_days", "0", 0),
    ("account_id", "x" * 255, None),
    ("account_id", "8#123", None),
    ("outbox_url", "django:default", None),
    ("keep_domain", ".Example.COM", "example.com"),
    ("keep_domain", "localhost", None),
    ("link_params", [], ()),
    ("consent", agree, None),
    ("before_send", "os.path.join", os.path.join),
    ("on_outcome", "os.path:join", os.path.join),
    ("consent", f"{__name__}.agree", agree),
]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [pytest.param(*row, id=f"{row[0]}-{label(row[1])}") for row in READS],
)
def test_every_key_is_read(name: str, value: Any, expected: Any) -> None:
    """A value means the same from Python, from a config object and, as text, from there too."""
    expected = value if expected is None else expected
    credentials = {"api_key": KEY, "account_id": "acc-1"}
    if not hasattr(value, "__next__"):
        mapping = {**GOOD, f"FPROM_{name.upper()}": value}
        assert getattr(FpromSettings.from_mapping(mapping), name) == expected

    assert getattr(FpromSettings(**{**credentials, name: value}), name) == expected


def test_keep_and_link_params_with_secret_keys() -> None:
    """What signs a cookie of its own works with a secret key."""
    settings = from_mapping(
        FPROM_KEEP_DAYS="60", FPROM_LINK_PARAMS="fpr, via", FPROM_SECRET_KEYS=SECRET
    )

    assert (settings.keep_days, settings.link_params) == (60, ("fpr", "via"))


def test_other_keys_of_a_mapping_are_not_looked_at() -> None:
    """A config object holds much that is not ours, under keys of any type."""

    class Jealous(Mapping[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            assert str(key).startswith("FPROM_")
            return GOOD[key]

        def __iter__(self) -> Any:
            yield from [1, None, "SECRET_KEY", "fprom_api_key", "XFPROM_X", "FPROM", *GOOD]

        def __len__(self) -> int:
            return 8

    assert FpromSettings.from_mapping(Jealous()).api_key == KEY


def test_from_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process environment is one such mapping."""
    for key in list(os.environ):
        if key.startswith("FPROM_"):
            monkeypatch.delenv(key)
    for key, value in {**GOOD, "FPROM_TRUSTED_PROXIES": "1", "FPROM_TIMEOUT": ""}.items():
        monkeypatch.setenv(key, value)

    settings = FpromSettings.from_env()

    assert (settings.account_id, settings.trusted_proxies, settings.timeout) == ("acc-1", 1, 10.0)


def test_the_constructor_reads_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments are all that FpromSettings(...) looks at."""
    monkeypatch.setenv("FPROM_TIMEOUT", "99")
    monkeypatch.setenv("FPROM_ENABLED", "false")

    assert FpromSettings(api_key=KEY, account_id="a").timeout == 10.0
    with pytest.raises(TypeError):
        FpromSettings(FPROM_API_KEY=KEY)  # type: ignore[call-arg]


def test_from_prefixed_env_of_flask() -> None:
    """Flask reads an environment as JSON: ids become ints, False stays a word."""
    flask = pytest.importorskip("flask")
    app = flask.Flask("shop")
    environ = {
        "FLASK_FPROM_API_KEY": "1234567890",
        "FLASK_FPROM_ACCOUNT_ID": "8123",
        "FLASK_FPROM_ENABLED": "False",
        "FLASK_FPROM_RESPECT_GPC": "false",
        "FLASK_FPROM_TRUSTED_PROXIES": '["10.0.0.0/8", "loopback"]',
        "FLASK_FPROM_TIMEOUT": "2.5",
        "FLASK_FPROM_KEEP_DOMAIN": "null",
    }
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environ.items():
            patch.setenv(key, value)
        app.config.from_prefixed_env()
    assert app.config["FPROM_ENABLED"] == "False"

    settings = FpromSettings.from_mapping(app.config)

    assert (settings.api_key, settings.account_id) == ("1234567890", "8123")
    assert (settings.enabled, settings.respect_gpc) == (False, False)
    assert settings.trusted_proxies == ("10.0.0.0/8", "loopback")
    assert (settings.timeout, settings.keep_domain) == (2.5, None)


def test_a_config_of_starlette(tmp_path: Any) -> None:
    """A .env file's lines are text, which is parsed like an environment's."""
    config = pytest.importorskip("starlette.config")
    file = tmp_path / ".env"
    file.write_text(f"FPROM_API_KEY={KEY}\nFPROM_ACCOUNT_ID=1\nFPROM_TRUSTED_PROXIES=private\n")

    settings = FpromSettings.from_mapping(config.Config(file, environ={}).file_values)

    assert settings.trusted_proxies == ("private",)


# --- What is refused ----------------------------------------------------------------------

REFUSALS = [
    # key, value, the bad entry as it must be shown, a right example that must be shown
    ("ENABLED", "maybe", "'maybe'", "FPROM_ENABLED=true"),
    ("ENABLED", 2, "2", "FPROM_ENABLED=true"),
    ("ENABLED", 1.0, "1.0", "FPROM_ENABLED=true"),
    ("ENABLED", [], "[]", "FPROM_ENABLED=true"),
    ("RESPECT_GPC", "ja", "'ja'", "FPROM_RESPECT_GPC=true"),
    ("BASE_URL", "http://api.example.com/x", "api.example.com", "FPROM_BASE_URL=https://api.first"),
    ("BASE_URL", "http://localhost.example.com", "localhost.ex", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "http://10.0.0.1/x", "10.0.0.1", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "http://0.0.0.0/x", "0.0.0.0", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "ftp://example.com", "ftp://", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "example.com/api", "example.com", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://", "'https://'", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://[::1", "'https://[::1'", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://example.com:99999", ":99999", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://example.com/?a=1", "?a=1", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://example.com/#a", "#a", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://example.com/\u20ac", "\u20ac", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://example.com/a b", "a b", "FPROM_BASE_URL=https://"),
    ("BASE_URL", "https://example.com/a\x7fb", r"a\x7fb", "FPROM_BASE_URL=https://"),
    ("SCRIPT_PROXY", "/", "'/'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "partners", "'partners'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "//partners", "'//partners'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/a//b", "'/a//b'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/a/../b", "'/a/../b'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/a/.", "'/a/.'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/a b", "'/a b'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/a%2fb", "'/a%2fb'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/a?b", "'/a?b'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/\u00e4", "'/\u00e4'", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", '/"><script>', "<script>", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "https://evil.example/x", "evil.example", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", True, "True", "FPROM_SCRIPT_PROXY=/partners"),
    ("SCRIPT_PROXY", "/a" * 9, "/a/a", "FPROM_SCRIPT_PROXY=/partners"),
    ("TIMEOUT", "soon", "'soon'", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", "0", "'0'", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", -1, "-1", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", 301, "301", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", "nan", "'nan'", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", "inf", "'inf'", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", True, "True", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", [10], "[10]", "FPROM_TIMEOUT=10"),
    ("TIMEOUT", 10**400, "1000", "FPROM_TIMEOUT=10"),
    ("TRUSTED_PROXIES", "*", "'*'", "FPROM_TRUSTED_PROXIES=internal"),
    ("TRUSTED_PROXIES", "0.0.0.0/0", "'0.0.0.0/0'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "10.0.0.1, ::/0", "'::/0'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "::ffff:0.0.0.0/96", "'::ffff:0.0.0.0/96'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", ["10.0.0.0/8", "10.1.1.1/8"], "'10.1.1.1/8'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "proxy.example.com", "'proxy.example.com'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "10.0.0.0/33", "'10.0.0.0/33'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "0.0.0.0/1, 128.0.0.0/1", "'0.0.0.0/1'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "2000::/3", "'2000::/3'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "all", "'all'", "loopback, private"),
    ("TRUSTED_PROXIES", "2, 10.0.0.1", "'2'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", "-1", "'-1'", "FPROM_TRUSTED_PROXIES=1"),
    ("TRUSTED_PROXIES", -1, "-1", "FPROM_TRUSTED_PROXIES=1"),
    ("TRUSTED_PROXIES", True, "True", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", 1.0, "1.0", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", [1], "1", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", b"10.0.0.1", "b'10.0.0.1'", "FPROM_TRUSTED_PROXIES="),
    ("TRUSTED_PROXIES", {"a": 1}, "{'a': 1}", "FPROM_TRUSTED_PROXIES="),
    (
        "TRUSTED_PROXIES",
        ipaddress.ip_network("::/8"),
        "IPv6Address('::')",
        "FPROM_TRUSTED_PROXIES=",
    ),
    ("TRUSTED_PROXIES", "1" * 13, "'1111111111111'", "FPROM_TRUSTED_PROXIES="),
    ("CLIENT_IP_HEADER", "CF_Connecting_IP", "'CF_Connecting_IP'", "FPROM_CLIENT_IP_HEADER=CF-"),
    ("CLIENT_IP_HEADER", "X Real IP", "'X Real IP'", "FPROM_CLIENT_IP_HEADER=CF-Connecting-IP"),
    ("CLIENT_IP_HEADER", "X-Real-IP:", "'X-Real-IP:'", "FPROM_CLIENT_IP_HEADER="),
    ("CLIENT_IP_HEADER", "X-R\u00e9al-IP", "X-R\u00e9al-IP", "FPROM_CLIENT_IP_HEADER="),
    ("CLIENT_IP_HEADER", "X-Forwarded-For", "X-Forwarded-For", "FPROM_TRUSTED_PROXIES=internal"),
    ("CLIENT_IP_HEADER", " x-forwarded-FOR ", "X-Forwarded-For", "FPROM_TRUSTED_PROXIES=internal"),
    ("CLIENT_IP_HEADER", "a\nb", r"'a\nb'", "FPROM_CLIENT_IP_HEADER="),
    ("TID_HEADER", "a,b", "'a,b'", "FPROM_TID_HEADER="),
    ("SEND_IP", "some", "'some'", "public, any, truncated, never"),
    ("DELIVERY", "queue", "'queue'", "outbox, inline"),
    ("WORKER", "cron", "'cron'", "thread, none"),
    ("RATE_LIMIT", "0", "'0'", "FPROM_RATE_LIMIT=300"),
    ("RATE_LIMIT", "many", "'many'", "FPROM_RATE_LIMIT="),
    ("RATE_LIMIT", 1.5, "1.5", "FPROM_RATE_LIMIT="),
    ("RATE_LIMIT", True, "True", "FPROM_RATE_LIMIT="),
    ("KEEP_DAYS", "-1", "'-1'", "FPROM_KEEP_DAYS=60"),
    ("KEEP_DAYS", 401, "401", "FPROM_KEEP_DAYS=60"),
    ("KEEP_DOMAIN", "exa mple.com", "'exa mple.com'", "FPROM_KEEP_DOMAIN=example.com"),
    ("KEEP_DOMAIN", "https://example.com", "'https://example.com'", "FPROM_KEEP_DOMAIN="),
    ("KEEP_DOMAIN", "example.com; Secure", "'example.com; Secure'", "FPROM_KEEP_DOMAIN="),
    ("KEEP_DOMAIN", "a\r\nb", r"'a\r\nb'", "FPROM_KEEP_DOMAIN="),
    ("KEEP_DOMAIN", "example..com", "'example..com'", "FPROM_KEEP_DOMAIN="),
    ("LINK_PARAMS", "fpr, a b", "'a b'", "FPROM_LINK_PARAMS=fpr,via"),
    ("LINK_PARAMS", ["a&b"], "'a&b'", "FPROM_LINK_PARAMS=fpr,via"),
    ("LINK_PARAMS", [1], "1", "FPROM_LINK_PARAMS="),
    ("LINK_PARAMS", 5, "5", "FPROM_LINK_PARAMS="),
    ("CONSENT", 5, "5", "FPROM_CONSENT="),
    ("CONSENT", "may_track", "'may_track'", "FPROM_CONSENT=shop.privacy.may_track"),
    ("BEFORE_SEND", "no.such", "'no.such'", "FPROM_BEFORE_SEND=shop.privacy.before_send"),
    ("ON_OUTCOME", "no.such", "'no.such'", "FPROM_ON_OUTCOME=shop.tracking.on_outcome"),
    ("ON_OUTCOME", 7, "7", "FPROM_ON_OUTCOME=shop.tracking.on_outcome"),
    ("HISTORY_DAYS", "-1", "'-1'", "FPROM_HISTORY_DAYS=30"),
    ("KEEP_NAME", "a b", "'a b'", "FPROM_KEEP_NAME=fprom_keep"),
    ("KEEP_NAME", "a=b", "'a=b'", "FPROM_KEEP_NAME=fprom_keep"),
    ("KEEP_NAME", "k\u00e9pt", "k\u00e9pt", "FPROM_KEEP_NAME=fprom_keep"),
    ("KEEP_NAME", "_fprom_tid", "suppresses the click", "FPROM_KEEP_NAME=fprom_keep"),
    ("KEEP_NAME", " _FPROM_keep", "suppresses the click", "FPROM_KEEP_NAME=fprom_keep"),
    ("CONSENT", "no_such_module.may_track", "'no_such_module.may_track'", "FPROM_CONSENT="),
    ("CONSENT", "os.path.no_such_name", "'os.path.no_such_name'", "FPROM_CONSENT="),
    ("CONSENT", ".privacy.may_track", "'.privacy.may_track'", "FPROM_CONSENT="),
    ("CONSENT", ".may_track", "'.may_track'", "FPROM_CONSENT="),
    ("CONSENT", "os.path.", "'os.path.'", "FPROM_CONSENT="),
    ("BEFORE_SEND", "os.path.sep", "'os.path.sep'", "FPROM_BEFORE_SEND="),
    ("ON_OUTCOME", "a b.c", "'a b.c'", "FPROM_ON_OUTCOME="),
]


@pytest.mark.parametrize(
    ("name", "value", "shown", "example"),
    [pytest.param(*row, id=f"{row[0]}-{label(row[1])}") for row in REFUSALS],
)
def test_refusals(name: str, value: Any, shown: str, example: str) -> None:
    """A refusal names the key, the bad entry and a right example."""
    error = refused(**{f"FPROM_{name}": value})

    assert error.key == f"FPROM_{name}"
    assert str(error).startswith(f"FPROM_{name}: ")
    assert shown in str(error)
    assert example in str(error)
    assert isinstance(error, FpromError)
    assert isinstance(error, ValueError)


def test_the_examples_of_refusals_are_right() -> None:
    """What a refusal calls right is accepted."""
    for name, value, _, _ in REFUSALS:
        text = str(refused(**{f"FPROM_{name}": value}))
        _, _, right = text.partition("Right would be: ")
        key, equals, example = right.partition("=")
        assert equals
        if not example.startswith("shop."):
            from_mapping(**{key: example, "FPROM_SECRET_KEYS": SECRET})


@pytest.mark.parametrize("value", ["/nowhere/fpr.js", "/", "x" * 5_000, 5, "a\0b"])
def test_a_script_that_is_not_there(value: Any) -> None:
    """What to put there, and where it is had, is said at start."""
    text = str(refused(FPROM_SCRIPT_FILE=value))
    assert repr(str(value)) in text
    assert "docs.firstpromoter.com/guides/proxy-setup" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("API_KEY", value) for value in (f"{KEY}\n{KEY}", f"{KEY} x", f"{KEY}\u20ac", True)],
        *[("API_KEY", value) for value in (f"{KEY}\x00x", [KEY], {KEY: 1}, KEY.encode(), 1.5)],
        *[("ACCOUNT_ID", value) for value in (f"{KEY} x", f"#{KEY}", f" #{KEY}", KEY * 20)],
        *[("SECRET_KEYS", value) for value in ("CANARY", f"{SECRET},CANARY", ["CANARY"], 5)],
        *[("SECRET_KEYS", value) for value in ([5, SECRET], SECRET.encode(), [SECRET, None])],
        *[("OUTBOX_URL", f"u:{PASSWORD}@db/app"), ("OUTBOX_URL", f"//u:{PASSWORD}@db/app")],
        *[("OUTBOX_URL", f":{PASSWORD}"), ("OUTBOX_URL", [PASSWORD]), ("OUTBOX_URL", PASSWORD)],
        *[("BASE_URL", f"https://u:{PASSWORD}@example.com/x")],
        *[("BASE_URL", f"https://u:{PASSWORD}@example.com:99999/x")],
        *[("BASE_URL", f"https://u:{PASSWORD}@[::1"), ("BASE_URL", f"https://u:{PASSWORD}/@x")],
        *[("BASE_URL", f"http://u:{PASSWORD}@example.com/x"), ("BASE_URL", f"u:{PASSWORD}@x")],
    ],
)
def test_secrets_are_not_shown_in_refusals(name: str, value: Any) -> None:
    """A refusal of a value that may be secret names the key and keeps the value."""
    error = refused(**{f"FPROM_{name}": value})

    assert error.key == f"FPROM_{name}"
    for text in (str(error), repr(error)):
        assert "CANARY" not in text
        assert f"FPROM_{name}" in text
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("name", ["FPROM_API_KEY", "FPROM_ACCOUNT_ID"])
def test_missing_credentials_fail_at_start(name: str) -> None:
    """A credential that is missing while enabled is no silent no-op."""
    keys = {**GOOD, "FPROM_ENABLED": "true"}
    del keys[name]

    with pytest.raises(
        FpromConfigError, match=f"{name}: is missing.*FPROM_ENABLED=false"
    ) as caught:
        FpromSettings.from_mapping(keys)

    assert caught.value.key == name


def test_disabled_needs_no_key() -> None:
    """A development machine without credentials says so and starts."""
    settings = FpromSettings.from_mapping({"FPROM_ENABLED": "false"})

    assert (settings.enabled, settings.api_key) == (False, None)
    assert FpromSettings(enabled=False) == settings


@pytest.mark.parametrize(
    ("name", "value"), [("FPROM_KEEP_DAYS", "60"), ("FPROM_LINK_PARAMS", "fpr")]
)
def test_what_is_signed_needs_secret_keys(name: str, value: str) -> None:
    """The keep cookie cannot work without a key to sign it."""
    error = refused(**{name: value})

    assert error.key == name
    assert "needs FPROM_SECRET_KEYS" in str(error)
    assert "token_urlsafe" in str(error)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("FPROM_APIKEY", "FPROM_API_KEY"),
        ("FPROM_API_KEYS", "FPROM_API_KEY"),
        ("FPROM_ACCOUNT", "FPROM_ACCOUNT_ID"),
        ("FPROM_TRUSTED_PROXY", "FPROM_TRUSTED_PROXIES"),
        ("FPROM_TIME_OUT", "FPROM_TIMEOUT"),
        ("FPROM_SECRET_KEY", "FPROM_SECRET_KEYS"),
        ("FPROM_api_key", "FPROM_API_KEY"),
        ("FPROM_DISABLED", "FPROM_ENABLED"),
        ("FPROM_DATABASE_URL", "FPROM_OUTBOX_URL"),
        ("FPROM_DB_URL", "FPROM_OUTBOX_URL"),
        ("FPROM_RATELIMIT", "FPROM_RATE_LIMIT"),
        ("FPROM_SECRET", "FPROM_SECRET_KEYS"),
    ],
)
def test_an_unknown_key_is_an_error(key: str, nearest: str) -> None:
    """A key that begins with FPROM_ and is none suggests the nearest one, never a value."""
    error = refused(**{key: "CANARY"})

    assert error.key == key
    assert str(error).endswith(f"Did you mean {nearest}?")
    assert "CANARY" not in str(error)


@pytest.mark.parametrize(
    "name", ["", "ZZZZZZZZ", "DEBUG", "URL", "ID", "WEBHOOK", "SANDBOX", "MODE", "KEY", "TEST"]
)
def test_nothing_is_suggested_where_nothing_is_near(name: str) -> None:
    """A wrong guess would be typed next; the list of what there is helps more."""
    text = str(refused(**{f"FPROM_{name}": "CANARY"}))

    assert "Did you mean" not in text
    assert "The settings are: FPROM_API_KEY, FPROM_ACCOUNT_ID, " in text
    assert "CANARY" not in text


@pytest.mark.parametrize("key", ["FPROM_API_KEY", "FPROM_ACCOUNT_ID"])
@pytest.mark.parametrize("value", ["...", "…", "changeme", "your-api-key", "xxx", " xxx "])
def test_a_placeholder_is_no_credential(key: str, value: str) -> None:
    """An example was pasted and not filled in; a machine that sends nothing may leave it so."""
    error = refused(**{key: value})

    assert error.key == key
    assert f"is a placeholder ({value.strip()}). Set it to the value from FirstPromoter" in str(
        error
    )
    settings = FpromSettings.from_mapping({key: value, "FPROM_ENABLED": "false"})
    assert not settings.enabled


@pytest.mark.parametrize("value", ["xxxx", "changeme2", "your-api-key-7", "a...", "Xxx"])
def test_what_only_looks_like_a_placeholder_is_a_credential(value: str) -> None:
    """Nothing is refused that might be somebody's."""
    assert FpromSettings(api_key=value, account_id=value).api_key == value


@pytest.mark.parametrize("call", ["signup", "sale", "refund", "cancellation", "signup/"])
def test_a_base_url_is_not_the_address_of_a_call(call: str) -> None:
    """It would call …/signup/signup; the error shows the base."""
    base = "https://api.firstpromoter.com/api/v2/track"
    error = refused(FPROM_BASE_URL=f"{base}/{call}")

    assert error.key == "FPROM_BASE_URL"
    assert str(error).endswith(f"Right would be: FPROM_BASE_URL={base}")
    assert FpromSettings(enabled=False, base_url=f"{base}/signups").base_url.endswith("signups")


# --- How settings look --------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@db.example.com/app",
        f"postgresql://u:{PASSWORD}?x@db.example.com/app",
        f"postgresql://u:{PASSWORD}/@{PASSWORD}@db.example.com/app",
        f"postgresql://db.example.com/app?password={PASSWORD}",
        f"postgresql://db.example.com/app?a=b@{PASSWORD}",
        f"postgresql://u@db.example.com/app?password={PASSWORD}&host=a@b",
    ],
)
def test_secrets_are_not_shown_in_a_repr(url: str) -> None:
    """A repr shows what is set, and of the secrets only that they are."""
    settings = from_mapping(FPROM_OUTBOX_URL=url, FPROM_SECRET_KEYS=f"{SECRET},{OTHER_SECRET}")

    for text in (repr(settings), str(settings), f"{settings}"):
        assert "CANARY" not in text
        assert KEY[-4:] not in text
        assert SECRET[-4:] not in text
        assert "api_key=…" in text
        assert "account_id=acc-1" in text
        assert "secret_keys=<2>" in text
        assert "outbox_url=postgresql://" in text


def test_a_repr_without_secrets() -> None:
    """A repr tells that no key is there."""
    text = repr(FpromSettings(enabled=False))

    assert "api_key=None" in text
    assert "secret_keys=<0>" in text
    assert "outbox_url=sqlite:///.fprom/outbox.db" in text


def test_settings_are_a_value() -> None:
    """Settings compare, hash, copy and pickle by what they hold, and do not change."""
    settings = from_mapping(FPROM_SECRET_KEYS=SECRET, FPROM_TRUSTED_PROXIES="private")

    assert hash(settings) == hash(copy.deepcopy(settings))
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes
    assert dataclasses.replace(settings, timeout=5) != settings
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.timeout = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("base_url", "fits"),
    [("http://127.0.0.1:8750/api/v2/track", True), ("https://[::1]:8750", True), (None, False)],
)
def test_the_sandboxs_key_goes_nowhere_else(base_url: Any, fits: bool) -> None:
    """Of the three lines that the sandbox prints, one was forgotten: made-up leads stay here."""
    with nullcontext() if fits else pytest.raises(FpromConfigError, match="FPROM_BASE_URL=http://"):
        FpromSettings(api_key="sandbox-key", account_id="a", base_url=base_url)
