"""kill -9 of the server, at random moments: under load, while it starts, while it drains."""

import signal
import time


class ServerKill:
    name = "server"
    settings = {}

    def prepare(self, world):
        self.slowest_s = 0.0

    def fault(self, world):
        chance = world.random.random()
        if chance < 0.2:
            world.load.up.clear()
            world.server.process.send_signal(signal.SIGTERM)
            time.sleep(world.random.uniform(0.0, 0.4))  # somewhere within the drain
        world.kill_server()
        starts = 0
        while world.random.random() < 0.25:  # again, while it is starting
            world.server = world.new_server()
            try:
                world.server.start(timeout_s=world.random.uniform(0.0, 0.5))
            except AssertionError:
                pass
            world.kill_server()
            starts += 1
        seconds = world.start_server()
        self.slowest_s = max(self.slowest_s, seconds)
        return f"back in {seconds:5.2f} s{' from a drain' if chance < 0.2 else ''}{f' after {starts} cut starts' if starts else ''}"

    def holds(self, world, verdict):
        return None if self.slowest_s < 5 else f"ready only after {self.slowest_s:.1f} s"

    def finish(self, world):
        return f"slowest start {self.slowest_s:.2f} s"
