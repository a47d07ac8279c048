"""An ext4 file system in a file, whose power can be cut. Needs root, loop devices and mkfs.ext4."""

import fcntl
import os
import shutil
import struct
import subprocess
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
# What happens to the journal: flushed, or lost as well. Data that wasn't synced is lost both times.
FLUSH_JOURNAL, LOSE_JOURNAL = 1, 2


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}".strip())
    return done.stdout.strip()


def why_not():
    """None, or why this machine can't cut the power of a file system."""
    if os.geteuid() != 0:
        return "only root may mount a loop device"
    for tool in ("losetup", "mkfs.ext4", "e2fsck"):
        if shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
            return f"{tool} is not installed"
    try:
        run("losetup", "--find")
    except OSError as error:
        return f"there is no loop device ({error})"
    return None


class LoopDisk:
    def __init__(self, image, mount_point, megabytes):
        self.image, self.mount_point = image, mount_point
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        self.device = None
        self.is_mounted = False
        self.device = run("losetup", "--find", "--show", image)
        self.mount()

    def mount(self):
        self.mount_point.mkdir(exist_ok=True)
        run("mount", "-t", "ext4", self.device, self.mount_point)
        self.is_mounted = True

    def unmount(self):
        """The engine dies with the server, a moment later: until then the file system is busy."""
        deadline = time.monotonic() + 20
        while self.is_mounted:
            try:
                run("umount", self.mount_point)
                self.is_mounted = False
            except OSError as error:
                if "busy" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)  # polling a state that nothing announces

    def cut(self, flag=LOSE_JOURNAL):
        """From now on every read past the cache and every write fails, and what wasn't synced is gone."""
        folder = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", flag))
        finally:
            os.close(folder)

    def check(self):
        """What a machine does at its start: replays the journal and mends what can be mended safely."""
        done = subprocess.run(["e2fsck", "-p", self.device], capture_output=True, text=True)
        if done.returncode > 1:
            raise OSError(f"e2fsck: {done.stdout}{done.stderr}")

    def remove(self):
        self.unmount()
        if self.device:
            run("losetup", "--detach", self.device)
            self.device = None
