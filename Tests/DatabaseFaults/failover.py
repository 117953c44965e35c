#!/usr/bin/env python3
"""What happens to runs when their database fails over, restarts, or stands behind a pooler; one line for each scenario.

    failover.py --program orchestrate --simulator transfer-simulator [--scenes cancelled,promoted,...]

cancelled  a synchronous standby is stopped, and COMMITs that wait for it are cancelled: the server then answers with success and
           a warning. What was claimed in such a transaction is never sent
promoted   the primary is killed under load and its synchronous standby promoted: workers go on with it
lagging    the primary is killed, and an asynchronous standby that was behind is promoted: the run pauses as failed_over, and
           `resume` asks the service about what may have been sent
orphaned   the same, and the worker dies with the primary: another one leaves the run as failed_over
stopped    a worker is stopped (SIGSTOP) at each moment from before an intent to behind the answer; the system ends it, and a worker
           of another machine takes its run over
taken      a worker is killed under load while one of the same machine and then one of another machine wait for work: how long it takes
           until each goes on
killed     the server's first process is killed under load, and starts again
silent     what stands between keeps a worker's connections and hands nothing on any more, for good, while new ones get through
pooled     everything goes through pgbouncer in transaction mode: a run whose process is killed, and whose worker is killed, ends with
           two others, while another client leaves synchronous_commit = off behind in the pooler's connections
unprepared the same with ORCHESTRATE_PG_PREPARE=off

A scene prints what it counted. Always 0 are: lost (items that are reported as accepted and were not taken, or are in no state),
duplicated (items that were taken more than once), inconsistent (`verify` found something), and ghosts (requests beyond one for
each attempt that was to be sent). Ends with 0 when every scene is as it should be; one for which a program is missing is
skipped, and says so.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

from cluster import Cluster, Pooler, programs
from crash_score import DIES_WITH_US, OBSERVER, ROUNDING, SILENCE, Run
from proxy import Proxy

# What an expected change may take on a machine that is busy, in seconds.
LONGEST = 120
CONCURRENCY = 6
# X of the protocol, in seconds.
WATCHDOG = 10
# What a take-over waits beyond that, since machines are slow at times (M).
MARGIN = 5
# G of the protocol, and the time limit of the requests that are sent here (T).
CLAIM = 5
TIMEOUT = 3
# What a worker may have under way is over so many seconds after its run was taken over (D).
UNDER_WAY = CLAIM + TIMEOUT + WATCHDOG + MARGIN
# How long nothing may come from a server that is to answer a change.
SILENT = 40


class Wrong(Exception):
    """What is not as it should be, as a clause."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


async def until(condition, text, longest=LONGEST):
    """Waits until the condition holds, and returns what it says."""
    end = time.monotonic() + longest
    while not (found := condition()):
        expect(time.monotonic() < end, f"not within {longest} s: {text}")
        await asyncio.sleep(0.02)
    return found


