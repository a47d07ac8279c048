"""A disk fills up: the log's, the engine's, or that of everything else (checkpoints, keys, failed events), by turns.

Log full: events are refused with 503 before the disk is really full, and no write to the log fails. Engine or the rest full: events
are taken as before. Always: questions are answered; everything goes on within ten seconds of there being space; sometimes the
server is killed and started while the disk is full.
"""

import os
import time

from loop_disk import LoopDisk, why_not

PLACES = ("log", "engine", "data")
MB = 1 << 20
BACK_S_MAX = 10
# What the program leaves free by itself: stream.free_bytes_min, and the engine's bound for inserts.
KEPT_FREE = {"log": 16 * MB, "engine": 256 * MB, "data": 0}


class Ballast:
    def __init__(self, disk):
        self.path = disk.mount_point / "ballast"
        self.mount_point = disk.mount_point

    def fill(self, leave):
        about = os.statvfs(self.mount_point)
        take = about.f_bavail * about.f_frsize - leave
        with open(self.path, "wb") as file:
            while take > 0:
                try:
                    os.posix_fallocate(file.fileno(), 0, take)
                    return
                except OSError:  # somebody was faster, or the file's own bookkeeping needs some of it
                    take -= 64 << 10

    def remove(self):
        self.path.unlink(missing_ok=True)


class DiskFull:
    name = "disk"
    # Retention is left at its default: a log that gives up its oldest segments would never fill the disk.
    settings = {"stream_free_bytes_min": "16MiB"}
    why_not = staticmethod(why_not)

    def prepare(self, world):
        self.rounds = 0
        self.slowest_back_s = {place: 0.0 for place in PLACES}
        self.slowest_refusal_s = 0.0
        self.wrong = None
        self.disks = {"data": LoopDisk(world.folder / "data.img", world.data, 256),
                      "log": LoopDisk(world.folder / "log.img", world.data / "log", 1024),
                      "engine": LoopDisk(world.folder / "engine.img", world.data / "engine", 1024)}

    def fault(self, world):
        place = PLACES[self.rounds % len(PLACES)]
        self.rounds += 1
        world.server.wait_until_open()
        ballast = Ballast(self.disks[place])
        at_once = world.random.random() < 0.5
        ballast.fill(0 if at_once else KEPT_FREE[place] + world.random.randrange(4 * MB))
        try:
            note = self.while_full(world, place)
        finally:
            ballast.remove()
        back_s = self.back(world, place)
        return f"{place:6s} {'at once ' if at_once else 'slowly  '}{note}  back in {back_s:4.1f} s"

    def while_full(self, world, place):
        self.expect(world.server.metrics()["millrace_stream_failed"] == 0, "a write to the log failed")
        note = ""
        if place == "log":
            seconds = world.wait_until("503", lambda: world.load.answers().get(503, 0) > 0, 30)
            self.slowest_refusal_s = max(self.slowest_refusal_s, seconds)
            note = f"503 after {seconds:4.1f} s"
        else:
            time.sleep(world.random.uniform(0.5, 1.5))  # load goes on meanwhile
        self.expect(world.query_status() == 200, "a question was not answered")
        free = os.statvfs(self.disks[place].mount_point)
        if world.random.random() < 0.25:
            note += self.start_when_full(world, place)
        if place == "log" and world.server.process.poll() is None:
            self.expect(world.server.metrics()["millrace_stream_failed"] == 0, "a write to the log failed")
        return f"{note:22s} {free.f_bavail * free.f_frsize // MB:4d} MB free"

    def start_when_full(self, world, place):
        """The log may have no space to mend its tail: then the start is refused, and tried again as a supervisor would."""
        world.kill_server()
        try:
            world.start_server()
        except AssertionError as error:
            self.expect(place == "log" and "no space for mending" in str(error), f"the server did not start: {error}")
            return " killed, refused"
        world.server.wait_until_open()
        self.expect(world.query_status() == 200, "a question was not answered after a start on a full disk")
        return " killed"

    def back(self, world, place):
        """Until events are taken again and what came meanwhile is stored."""
        begin = time.monotonic()
        if world.server.process.poll() is not None:
            world.start_server()
        world.wait_until("events are taken", lambda: world.load.acknowledged_at > begin, 60)
        stored = sum(p["durable_end"] for p in world.server.health()["partitions"])
        world.wait_until("what came meanwhile is stored",
                         lambda: sum(p["stored_until"] for p in world.server.health()["partitions"]) >= stored, 60)
        seconds = time.monotonic() - begin
        self.slowest_back_s[place] = max(self.slowest_back_s[place], seconds)
        self.expect(seconds < BACK_S_MAX, f"back only after {seconds:.1f} s")
        return seconds

    def expect(self, holds, what):
        if not holds:
            self.wrong = what

    def holds(self, world, verdict):
        place = PLACES[(self.rounds - 1) % len(PLACES)]
        if place != "log" and verdict.refused():
            return f"{verdict.refused()} answers of 5xx, though only the {place} disk was full"
        return self.wrong

    def finish(self, world):
        back = ", ".join(f"{place} {seconds:.1f} s" for place, seconds in self.slowest_back_s.items())
        return f"slowest back: {back}; slowest first 503 {self.slowest_refusal_s:.1f} s"

    def clean_up(self, world):
        for disk in reversed(self.disks.values()):
            disk.remove()
