"""The environment is read here and nowhere else: what TOCSIN_… says, and secrets by reference."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.domain.errors import UsageError
from pipeline.domain.secret import Secret
from pipeline.observe.levels import LEVELS
from pipeline.topology.cluster import MECHANISMS, SECURITIES, Cluster
from pipeline.topology.secrets import TOKEN_RULE, MissingSecret, Resolve, is_token

PREFIX: Final = "TOCSIN_"
SECRET_SIZE_BYTES_MAX: Final = 65_536
"""A file that is named as a secret and is larger is refused: it is something else."""


class Settings(Struct, frozen=True, kw_only=True):
    """What the environment says; options of the command line take precedence over it."""

    data: Path = Path("tocsin-data")
    """TOCSIN_DATA: the folder of log and state."""

    config: Path | None = None
    """TOCSIN_CONFIG: the topology.yaml to run; unset: the one that comes with the program."""

    listen: str = "127.0.0.1:9194"
    """TOCSIN_LISTEN: HOST:PORT of the edge; port 0 is the kernel's choice."""

    url: str = ""
    """TOCSIN_URL: where the command line finds a running Tocsin; empty: in the data folder."""

    token: Secret | None = None
    """TOCSIN_TOKEN: asked of callers by the edge, shown to it by the command line."""

    pagerduty_events_url: str = ""
    """TOCSIN_PAGERDUTY_EVENTS_URL: base URL of another Events server; `/v2/enqueue` is appended."""

    log: str = "info"
    """TOCSIN_LOG: the least severe lines that are logged: debug, info, warning or error."""

    kafka: Cluster | None = None
    """TOCSIN_KAFKA_BOOTSTRAP and the others of _KAFKA below; None where none of them is set."""