class Scene(Run):
    """A run on servers of its own, from its plan to its end."""

    # The service does nothing wrong: each request that arrives is one that was to be sent.
    misdeeds = ()

    # Where a program is that it needs beside the server; None where that is missing.
    @staticmethod
    def program():
        return True

    def __init__(self, options, folder, number=1, cluster=None):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.place = folder
        self.servers = [cluster] if cluster else []
        self.workers = []
        self.facts = {}
        self.variables = {}
        self.pooler = None
        super().__init__(options, cluster or self.server(), number, random.Random(options.seed))

    def server(self, **options):
        """One more server, not started yet."""
        server = Cluster(os.path.join(self.place, f"server{len(self.servers) + 1}"), **options)
        self.servers.append(server)
        return server

    def environment(self, name=None, machine=0):
        hosts = [self.pooler] if self.pooler else [server.sockets for server in self.servers]
        return {
            **super().environment(machine=machine),
            # libpq asks each for the one that takes changes.
            "ORCHESTRATE_DB": f"postgresql://postgres@/{self.database}?host={','.join(hosts)}",
            **self.variables,
        }

    async def standby(self, is_synchronous):
        """Starts a standby of the first server; an asynchronous one gets its changes through a proxy."""
        primary = self.servers[0]
        settings = []
        if not is_synchronous:
            place = os.path.join(self.place, "replication", ".s.PGSQL.5432")
            self.replication = Proxy(primary.socket, {"standby": place})
            await self.replication.start()
            os.chmod(os.path.dirname(place), 0o755)
            settings = [f"primary_conninfo=host={os.path.dirname(place)} user=postgres"]
        standby = self.server(copied=primary.sockets, settings=settings)
        await asyncio.get_running_loop().run_in_executor(None, standby.start)
        await until(lambda: primary.sql("SELECT count(*) FROM pg_stat_replication") == "1", "the standby connects")
        if is_synchronous:
            # Not in the standby's copy of the settings: it waits for nobody once it is promoted.
            primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.sql("SELECT pg_reload_conf()")
            state = "SELECT sync_state FROM pg_stat_replication"
            await until(lambda: primary.sql(state) == "sync", "the standby is waited for")
        return standby

    def promote(self, standby):
        standby.sql("SELECT pg_promote()")
        self.cluster = standby

    async def plan(self):
        """Makes the tables and a run for workers."""
        await self.serve()
        if not self.query("SELECT 1"):
            self.cluster.sql(f"CREATE DATABASE {self.database}")
        self.done("migrate")
        self.done("submit", "--detach", self.manifest, *self.settings)

    @property
    def settings(self):
        return [
            *("--base-url", self.address, "--chunk-size", "2", "--concurrency", str(CONCURRENCY)),
            *("--timeout", f"{TIMEOUT}s", "--settle-delay", "300ms", "--settle-grace", "1s"),
        ]

    def done(self, *arguments, status=0):
        """Runs a command that has to end like that, and returns what it printed."""
        ran = self.command(*arguments)
        expect(ran.returncode == status, f"{arguments[0]} ended with {ran.returncode}: {ran.stderr[-600:]}")
        return ran.stdout

    async def start(self, *arguments, machine=0, **variables):
        """Starts a process that goes on."""
        with open(os.path.join(self.folder, f"process{len(self.workers)}.log"), "ab") as log:
            process = await asyncio.create_subprocess_exec(
                *DIES_WITH_US,
                *(self.options.program, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment(machine=machine), **variables},
            )
        process.log = log.name
        self.workers.append(process)
        return process

    def worker(self, machine=0, idle="1h"):
        return self.start("worker", "--idle-exit", idle, "--progress", "never", machine=machine)

    def arrived(self):
        arrivals, _ = self.read_ledger()
        return sum(len(moments) for moments in arrivals.values())

    async def sent(self, count):
        """Until that many more requests have arrived: the run is under load."""
        before = self.arrived() if os.path.exists(self.ledger) else 0
        await until(lambda: os.path.exists(self.ledger) and self.arrived() >= before + count, f"{count} requests arrive")

    async def finished(self):
        await until(lambda: self.state() == "finished", "the run ends")

    async def ended(self, process, status):
        try:
            found = await asyncio.wait_for(process.wait(), LONGEST)
        except asyncio.TimeoutError:
            raise Wrong(f"a process did not end within {LONGEST} s; see {process.log}") from None
        if found != status:
            with open(process.log, encoding="utf-8") as log:
                raise Wrong(f"a process ended with {found} instead of {status}: {log.read()[-600:]}")

    def figure(self, text):
        return int(self.cluster.sql(text, self.database))

    def attempts_with(self, code):
        return self.figure(f"SELECT count(*) FROM attempt WHERE code = '{code}'")

    def judge(self):
        """What became of the items, and of the attempts."""
        score = Counter()
        self.count_items(score)
        # Each attempt that was to be sent arrives once, and no other one does.
        unsent = self.figure("SELECT count(*) FROM attempt WHERE code IN ('unsent', 'failed_over')")
        sent = self.figure("SELECT count(*) FROM attempt") - unsent + self.lost_attempts()
        # What a process that was killed had claimed may not have left.
        left = sum(process.returncode == -signal.SIGKILL for process in self.workers) * CONCURRENCY
        expect(self.arrived() >= sent - left, f"{sent} attempts were to be sent, and {self.arrived()} arrived")
        score["ghosts"] = max(0, self.arrived() - sent)
        for name in ("lost", "duplicated", "inconsistent", "ghosts", "undecided"):
            self.facts[name] = score[name]
        for name in ("lost", "duplicated", "inconsistent", "ghosts", "undecided"):
            expect(score[name] == 0, f"{name} {score[name]}")

    def lost_attempts(self):
        """Attempts that were sent and that the database lost."""
        return 0

    async def end(self, keeps=False):
        for process in self.workers:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if getattr(self, "simulator", None) and self.simulator.returncode is None:
            self.simulator.kill()
            await self.simulator.wait()
        for server in self.servers:
            if not keeps:
                server.remove()
            elif server.process is not None and server.process.poll() is None:
                server.stop()


