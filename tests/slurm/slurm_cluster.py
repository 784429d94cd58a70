"""A real Slurm cluster on this machine: munged, slurmctld and some slurmd, each node with a name of its own.

Everything is in one directory, on ports that were free, as the user who runs it; no service of the machine is used and
none is touched. `python3 slurm_cluster.py [COMMAND...]` starts one, runs a command (by default a shell) in it, and ends it.
"""

import atexit
import contextlib
import ctypes
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "srun", "sbatch", "salloc", "scancel", "scontrol", "sinfo")
SYSTEM_PATH = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"

CONFIGURATION = """
ClusterName=copper{name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/log/slurmctld
SlurmdLogFile={root}/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=10
MinJobAge=300
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={node_ports} CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
"""


def missing_programs():
    return [program for program in PROGRAMS if not shutil.which(program, path=SYSTEM_PATH)]


def free_ports(count):
    """Consecutive ports that nobody listens on, as Slurm wants those of its nodes."""
    for _ in range(100):
        first = 20000 + secrets.randbelow(12000)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + count):
                held.enter_context(contextlib.closing(socket.socket())).bind(("", port))
            return first
    raise RuntimeError(f"no {count} free ports in a row")


def end_with_parent():
    """For the daemons: however this program ends, they end too."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Cluster:
    """`with Cluster() as cluster: cluster.run("srun", "-N4", "hostname")`"""

    def __init__(self, nodes=4):
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self.root = None
        self.processes = []
        self.environment = None

    def __enter__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="copper-slurm-", dir="/tmp"))
        # Munge wants the way to its socket open for all, and its key closed.
        self.root.chmod(0o755)
        atexit.register(self.__exit__)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        for name in ("munge", "state", "spool", "log"):
            (self.root / name).mkdir(mode=0o755)
        self.write_configuration()
        self.environment = {**os.environ, "SLURM_CONF": str(self.root / "slurm.conf"), "PATH": SYSTEM_PATH}
        self.start_munge()
        self.start_daemon("slurmctld", "-D", "-i")
        for node in self.nodes:
            self.start_daemon("slurmd", "-D", "-N", node)
        self.until(self.all_idle, 30, "the nodes did not come up")

    def write_configuration(self):
        first = free_ports(len(self.nodes) + 1)
        (self.root / "slurm.conf").write_text(CONFIGURATION.format(
            name=first, host=socket.gethostname(), controller_port=first, user=pwd.getpwuid(os.geteuid()).pw_name,
            root=self.root, nodes=f"node[1-{len(self.nodes)}]", node_ports=f"[{first + 1}-{first + len(self.nodes)}]",
            cpus=os.cpu_count()), encoding="utf-8")

    def start_munge(self):
        place = self.root / "munge"
        key = place / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        self.start_daemon("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={place}/socket",
                          f"--pid-file={place}/pid", f"--seed-file={place}/seed")
        self.until(lambda: self.run("munge", "-S", place / "socket", "-n").returncode == 0, 10, "munged did not come up")

    def start_daemon(self, *command):
        with open(self.root / "log" / f"{command[0]}{len(self.processes)}.out", "wb") as output:
            self.processes.append(subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                                   stderr=output, env=self.environment, start_new_session=True,
                                                   preexec_fn=end_with_parent))

    def all_idle(self):
        states = self.run("sinfo", "-h", "-N", "-o", "%T").stdout.split()
        return states == ["idle"] * len(self.nodes)

    def until(self, condition, seconds, complaint):
        end = time.monotonic() + seconds
        while not condition():
            dead = [process.args for process in self.processes if process.poll() is not None]
            if dead or time.monotonic() > end:
                raise RuntimeError(f"{complaint}: {dead or 'too late'}\n{self.last_words()}")
            time.sleep(0.1)

    def last_words(self):
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}"
                         for log in sorted((self.root / "log").iterdir()))

    def run(self, *command, timeout=60, **options):
        return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=timeout, check=False,
                              **{"env": self.environment, **options})

    def __exit__(self, *_):
        atexit.unregister(self.__exit__)
        if self.environment and len(self.processes) > 1:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run("scancel", "--user", pwd.getpwuid(os.geteuid()).pw_name, timeout=20)
                self.wait_for_no_jobs(25)
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def wait_for_no_jobs(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.run("squeue", "-h").stdout.strip():
            time.sleep(0.2)


def main():
    with Cluster() as cluster:
        command = sys.argv[1:] or [os.environ.get("SHELL", "/bin/bash")]
        return subprocess.call(command, env=cluster.environment)


if __name__ == "__main__":
    sys.exit(main())
