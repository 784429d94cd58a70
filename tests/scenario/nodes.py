"""Nodes with a host name, a network and an address of their own, on this machine: network and UTS namespaces.

Each node's eth0 is one end of a veth pair whose other end hangs on a bridge; the bridge has a namespace of its own, so
that nothing outside is touched. MPI stays on shared memory, and the mounts stay where the test sees them.
"""

import os
import shutil
import unittest

import copper_job

WRAPPER = """
node=$PMI_RANK
exec nsenter --net="/run/netns/$0-$node" unshare --uts sh -c 'hostname "node$0.site"; exec "$@"' "$node" "$@"
"""


def why_not():
    """Why there can be no nodes here; empty if there can."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for program in ("ip", "nsenter", "unshare"):
        if not shutil.which(program):
            return f"there is no {program} here"
    name = f"copper-try-{os.getpid()}"
    tried = copper_job.run("ip", "netns", "add", name)
    if tried.returncode != 0:
        return f"no network namespaces here: {tried.stderr.strip()}"
    copper_job.run("ip", "netns", "del", name)
    return ""


class Nodes:
    """node0 .. with 10.77.0.1 .. as addresses."""

    def __init__(self, count):
        reason = why_not()
        if reason:
            raise unittest.SkipTest(reason)
        self.count = count
        self.name = f"copper-{os.getpid()}"
        self._made = []
        try:
            self._make()
        except Exception:
            self.remove()
            raise

    def _make(self):
        self.switch = self._namespace("switch")
        self.ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
        self.ip("-n", self.switch, "link", "set", "bridge", "up")
        for node in range(self.count):
            self._namespace(node)
            self.connect(node, "eth0", self.address(node))
            self.ip("-n", self.space(node), "link", "set", "lo", "up")

    def connect(self, node, device, address):
        """Gives a node a device on the bridge."""
        space, port = self.space(node), f"{device}-{node}"
        self.ip("-n", self.switch, "link", "add", port, "type", "veth", "peer", "name", device, "netns", space)
        self.ip("-n", self.switch, "link", "set", port, "master", "bridge", "up")
        self.ip("-n", space, "addr", "add", f"{address}/24", "dev", device)
        self.ip("-n", space, "link", "set", device, "up")

    def _namespace(self, node):
        name = f"{self.name}-{node}"
        self.ip("netns", "add", name)
        self._made.append(name)
        return name

    def space(self, node):
        return f"{self.name}-{node}"

    @staticmethod
    def address(node):
        return f"10.77.0.{node + 1}"

    @staticmethod
    def ip(*words):
        done = copper_job.run("ip", *words)
        if done.returncode != 0:
            raise AssertionError(f"ip {words}: {done.stderr}")
        return done.stdout

    def enter(self):
        """What stands before a command that mpiexec starts, so that each rank runs on its node."""
        return ["sh", "-c", WRAPPER, self.name]

    def bytes_into(self, node):
        """What the bridge has sent to a node."""
        done = copper_job.run("nsenter", f"--net=/run/netns/{self.switch}", "cat", "/proc/net/dev")
        line = next(line for line in done.stdout.splitlines() if line.strip().startswith(f"eth0-{node}:"))
        return int(line.partition(":")[2].split()[8])

    def remove(self):
        for name in self._made:
            copper_job.run("ip", "netns", "del", name)
        self._made = []
