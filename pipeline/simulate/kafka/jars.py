"""Kafka's jars, fetched once by Maven into a cache outside the tree; and the Java to run them."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.domain.errors import TocsinError
from pipeline.settings import cache_folder, java_home
from pipeline.topology.locate import locate

JAVA_MIN: Final = 17
"""Kafka 4's brokers need it."""

FETCH_WITHIN_S: Final = 900
ASK_WITHIN_S: Final = 30
ERROR_CHARS_MAX: Final = 2_000

Say = Callable[[str], None]
"""Takes one line about what takes its time."""

_KAFKA_VERSION: Final = re.compile(r"<kafka\.version>([\w.]+)</kafka\.version>")
_JAVA_VERSION: Final = re.compile(r'version "(?:1\.)?(\d+)')


class NotInstalled(TocsinError):
    """What the local Kafka needs is not on this machine; the text says what, and how to get it."""


def fetch_jars(say: Say = lambda _: None) -> Path:
    """The folder of the jars of `infra/kafka/pom.xml`; the first call has Maven fetch them.

    Raises NotInstalled without Maven, or where Maven cannot fetch them.
    """
    pom = locate("infra/kafka/pom.xml").read_bytes()
    root = cache_folder()
    folder = root / f"kafka-{_version(pom)}-{hashlib.sha256(pom).hexdigest()[:8]}"
    if folder.is_dir():
        return folder
    maven = find_maven()
    root.mkdir(parents=True, exist_ok=True)
    # Maven's own repository does not bear two that write, and one fetch is enough for both.
    with _alone(root / ".fetching"):
        for left in root.glob(".kafka-*"):
            shutil.rmtree(left, ignore_errors=True)
        if not folder.is_dir():
            say(f"Fetching Apache Kafka {_version(pom)} (54 MB) into {folder}: once")
            _fetch(maven, pom, folder)
    return folder


def find_java() -> Path:
    """JAVA_HOME's Java, else PATH's. Raises NotInstalled where there is none, or an old one."""
    home = java_home()
    found = shutil.which("java", path=str(home / "bin")) if home else shutil.which("java")
    how = f"install Java {JAVA_MIN} or newer (Debian: openjdk-17-jre-headless, macOS: openjdk@17)"
    if found is None:
        where = f"in JAVA_HOME ({home})" if home else "on PATH"
        raise NotInstalled(f"Kafka needs Java, and there is none {where}: {how}")
    version = _java_version(found)
    if version < JAVA_MIN:
        shown = f"version {version}" if version else "no Java that starts"
        raise NotInstalled(f"Kafka needs Java {JAVA_MIN}, and {found} is {shown}: {how}")
    return Path(found)


def find_maven() -> Path:
    """Maven's program. Raises NotInstalled."""
    found = shutil.which("mvn")
    if found is None:
        raise NotInstalled(
            "Kafka's jars are fetched by Maven, and there is no mvn on PATH: install it"
            " (Debian and Homebrew: maven)"
        )
    return Path(found)


@functools.cache
def _java_version(java: str) -> int:
    """The major version; 0 where it does not say any (macOS has a stub that only complains)."""
    try:
        asked = subprocess.run(  # noqa: S603 - a program that PATH or JAVA_HOME names
            [java, "-version"], capture_output=True, text=True, timeout=ASK_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = _JAVA_VERSION.search(asked.stderr + asked.stdout)
    return int(found.group(1)) if found else 0


def _version(pom: bytes) -> str:
    found = _KAFKA_VERSION.search(pom.decode())
    if found is None:
        raise TocsinError("infra/kafka/pom.xml names no kafka.version: install Tocsin again")
    return found.group(1)


def _fetch(maven: Path, pom: bytes, folder: Path) -> None:
    """Into a folder beside the cache's, renamed when complete: a cut fetch leaves no half cache."""
    with tempfile.TemporaryDirectory(prefix=".kafka-", dir=folder.parent) as made:
        work = Path(made)
        (work / "pom.xml").write_bytes(pom)
        command = [str(maven), "--batch-mode", "--quiet", "--strict-checksums"]
        command += ["-f", str(work / "pom.xml"), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={work / 'jars'}"]
        try:
            done = subprocess.run(  # noqa: S603 - the program and paths are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=FETCH_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotInstalled(
                f"Maven did not fetch Kafka's jars within {FETCH_WITHIN_S} s: is there a network?"
            ) from None
        if done.returncode != 0:
            said = done.stdout.strip()[:ERROR_CHARS_MAX]
            raise NotInstalled(f"Maven could not fetch Kafka's jars: {said}")
        (work / "jars").rename(folder)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
