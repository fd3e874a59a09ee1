"""`make bench`: all benchmarks, one after the other, as markdown with machine, date and load."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

BENCHES: Final = {
    "codec": "A value to bytes and back",
    "stages": "CPU per alert and stage",
    "throughput": "Alerts per second, one embedded process, beside Alertmanager",
    "latency": "From the alert to the call",
    "notifications": "Notifications through outbox and receipt",
    "startup": "Start",
    "memory": "Memory of a million fingerprints",
    "correlation": "How well alerts are grouped",
}
"""Each is a module of this folder that prints its own table."""


def machine() -> str:
    """Processor, cores, system and Python, as far as the system says."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def main(wanted: list[str]) -> int:
    """Run the benchmarks named, or all; 1 where one of them failed."""
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    now = dt.datetime.now(dt.UTC)
    print(f"{machine()}; {now:%Y-%m-%d %H:%M} UTC")
    failed = []
    for name in wanted or BENCHES:
        print(f"\n## {BENCHES[name]} (`tests.bench.{name}`; load {os.getloadavg()[0]:.1f})\n")
        sys.stdout.flush()
        if subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
