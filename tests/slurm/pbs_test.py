#!/usr/bin/env python3
"""The Aurora scripts, unchanged, with MPICH's mpiexec in an environment as PBS gives it: a job, and a file of its nodes."""

import os
import pathlib
import signal

import launchers
from launchers import copper_job

NODES = ["x4001c0s0b0n0", "x4001c0s1b0n0", "x4001c0s2b0n0", "x4001c0s3b0n0"]
# Stands for the way to the nodes that mpiexec takes (PBS's own daemons): each of them is this machine.
REMOTE_SHELL = """#!/bin/bash
while [[ $1 == -* ]]; do shift; done
echo "$1" >>{hosts}
shift
exec bash -c "$*"
"""


class Pbs(launchers.Launchers):
    site = "_aurora"
    options = ("-n", "tcp", "-b", "0")  # what this machine has instead of cxi and cores 48 to 51

    def setUp(self):
        super().setUp()
        self.hosts = self.root / "hosts-asked"
        shell = self.write("shell", REMOTE_SHELL.format(hosts=self.hosts), 0o755)
        self.node_file = self.write("node_file", "".join(f"{node}.hsn.cm.aurora\n" * 2 for node in NODES))
        self.environment.update(PBS_JOBID="4711.aurora-pbs-0001.hostmgmt.cm.aurora.alcf.anl.gov",
                                PBS_NODEFILE=str(self.node_file), PBS_O_WORKDIR=str(self.root),
                                HYDRA_LAUNCHER="ssh", HYDRA_LAUNCHER_EXEC=str(shell))


class Use(launchers.Killed, Pbs):
    def test_launch_workload_stop(self):
        launched = self.launch("-l", "4")
        self.assertRegex(launched.stdout, r"4 ranks[^\n]*min +median +max")
        self.assertEqual("4711", self.job().name)
        # One rank a node, though each stands twice in the file.
        self.assertEqual(sorted(f"{node}.hsn.cm.aurora" for node in NODES), sorted(self.hosts.read_text().split()))
        self.assert_serves()
        for pid in copper_job.daemons_of(self.root):
            self.assertRegex(pathlib.Path(f"/proc/{pid}/status").read_text(), r"Cpus_allowed_list:\s+0\n")
        stopped = self.stop()
        self.assertIn(f"results in {self.job()}", stopped.stdout)
        self.assert_nothing_left()

    def test_the_words_for_the_mpiexec_of_aurora(self):
        words = self.root / "words"
        pals = self.write("pals", f"""#!/bin/bash
            [[ $1 != --help ]] || {{ echo '--abort-on-failure/--no-abort-on-failure, --cpu-bind TEXT'; exit; }}
            echo "$*" >>{words}
            mine=()
            while (($#)); do
              case $1 in
                --no-abort-on-failure) mine+=(-disable-auto-cleanup) ;;
                --cpu-bind) shift ;;
                *) mine+=("$1") ;;
              esac
              shift
            done
            exec mpiexec "${{mine[@]}}"
            """, 0o755)
        self.options = ("-n", "tcp")
        self.launch(COPPER_MPIEXEC=str(pals))
        self.assert_serves()
        self.stop(COPPER_MPIEXEC=str(pals))
        daemons, *looks = words.read_text().splitlines()
        self.assertRegex(daemons, r"^-n 4 -ppn 1 -f \S+ --no-abort-on-failure --cpu-bind list:48,49,50,51 \S+/cu_fuse ")
        self.assertEqual(2, len(looks))
        for look in looks:
            self.assertRegex(look, r"^-n 4 -ppn 1 -f \S+ --cpu-bind none \S+ \S+/on_node.sh (users|mounts) ")

    def test_a_lost_rank_does_not_end_the_others(self):
        self.launch()
        lost = copper_job.json.loads((self.job() / "logs/ready.json").read_text())["pids"][3]
        os.kill(lost, signal.SIGKILL)
        self.assertTrue(copper_job.until(lambda: self.mounts()[3] not in copper_job.mounts_below(self.root), 20))
        self.assert_serves(self.mounts()[:3])
        self.stop()
        self.assert_nothing_left(20)

    def test_the_sites_book_is_taken_where_there_is_one(self):
        book = self.root / "no-such-book"
        self.assertIn(f"discover (no -F, and there is no {book})", self.launch(COPPER_ADDRESS_BOOK=str(book)).stderr)
        self.stop()
        book.write_text("# none of these nodes\n")
        self.refuse(because=f"address book: facility {book} .the site's book", COPPER_ADDRESS_BOOK=str(book))


class Refusals(Pbs):
    def test_without_a_job(self):
        self.refuse(because="no PBS job here .PBS_JOBID is not set", PBS_JOBID="")
        self.assertIn("no PBS job here", self.stop(status=2, PBS_JOBID="").stderr)

    def test_without_a_node_file(self):
        self.refuse(because="cannot read the node file of the PBS job .*/nowhere", PBS_NODEFILE="/nowhere")

    def test_an_empty_node_file(self):
        empty = self.write("empty", "\n")
        self.refuse(because=f"the node file of the PBS job .* is empty: {empty}", PBS_NODEFILE=str(empty))

    def test_a_node_that_cannot_be_reached(self):
        broken = self.write("broken", "#!/bin/sh\necho no route to $1 >&2\nexit 1\n", 0o755)
        launched = self.refuse("-s", "3", because="not ready in time", HYDRA_LAUNCHER_EXEC=str(broken))
        self.assertIn("no route to", launched.stderr)


if __name__ == "__main__":
    copper_job.main()
