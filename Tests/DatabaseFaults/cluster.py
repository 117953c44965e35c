"""A PostgreSQL server of one's own, in a folder, on a Unix socket."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import time

# Until a server that starts answers, also on a machine that is busy.
PATIENCE = 60


def programs():
    """The folder of the server's programs, the newest version first; None where there is none."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    found.sort(key=lambda path: int(path.split("/")[4]), reverse=True)
    return os.path.dirname(found[0]) if found else None


class Cluster:
    """Started by start(), ended by stop().

    durable: whether what is committed is on disk for good, which takes long
    settings: more of the server's, as NAME=VALUE
    copied: the folder of sockets of a server whose standby this one is; it need not be that server's own
    """

    def __init__(self, folder, durable=False, settings=(), copied=None):
        self.folder = folder
        self.settings = list(settings)
        self.speed = [] if durable else ["-c", "fsync=off", "-c", "full_page_writes=off"]
        self.data = os.path.join(folder, "data")
        self.sockets = os.path.join(folder, "sockets")
        self.programs = programs()
        self.process = None
        os.makedirs(self.sockets)
        os.chmod(folder, 0o755)
        os.chmod(self.sockets, 0o777)
        # initdb and the server refuse to be root.
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            os.makedirs(self.data)
            owner = pwd.getpwnam("postgres")
            os.chown(self.data, owner.pw_uid, owner.pw_gid)
            os.chmod(self.data, 0o700)
        if copied is None:
            self.make("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8")
        else:
            self.make("pg_basebackup", "-h", copied, "-U", "postgres", "-R", "-X", "stream", "-c", "fast")

    def make(self, program, *arguments):
        """Makes the folder of the data."""
        made = subprocess.run(
            [*self.user, f"{self.programs}/{program}", "--no-sync", "-D", self.data, *arguments],
            capture_output=True,
            text=True,
            cwd="/",
        )
        if made.returncode != 0:
            raise RuntimeError(f"{program}: {made.stderr}")

    @property
    def socket(self):
        return os.path.join(self.sockets, ".s.PGSQL.5432")

    def start(self):
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=INT", *self.user[1:]]
                + [f"{self.programs}/postgres", "-D", self.data, "-k", self.sockets, "-c", "listen_addresses="]
                + ["-c", "max_connections=200", *self.speed]
                + [word for setting in self.settings for word in ("-c", setting)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        end = time.monotonic() + PATIENCE
        while self.sql("SELECT 1", check=False) != "1":
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server did not start; see {self.folder}/server.log")
            time.sleep(0.02)

    def stop(self, immediately=True):
        """Ends the server; immediately means without a checkpoint, as a crash of its processes."""
        self.process.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
        self.process.wait()

    def kill(self):
        """Kills the postmaster; its children end when they notice."""
        self.process.kill()
        self.process.wait()

    def crash(self):
        """Kills the postmaster and starts it again."""
        self.kill()
        # The new postmaster refuses to start as long as a child of the old one uses the memory they share.
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return self.start()
            except RuntimeError:
                time.sleep(0.1)
        raise RuntimeError("the server did not start after a kill")

    def restart(self):
        self.stop()
        self.start()

    def sql(self, text, database="postgres", check=True):
        """What a statement says, as psql shows it without a frame."""
        ran = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-h", self.sockets, "-U", "postgres", "-d", database]
            + ["-v", "ON_ERROR_STOP=1", "-c", text],
            capture_output=True,
            text=True,
        )
        if check and ran.returncode != 0:
            raise RuntimeError(f"{text[:80]}: {ran.stderr.strip()}")
        return ran.stdout.strip()

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pooler:
    """pgbouncer in transaction mode before a server, on a Unix socket of its own."""

    def __init__(self, folder, server):
        self.folder = folder
        self.sockets = os.path.join(folder, "sockets")
        os.makedirs(self.sockets)
        self.configuration = os.path.join(folder, "pgbouncer.ini")
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(
                f"""[databases]
* = host={server.sockets} port=5432 user=postgres
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = {self.sockets}
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""
            )
        # It refuses to be root.
        for path in (folder, self.sockets, self.configuration):
            if server.user:
                shutil.chown(path, "postgres", "postgres")
        self.user = server.user[1:]

    @staticmethod
    def program():
        """Where it is; None where it is not installed."""
        return shutil.which("pgbouncer") or next(iter(glob.glob("/usr/sbin/pgbouncer")), None)

    def start(self):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", *self.user, self.program(), "-q", self.configuration],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        end = time.monotonic() + PATIENCE
        while not os.path.exists(os.path.join(self.sockets, ".s.PGSQL.5432")):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"pgbouncer did not start; see {self.folder}/pgbouncer.log")
            time.sleep(0.02)

    def stop(self):
        self.process.kill()
        self.process.wait()
