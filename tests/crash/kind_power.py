"""The power is cut: of the log's file system, of the engine's, of all three at once, by turns.

The data folder is a file system of its own, and so are log/ and engine/ below it: mount points are how an operator puts them on
different disks. A cut loses what wasn't synced (and, with flag 2, what the journal hadn't written). Then the server and its engine
are killed, if the cut didn't end them, everything is unmounted, checked or not, mounted again, and started.
"""

import os
import signal
import time

from loop_disk import FLUSH_JOURNAL, LOSE_JOURNAL, LoopDisk, why_not

PLACES = ("log", "engine", "all")


class PowerCut:
    name = "power"
    # A cut disk of the log must not be mistaken for a full one.
    settings = {"stream_free_bytes_min": "16MiB"}
    why_not = staticmethod(why_not)

    def prepare(self, world):
        self.rounds = 0
        self.acknowledged_after_cut = 0
        self.slowest_s = 0.0
        self.disks = {}
        self.disks["data"] = LoopDisk(world.folder / "data.img", world.data, 256)
        self.disks["log"] = LoopDisk(world.folder / "log.img", world.data / "log", 512)
        self.disks["engine"] = LoopDisk(world.folder / "engine.img", world.data / "engine", 2048)

    def fault(self, world):
        place = PLACES[self.rounds % len(PLACES)]
        self.rounds += 1
        flag = world.random.choice((LOSE_JOURNAL, LOSE_JOURNAL, FLUSH_JOURNAL))
        frozen = world.random.random() < 0.5
        pids = [world.server.process.pid, world.engine_pid()]
        if frozen:  # all disks lose their power at the same moment; else the program sees errors for a while
            for pid in filter(None, pids):
                os.kill(pid, signal.SIGSTOP)
        cut = list(self.disks.values()) if place == "all" else [self.disks[place]]
        world.random.shuffle(cut)
        for disk in cut:
            disk.cut(flag)
        if not frozen:
            time.sleep(world.random.uniform(0.0, 0.3))
        world.kill_server()
        self.mount_again(world)
        seconds = world.start_server()
        self.slowest_s = max(self.slowest_s, seconds)
        return f"{place:6s} flag {flag} {'at once' if frozen else 'seen   '} back in {seconds:5.2f} s"

    def mount_again(self, world):
        for disk in reversed(self.disks.values()):
            disk.unmount()
        checked = world.random.random() < 0.5
        for disk in self.disks.values():
            if checked:
                disk.check()
            disk.mount()

    def holds(self, world, verdict):
        return None

    def finish(self, world):
        return f"slowest start {self.slowest_s:.2f} s"

    def clean_up(self, world):
        for disk in reversed(self.disks.values()):
            disk.remove()