_KNOWN: Final = {
    f"{PREFIX}{name.upper()}": name for name in Settings.__struct_fields__ if name != "kafka"
}
_KAFKA: Final = {
    "TOCSIN_KAFKA_BOOTSTRAP": "bootstrap",
    "TOCSIN_KAFKA_SECURITY": "security",
    "TOCSIN_KAFKA_SASL_MECHANISM": "mechanism",
    "TOCSIN_KAFKA_USERNAME": "username",
    "TOCSIN_KAFKA_PASSWORD": "password",
    "TOCSIN_KAFKA_CA": "ca",
    "TOCSIN_KAFKA_CERTIFICATE": "certificate",
    "TOCSIN_KAFKA_KEY": "key",
}


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment (the process's own if None); an empty variable is unset.

    Raises UsageError, naming the variable, where a value cannot be right.
    """
    found = os.environ if environ is None else environ
    texts = {name: found[key] for key, name in _KNOWN.items() if found.get(key)}
    values: dict[str, object] = dict(texts)
    for name in ("data", "config"):
        if name in texts:
            values[name] = Path(texts[name]).expanduser()
    if "token" in texts:
        values["token"] = _token(texts["token"])
    for name in ("url", "pagerduty_events_url"):
        if name in texts:
            values[name] = _base_url(texts[name], f"{PREFIX}{name.upper()}")
    if "log" in texts:
        values["log"] = _level(texts["log"])
    values["kafka"] = _kafka(found)
    return Settings(**values)  # type: ignore[arg-type]


def read_source_cluster(bootstrap: str, environ: Mapping[str, str] | None = None) -> Cluster:
    """The cluster that a migration reads: what TOCSIN_FROM_KAFKA_SECURITY, _USERNAME and so on
    say of it. Raises UsageError.
    """
    found = os.environ if environ is None else environ
    prefix = f"{PREFIX}FROM_KAFKA_"
    given = {
        f"{PREFIX}KAFKA_{name.removeprefix(prefix)}": text
        for name, text in found.items()
        if name.startswith(prefix)
    }
    cluster = _kafka({**given, f"{PREFIX}KAFKA_BOOTSTRAP": bootstrap})
    assert cluster is not None  # noqa: S101  (its address was given)
    return cluster


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where what was fetched is kept: `tocsin` in XDG_CACHE_HOME, or in ~/.cache."""
    found = os.environ if environ is None else environ
    base = Path(found.get("XDG_CACHE_HOME", ""))
    # The XDG specification has a relative path ignored.
    return (base if base.is_absolute() else Path.home() / ".cache") / "tocsin"


def java_home(environ: Mapping[str, str] | None = None) -> Path | None:
    """JAVA_HOME, the Java that is to be taken; None where it is unset."""
    found = os.environ if environ is None else environ
    home = found.get("JAVA_HOME")
    return Path(home) if home else None


def secret_resolver(
    folder: Path | None = None, environ: Mapping[str, str] | None = None
) -> Resolve:
    """A resolver of `env:NAME` and `file:PATH`; paths are relative to `folder`.

    It raises MissingSecret, which names the reference and never what was found. One line break
    at the end of a file is not part of the secret.
    """
    found = os.environ if environ is None else environ
    base = folder or Path()

    def resolve(reference: str) -> Secret:
        kind, _, name = reference.partition(":")
        if kind == "file":
            return Secret(_secret_in(base / Path(name).expanduser(), reference))
        text = found.get(name, "")
        if not text:
            state = "empty" if name in found else "not set"
            raise MissingSecret(
                reference, f"the environment variable {name} is {state}", f"export {name}=…"
            )
        return Secret(text)

    return resolve


def _secret_in(path: Path, reference: str) -> str:
    hint = "write the secret into that file, readable for Tocsin alone"
    try:
        with path.open("rb") as file:
            raw = file.read(SECRET_SIZE_BYTES_MAX + 1)
        text = raw.decode()
    except UnicodeDecodeError:
        raise MissingSecret(reference, "the file is not UTF-8 text", hint) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "the path cannot be right"
        raise MissingSecret(reference, f"the file cannot be read: {why}", hint) from None
    if len(raw) > SECRET_SIZE_BYTES_MAX:
        raise MissingSecret(reference, f"more than {SECRET_SIZE_BYTES_MAX} bytes", hint)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise MissingSecret(reference, "the file is empty", hint)
    return text


def _token(text: str) -> Secret:
    token = Secret(text)
    if not is_token(token):
        raise UsageError(
            f"{PREFIX}TOKEN must be {TOKEN_RULE}, such as `openssl rand -hex 16` gives"
        )
    return token


def _kafka(found: Mapping[str, str]) -> Cluster | None:
    texts = {name: found[key] for key, name in _KAFKA.items() if found.get(key)}
    if not texts:
        return None
    if "bootstrap" not in texts:
        lone = next(key for key, name in _KAFKA.items() if name in texts)
        raise UsageError(f"{lone} is set, but TOCSIN_KAFKA_BOOTSTRAP is not: which Kafka is meant?")
    values: dict[str, object] = dict(texts)
    for name in ("ca", "certificate", "key"):
        if name in texts:
            values[name] = Path(texts[name]).expanduser()
    if "password" in texts:
        values["password"] = Secret(texts["password"])
    if "security" in texts:
        values["security"] = _one_of("TOCSIN_KAFKA_SECURITY", texts["security"].lower(), SECURITIES)
    if "mechanism" in texts:
        given = texts["mechanism"].upper()
        values["mechanism"] = _one_of("TOCSIN_KAFKA_SASL_MECHANISM", given, MECHANISMS)
    return Cluster(**values)  # type: ignore[arg-type]


def _one_of(variable: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise UsageError(f"{variable} must be one of {', '.join(known)}, not {text!r}")
    return text


def _level(text: str) -> str:
    if text.lower() not in LEVELS:
        raise UsageError(f"{PREFIX}LOG must be one of {', '.join(LEVELS)}, not {text!r}")
    return text.lower()


def _base_url(text: str, variable: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise UsageError(f"{variable} must be a URL that begins with http:// or https://")
    return text.rstrip("/")