class Cancelled(Scene):
    """COMMITs that wait for a standby which is away are cancelled."""

    async def play(self):
        self.cluster.start()
        standby = await self.standby(is_synchronous=True)
        await self.plan()
        worker = await self.worker()
        await self.sent(40)
        standby.stop(immediately=False)
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'"
        self.facts["cancelled"] = 0
        end = time.monotonic() + LONGEST
        while self.facts["cancelled"] < 6 or self.attempts_with("unsent") == 0:
            expect(time.monotonic() < end, "no claim was given up")
            # At once: a claim that is late is given up as well.
            for process in self.query(waiting).split():
                self.facts["cancelled"] += self.query(f"SELECT pg_cancel_backend({process})") == "t"
            await asyncio.sleep(0.02)
        standby.start()
        await self.finished()
        expect(worker.returncode is None, "the worker ended")
        self.facts["unsent"] = self.attempts_with("unsent")
        self.judge()


class Promoted(Scene):
    """The primary is killed, and its synchronous standby takes its place."""

    async def play(self):
        self.cluster.start()
        standby = await self.standby(is_synchronous=True)
        await self.plan()
        workers = [await self.worker(), await self.worker(machine=1)]
        await self.sent(60)
        self.servers[0].kill()
        self.promote(standby)
        await self.sent(20)
        await self.finished()
        expect(all(worker.returncode is None for worker in workers), "a worker ended")
        self.facts["timeline"] = self.figure("SELECT timeline FROM engine")
        expect(self.facts["timeline"] == 2, f"the timeline on record is {self.facts['timeline']}")
        expect(self.query("SELECT split_part(server, '/', 2) FROM run") == "2", "the run's timeline is not noted")
        expect(self.attempts_with("failed_over") == 0, "the run was taken for one that lost changes")
        self.judge()


class Lagging(Scene):
    """The primary is killed, and a standby that was behind takes its place."""

    kills_worker = False

    async def play(self):
        self.cluster.start()
        standby = await self.standby(is_synchronous=False)
        await self.plan()
        worker = await self.worker()
        await self.sent(40)
        self.replication.do({"do": "hold"})
        await self.sent(40)
        if self.kills_worker:
            worker.kill()
            await worker.wait()
        self.servers[0].kill()
        self.replication.do({"do": "refuse"})
        # What the primary had at its end.
        arrived = self.arrived()
        self.promote(standby)
        self.facts["lost_claims"] = arrived - self.figure("SELECT count(*) FROM attempt")
        expect(self.facts["lost_claims"] > 0, "no claim was lost")
        if self.kills_worker:
            await self.ended(await self.worker(idle="3s"), 0)
        else:
            await self.ended(worker, 3)
        standing = self.query("SELECT state || ' ' || coalesce(reason, '') FROM run")
        expect(standing == "paused failed_over", f"the run is {standing}")
        # Nothing but a person goes on with it.
        before = self.arrived()
        await self.ended(await self.worker(idle="1s"), 0)
        expect(self.arrived() == before, "a worker sent something of a run that may have lost claims")
        begun = time.monotonic()
        self.missing = before - self.figure("SELECT count(*) FROM attempt WHERE code IS DISTINCT FROM 'unsent'")
        self.done("resume", "latest", "--progress", "never")
        self.facts["seconds"] = round(time.monotonic() - begun)
        expect(self.state() == "finished", "the run did not end")
        self.facts["failed_over"] = self.attempts_with("failed_over")
        expect(self.facts["failed_over"] >= self.facts["lost_claims"], "fewer chunks were asked for than were lost")
        self.judge()

    def lost_attempts(self):
        return self.missing


