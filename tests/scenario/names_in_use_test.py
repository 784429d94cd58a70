"""A name that somebody uses stays: working directories, programs that run, whatever is listed or refreshed meanwhile.

With an argument: as on a kernel whose FUSE protocol is no newer than 7.N. 34 is Linux 5.14, which can't expire names; 38 is 6.2,
which can; with 45 (6.18) it lets go of names that nobody uses.
"""

import os
import subprocess
import sys

import copper_job

MINOR = sys.argv.pop(1) if len(sys.argv) > 1 else None


class NamesInUse(copper_job.Scenario):
    def start(self, ranks=4, target=None, **settings):
        environment = dict(os.environ, COPPER_MOST_FUSE_MINOR=MINOR) if MINOR else None
        return super().start(ranks, target, environment=environment, **settings)

    def settle(self, job):
        """When the kernels have been told whatever there was to tell."""
        done = job.copper("refresh", job.mounts[0], "/no/such/path")
        self.assertEqual((0, ""), (done.returncode, done.stderr), job.last_words())

    def test_directories_made_while_the_job_runs(self):
        """Somebody works in each as soon as it is there: its listing is renewed by his own lookup."""
        self.write("results/first")
        job = self.start(options=["--md-enoent-ttl-ms", 200])
        names = [f"results/made{number}" for number in range(16)]
        for mount in job.mounts:
            self.assertFalse(os.path.lexists(f"{mount}/{names[0]}"))
        for name in names:
            self.write(f"{name}/file", b"there")
            for mount in job.mounts:
                place = f"{mount}/{name}"
                self.assertTrue(copper_job.until(lambda place=place: os.path.isdir(place), 10), place)
                script = "import os, sys; sys.stdin.readline(); print(os.getcwd(), open('file').read(), os.path.exists('absent'))"
                worker = subprocess.Popen([sys.executable, "-c", script], cwd=place, stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
                self.settle(job)
                self.assertEqual(f"{place} there False", worker.communicate("\n")[0].strip())


copper_job.main()
