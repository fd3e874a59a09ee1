"""Faults: a schedule's steps, done to a World. What lasts goes on while the next step comes."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from tests.crash.kafka.proxy import Fault, Side
from tests.crash.kafka.schedule import Step
from tests.crash.kafka.world import World

STUCK_S: Final = 5.0
"""A step comes at the latest so long after the one before."""

POINT_S: Final = 15.0
"""An order to crash at a point is taken back after so long without one."""

STORM_RESTARTS: Final = 6
SIDES: Final[dict[str, tuple[Side, ...]]] = {
    "request": ("request",),
    "response": ("response",),
    "both": ("request", "response"),
}


class Faults:
    """Does steps. `done` counts what has happened, by kind, `missed` points that no epoch met."""

    def __init__(self, world: World, committed: Callable[[], int]) -> None:
        self._world = world
        self._committed = committed
        self._names = list(world.crew.members)
        self._timers: list[threading.Timer] = []
        self._extra = 0
        self._pause = threading.Event()
        self.done: Counter[str] = Counter()
        self.missed: list[str] = []

    def run(self, steps: list[Step], say: Callable[[str], None]) -> None:
        """All steps in their order, then wait for what lasts, and heal everything."""
        last = self._committed()
        for step in steps:
            started_s = time.monotonic()
            while self._committed() < last + step.after and time.monotonic() - started_s < STUCK_S:
                self._pause.wait(0.02)
            last = self._committed()
            say(f"{last:>8} {step.kind} {step.what} {self._names[step.worker]} {step.for_s:.1f} s")
            self._do(step)
            self.done[step.kind] += 1
        for timer in self._timers:
            timer.join()
        self._world.proxies.heal()

    def _do(self, step: Step) -> None:
        kind, _, side = step.kind.partition("-")
        name = self._names[step.worker]
        match kind:
            case "kill" if side == "at":
                self._kill_at(name, step)
            case "kill":
                self._world.crew.kill(name, for_s=step.for_s, is_emptied=side == "empty")
            case "pause":
                self._world.crew.members[name].signal(signal.SIGSTOP)
                pid = self._world.crew.pid(name)
                self._later(step.for_s, lambda: self._go_on(name, pid))
            case "join":
                self._join(step)
            case "storm":
                self._storm(step)
            case "broker":
                self._bounce(step, is_kill=side == "kill")
            case "hold":
                fault = Fault(
                    action="hold",
                    api=step.what,
                    side="request" if side == "request" else "response",
                    nth=step.nth,
                    hold_s=step.for_s,
                )
                self._world.proxies.arm(fault)
            case "stall":
                self._world.proxies.stall(*SIDES[step.what], client=f"{name}/")
                self._later(step.for_s, lambda: self._world.proxies.resume(f"{name}/"))
            case "full":
                self._fill(step)
            case "jump":
                self._jump(name, step)
            case _:
                raise ValueError(f"nobody knows a step {step.kind}")

    def _later(self, for_s: float, job: Callable[[], None]) -> None:
        timer = threading.Timer(for_s, job)
        self._timers.append(timer)
        timer.start()

    def _go_on(self, name: str, pid: int) -> None:
        if pid and self._world.crew.pid(name) == pid:
            self._world.crew.members[name].signal(signal.SIGCONT)

    def _kill_at(self, name: str, step: Step) -> None:
        crew = self._world.crew
        self._until(lambda: crew.is_ready(name), POINT_S)
        before = len(crew.ended)
        pid = crew.pid(name)
        crew.order(name, f"{step.what}:{step.nth}:exit")
        if not self._until(lambda: crew.pid(name) != pid or len(crew.ended) > before, POINT_S):
            self.missed.append(step.what)
            crew.kill(name)

    def _until(self, condition: Callable[[], bool], within_s: float) -> bool:
        give_up_at_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > give_up_at_s:
                return False
            self._pause.wait(0.02)
        return True

    def _join(self, step: Step) -> None:
        self._extra += 1
        name = f"extra{self._extra}"
        self._world.add_worker(name, is_leaving=self._extra % 2 == 0)
        self._later(step.for_s + STUCK_S, lambda: self._leave(name))

    def _leave(self, name: str) -> None:
        self._world.crew.stop(name)
        self.done["leave"] += 1

    def _storm(self, step: Step) -> None:
        """Restarts in order, each before the one ahead has settled."""
        for number in range(STORM_RESTARTS):
            name = self._names[number % len(self._names)]
            self._world.crew.members[name].signal(signal.SIGTERM)
            self._pause.wait(step.for_s)

    def _bounce(self, step: Step, *, is_kill: bool) -> None:
        node = self._world.nodes[step.worker % len(self._world.nodes)]
        if is_kill:
            node.kill()
        else:
            node.stop()
        self._pause.wait(step.for_s)
        node.resume()

    def _fill(self, step: Step) -> None:
        """No byte is left on the workers' disk for a while."""
        disk = self._world.disk
        if disk is None:
            self.missed.append(step.kind)
            return
        disk.fill()
        self._later(step.for_s, disk.free)

    def _jump(self, name: str, step: Step) -> None:
        """The wall clock of one worker goes to and fro while it runs."""
        crew = self._world.crew
        self._until(lambda: crew.is_ready(name), POINT_S)
        path = self._world.jump_of(name)
        path.write_text(step.what, encoding="utf-8")
        self._pause.wait(step.for_s)
        path.write_text("0", encoding="utf-8")