class Orphaned(Lagging):
    """Its worker dies with the primary."""

    kills_worker = True


class StoppedAt(Scene):
    """A worker is stopped at one moment; a part of a scene with others."""

    def __init__(self, moment, *arguments):
        super().__init__(*arguments)
        self.moment = moment

    async def play(self):
        await self.plan()
        self.cluster.sql(OBSERVER, self.database)
        worker = await self.start("worker", "--progress", "never", ORCHESTRATE_STOP_AT=self.moment)
        await until(lambda: is_stopped(worker.pid), f"the worker reaches {self.moment}")
        begun = time.monotonic()
        await self.ended(worker, -signal.SIGKILL)
        self.seconds = time.monotonic() - begun
        arrived = self.arrived()
        # Its lock is in another folder: only its silence tells.
        await self.worker(machine=1)
        await until(lambda: self.attempts_with("owner_lost") or self.state() == "finished", "its run is taken over")
        await self.finished()
        expect(self.seconds < WATCHDOG + MARGIN, f"stopped at {self.moment}, it was ended after {self.seconds:.1f} s")
        # The ledger is what the service saw: nothing of a request that was given up came later.
        score = Counter()
        self.count(score)
        expect(score["ghosts"] == 0, f"{self.moment}: ghosts {score['ghosts']}")
        expect(self.arrived() > arrived, f"{self.moment}: nothing was left to send")
        self.judge()

    async def halt(self):
        for process in [*self.workers, self.simulator]:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Stopped(Scene):
    """Workers that are stopped, each at another moment and with a run of its own."""

    async def play(self):
        self.cluster.start()
        options = argparse.Namespace(**{**vars(self.options), "items": 120})
        parts = [
            StoppedAt(moment, options, self.place, 2 + number, self.cluster)
            for number, moment in enumerate(
                ["before_intent:9", "after_intent:9", "before_piece:9", "after_send:9", "after_answer:9"]
            )
        ]
        try:
            await asyncio.gather(*(part.play() for part in parts))
        finally:
            for part in parts:
                await part.halt()
        self.facts["moments"] = len(parts)
        self.facts["longest"] = f"{max(part.seconds for part in parts):.1f} s"
        self.facts["given_up"] = sum(part.attempts_with("owner_lost") for part in parts)
        expect(self.facts["given_up"] > 0, "nothing had been under way")
        for name in ("lost", "duplicated", "inconsistent", "ghosts", "undecided"):
            self.facts[name] = sum(part.facts[name] for part in parts)


