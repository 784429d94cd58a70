"""A job that only its own first node can wait for, ask or stop would need ssh: any host that sees the job directory can."""

import os
import pathlib
import re

import copper_job
import nodes

AWAY = """
hostname "$1"; shift
while [ "$1" != -- ]; do umount -l "$1" || exit 99; shift; done; shift
exec "$@"
"""


class OtherHosts(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.nodes = nodes.Nodes(4)
        self.addCleanup(self.nodes.remove)
        self.write("directory/file", os.urandom(1 << 20))

    def prepare(self):
        place = self.root / f"job-{len(list(self.root.iterdir()))}"
        place.mkdir()
        job = copper_job.Job(place, self.source, 4)
        at = job.command.index(copper_job.CU_FUSE)
        job.command[at:at] = self.nodes.enter()
        self.addCleanup(job.end)
        return job

    def read(self, job):
        for mount in job.mounts:
            self.assertEqual(1 << 20, len(pathlib.Path(f"{mount}/directory/file").read_bytes()))
            self.assertFalse(os.path.lexists(f"{mount}/directory/absent"))

    def at_login(self, job, *words):
        """As on a host that has no mount, no network to the nodes, none of their processes, and another name."""
        mounts = [mount for mount in copper_job.mounts_below(job.root)]
        return copper_job.run("unshare", "--mount", "--uts", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", AWAY,
                              "sh", "login1", *mounts, "--", copper_job.COPPER, *words)

    def on_node(self, node, *words):
        enter = ["nsenter", f"--net=/run/netns/{self.nodes.space(node)}", "unshare", "--uts", "sh", "-c",
                 'hostname "$0.site"; exec "$@"', f"node{node}"]
        return copper_job.run(*enter, copper_job.COPPER, *words)

    def well(self, done):
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def shows_the_job(self, shown):
        rows = [line.split() for line in shown.splitlines()]
        self.assertEqual([[str(node), f"node{node}"] for node in range(4)],
                         [row[:2] for row in rows if row and row[0].isdigit()])
        self.assertIn("health: all 4 ranks serve", shown)
        self.assertRegex(shown, r"trees: 4 of fanout 2 over 4 ranks")
        self.assertEqual(["root (0)", "0 (1)", "0 (1)", "1 (2)"], re.findall(r"mounted +((?:root|\d) \(\d\))", shown))
        self.assertRegex(shown, r"bytes: .* from caches, .* from parents, 1\.0 MiB \(\d+\.\d%\) from the source")
        self.assertRegex(shown, r"hit rate: \d+\.\d%")

    def test_a_login_node_that_sees_only_the_job_directory(self):
        job = self.prepare()
        job.start()
        self.read(job)
        self.well(self.at_login(job, "wait", job.directory, "--timeout", "20"))
        self.shows_the_job(self.well(self.at_login(job, "status", job.directory)))
        self.assertIn("refreshed /directory on 4 ranks", self.well(self.at_login(job, "refresh", job.directory, "/directory")))
        self.well(self.at_login(job, "stop", job.directory, "--timeout", "30"))
        self.assertEqual([], copper_job.mounts_below(job.root), "it returns when every node is clean")
        self.assertEqual(0, job.wait_for_end())
        again = self.at_login(job, "stop", job.directory, "--timeout", "5")
        self.assertEqual(1, again.returncode)
        self.assertIn("nothing running", again.stderr)

    def test_any_node_of_the_job(self):
        job = self.prepare()
        job.start()
        self.read(job)
        for node in (1, 3):
            self.well(self.on_node(node, "wait", job.directory, "--timeout", "20"))
            self.shows_the_job(self.well(self.on_node(node, "status", job.directory)))
            self.shows_the_job(self.well(self.on_node(node, "status", job.mounts[node])))
        self.well(self.on_node(2, "stop", job.mounts[2], "--timeout", "30"))
        self.assertEqual([], copper_job.mounts_below(job.root))
        self.assertEqual(0, job.wait_for_end())

    def test_why_a_job_died_is_told_at_login(self):
        job = self.prepare()
        job.command += ["--net-type", "tcp://nosuch0"]
        copper_job.run(*job.command)
        waited = self.at_login(job, "wait", job.directory, "--timeout", "40")
        self.assertEqual(1, waited.returncode)
        self.assertIn("host node0 (nor node1, node2, node3) has no network that fits --net-type tcp://nosuch0", waited.stderr)


copper_job.main()
