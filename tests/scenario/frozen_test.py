"""A daemon that is frozen: who waits for it can be killed, gets an errno in the end, and the others serve on."""

import os
import pathlib
import signal
import subprocess
import threading
import time

import copper_job


class Frozen(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        for number in range(10):
            self.write(f"d{number}/file", b"content")
        self.job = self.start(3, options=["--trees", 1, "--fanout", 1], deadline=120)  # rank 0 is the root of everything
        os.kill(self.job.daemon(0), signal.SIGSTOP)
        self.addCleanup(self.job.signal, 0, signal.SIGCONT)

    def thaw(self):
        self.job.signal(0, signal.SIGCONT)

    def test_a_waiting_reader_can_be_killed(self):
        reader = subprocess.Popen(["cat", f"{self.job.mounts[2]}/d1/file"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(1)
        self.assertIsNone(reader.poll(), "it waits")
        reader.kill()
        self.assertEqual(-signal.SIGKILL, reader.wait(2 * copper_job.PATIENCE))

    def test_a_waiting_reader_gets_an_answer_in_the_end(self):
        outcome = []

        def read():
            try:
                outcome.append(pathlib.Path(f"{self.job.mounts[2]}/d2/file").read_bytes())
            except OSError as failure:
                outcome.append(failure.errno)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(30 * copper_job.PATIENCE)
        self.assertTrue(outcome, "it waits for ever")
        # Bytes, if there was another way; else an errno that does not pass for an absent or an empty file.
        self.assertNotIn(outcome[0], (b"", copper_job.errno.ENOENT))

    def test_it_goes_on_when_the_daemon_does(self):
        threading.Timer(1, self.thaw).start()
        self.assertEqual(b"content", pathlib.Path(f"{self.job.mounts[2]}/d3/file").read_bytes())
        self.assertEqual(b"content", pathlib.Path(f"{self.job.mounts[1]}/d4/file").read_bytes())


copper_job.main()
