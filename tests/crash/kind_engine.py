"""kill -9 of the engine's process by its number, under load. Ingest must not notice."""

import os
import signal


class EngineKill:
    name = "engine"
    settings = {}

    def prepare(self, world):
        self.slowest_s = 0.0

    def fault(self, world):
        old = world.server.wait_until_open()["pid"]
        os.kill(old, signal.SIGKILL)
        seconds = world.wait_until("another engine", lambda: world.engine_pid() not in (0, None, old), 30)
        self.slowest_s = max(self.slowest_s, seconds)
        return f"engine back in {seconds:5.2f} s"

    def holds(self, world, verdict):
        return f"{verdict.refused()} answers of 5xx" if verdict.refused() else None

    def finish(self, world):
        return f"slowest restart of the engine {self.slowest_s:.2f} s"