def is_stopped(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"
    except FileNotFoundError:
        return False


class Taken(Scene):
    """Workers are killed, and others that wait for work go on: one that finds their locks free, and one that does not see them."""

    def __init__(self, options, *arguments):
        # Long enough for both.
        super().__init__(argparse.Namespace(**{**vars(options), "items": 3 * options.items}), *arguments)

    async def play(self):
        self.cluster.start()
        await self.plan()
        self.cluster.sql(OBSERVER, self.database)
        first = await self.worker()
        await self.sent(40)
        beside = await self.waiting(machine=0)
        seconds = await self.continued(first)
        self.facts["same_machine"] = f"{seconds:.2f} s"
        expect(seconds < SILENCE, f"on the same machine the run went on after {seconds:.1f} s")
        await self.waiting(machine=1)
        seconds = await self.continued(beside)
        self.facts["another_machine"] = f"{seconds:.1f} s"
        expect(seconds < UNDER_WAY + 5, f"on another machine the run went on after {seconds:.1f} s, not within {UNDER_WAY} + 5 s")
        await self.finished()
        lost_at = self.figure(f"SELECT lost_at FROM worker WHERE pid = {beside.pid}")
        given_up = self.figure("SELECT max(at_ms) FROM observed.given_up WHERE code = 'owner_lost'")
        seconds = (given_up - lost_at) / 1000
        self.facts["requests_under_way"] = f"given up {seconds:.1f} s after that"
        expect(UNDER_WAY <= seconds < UNDER_WAY + 5, f"what was under way was given up {seconds:.1f} s after the take-over")
        self.judge()

    async def waiting(self, machine):
        """Starts a worker that finds nothing to do."""
        worker = await self.worker(machine=machine)
        known = f"SELECT count(*) FROM worker WHERE pid = {worker.pid}"
        await until(lambda: self.query(known) == "1", "a worker signs in")
        return worker

    async def continued(self, victim):
        """Kills the run's worker, and returns after how many seconds the next one sends its first request."""
        await self.sent(20)
        victim.kill()
        killed = time.time() * 1000
        owner = self.figure(f"SELECT r.owner FROM run AS r JOIN worker AS w ON w.id = r.worker WHERE w.pid = {victim.pid}")
        claimed = f"SELECT min(started_at) FROM attempt WHERE owner > {owner}"
        # Both are rounded.
        claim = int(await until(lambda: self.query(claimed), "another worker goes on")) - ROUNDING
        return (await until(lambda: self.arrival_after(claim), "its first request arrives") - killed) / 1000

    def arrival_after(self, moment):
        """When the first request arrived after that moment; 0 when none did."""
        arrivals, _ = self.read_ledger()
        return min((time for times in arrivals.values() for time in times if time >= moment), default=0)


class Killed(Scene):
    """The server's first process is killed, and starts again."""

    async def play(self):
        self.cluster.start()
        await self.plan()
        workers = [await self.worker(), await self.worker(machine=1)]
        for _ in range(3):
            await self.sent(40)
            await asyncio.get_running_loop().run_in_executor(None, self.cluster.crash)
        await self.finished()
        expect(all(worker.returncode is None for worker in workers), "a worker ended")
        self.facts["kills"] = 3
        expect(self.attempts_with("failed_over") == 0, "the run was taken for one that lost changes")
        self.judge()


class Silent(Scene):
    """The connections of a worker stay, and nothing passes on them any more."""

    async def play(self):
        self.cluster.start()
        place = os.path.join(self.place, "way", ".s.PGSQL.5432")
        proxy = Proxy(self.cluster.socket, {"worker": place})
        await proxy.start()
        await self.plan()
        self.pooler = os.path.dirname(place)
        worker = await self.worker()
        # Commands go to the server itself: this process waits for them, and the proxy is in it.
        self.pooler = None
        beat = f"SELECT beat FROM worker WHERE pid = {worker.pid}"
        await until(lambda: self.query(beat) not in ("", "0"), "the worker beats")
        await self.sent(CONCURRENCY)
        proxy.do({"do": "strand"})
        stranded = time.monotonic()
        before = self.figure(beat)
        await until(lambda: self.figure(beat) != before, "the worker beats again")
        seconds = time.monotonic() - stranded
        self.facts["beats_again"] = f"after {seconds:.1f} s"
        expect(seconds < SILENCE, f"the worker beat again after {seconds:.1f} s: others take it for lost")
        await self.sent(CONCURRENCY * 2)
        seconds = time.monotonic() - stranded
        self.facts["goes_on"] = f"after {seconds:.1f} s"
        expect(seconds < SILENT + 10, f"the worker went on after {seconds:.1f} s")
        await self.finished()
        expect(worker.returncode is None, "the worker ended")
        self.judge()


# Written down by the database itself: how durable each claim is to be.
SETTINGS = """
CREATE SCHEMA observed;
CREATE TABLE observed.claim (synchronous_commit text);
CREATE FUNCTION observed.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO observed.claim VALUES (current_setting('synchronous_commit'));
  RETURN NULL;
END $$;
CREATE TRIGGER observed AFTER INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION observed.note();
"""


class Pooled(Scene):
    """A pooler hands the server's processes out for one transaction each."""

    program = staticmethod(Pooler.program)

    async def play(self):
        self.cluster.start()
        pooler = Pooler(os.path.join(self.place, "pooler"), self.cluster)
        pooler.start()
        self.pooler = pooler.sockets
        littering = None
        try:
            self.cluster.sql(f"CREATE DATABASE {self.database}")
            self.done("migrate")
            self.cluster.sql(SETTINGS, self.database)
            littering = asyncio.create_task(self.litter())
            await self.serve()
            submit = ["submit", self.manifest, *self.settings, "--progress", "never"]
            await self.ended(await self.start(*submit, ORCHESTRATE_KILL_AT="after_send:40"), -signal.SIGKILL)
            worker = await self.worker()
            await self.sent(60)
            worker.kill()
            workers = [await self.worker(idle="2s") for _ in range(2)]
            shown = self.done("workers")
            expect(self.query("SELECT run_id FROM run") in shown, f"workers shows {shown}")
            for worker in workers:
                await self.ended(worker, 0)
            found = self.command("doctor")
            expect("through a pooler in transaction mode" in found.stdout + found.stderr, f"doctor: {found.stdout}")
            settings = self.cluster.sql("SELECT DISTINCT synchronous_commit FROM observed.claim", self.database)
            expect(settings == "on", f"claims were made with synchronous_commit = {settings.split()}")
            # A client that does not say it in the transaction has what another client left.
            expect("off" in [self.through("SHOW synchronous_commit") for _ in range(20)], "nothing was left behind")
            self.facts["kills"] = 2
            self.judge()
        finally:
            if littering:
                littering.cancel()
            pooler.stop()

    def through(self, text):
        """What a statement says through the pooler."""
        command = ["psql", "-X", "-q", "-A", "-t", "-h", self.pooler, "-U", "postgres", "-d", self.database, "-c", text]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    async def litter(self):
        while True:
            await asyncio.get_running_loop().run_in_executor(None, self.through, "SET synchronous_commit = off")
            await asyncio.sleep(0.1)


class Unprepared(Pooled):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.variables["ORCHESTRATE_PG_PREPARE"] = "off"


SCENES = {
    "cancelled": Cancelled,
    "promoted": Promoted,
    "lagging": Lagging,
    "orphaned": Orphaned,
    "stopped": Stopped,
    "taken": Taken,
    "killed": Killed,
    "silent": Silent,
    "pooled": Pooled,
    "unprepared": Unprepared,
}


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="orchestrate")
    parser.add_argument("--simulator", required=True, help="transfer-simulator")
    parser.add_argument("--scenes", default=",".join(SCENES), help=f"of {','.join(SCENES)} (all)")
    parser.add_argument("--items", type=int, default=1000, help="items of each manifest (1,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the service (1)")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a scene that went wrong")
    options = parser.parse_args()
    options.listing_lag = 0.3
    options.profile = "v1"
    names = options.scenes.split(",")
    if unknown := [name for name in names if name not in SCENES]:
        parser.error(f"no such scene: {', '.join(unknown)}")
    if programs() is None:
        print("skipped: there is no PostgreSQL server; install Debian's package postgresql")
        return
    folder = tempfile.mkdtemp(prefix="failover-")
    # The servers run as another user.
    os.chmod(folder, 0o755)
    is_good = True
    for name in names:
        if SCENES[name].program() is None:
            print(f"{name}: skipped: pgbouncer is not installed", flush=True)
            continue
        begun = time.monotonic()
        scene = SCENES[name](options, os.path.join(folder, name))
        problem = None
        try:
            await scene.play()
        except (Wrong, RuntimeError) as error:
            problem = str(error)
        facts = ", ".join(f"{fact.replace('_', ' ')} {value}" for fact, value in scene.facts.items())
        print(f"{name}: {facts} ({time.monotonic() - begun:.0f} s){': WRONG: ' + problem if problem else ''}", flush=True)
        is_good = is_good and problem is None
        if problem and options.keep:
            print(f"{name}: see {scene.place}", file=sys.stderr)
        await scene.end(keeps=problem is not None and options.keep)
    if is_good or not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    asyncio.run(main())
