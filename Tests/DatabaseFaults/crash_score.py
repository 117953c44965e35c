#!/usr/bin/env python3
"""Kills, stops and cuts off workers that share runs on PostgreSQL, restarts the server, and counts the damage.

    crash_score.py FAULTS --program orchestrate --simulator transfer-simulator [--workers 3] [--faults kill,stop,cut,restart]

Each run sends a manifest to a stand-in service that loses answers, answers 500 before and after it took the work, and
throttles. The workers connect through proxy.py, one place for each. Some of them are on "another machine": they have another
folder of state, so that nobody finds their lock there.

A worker is a process `orchestrate worker`. A silence of 15 seconds makes others take over.

kill     SIGKILL; or the whole machine, whose workers stay away for longer than that silence
stop     SIGSTOP, and SIGCONT after a moment or after longer than that silence
cut      the connections to the database: reset; cut after the n-th byte each way; closed on one side only; held for a moment or
         for longer than that silence
restart  the server ends at once (SIGQUIT) or is killed, and starts again

The line also says how many attempts new owners gave up: at once, because their worker was known to be dead, and after the wait for
what may be under way, because it was only silent.

With --profile v1.3 the same happens to each of two steps, and the service fetches the videos from its built-in S3.

lost          items that are reported as accepted and were not taken, or that are in no state
duplicated    items that the service took more than once
undecided     items that are held as unknown at the end
inconsistent  runs whose records contradict themselves, as `orchestrate verify` sees them
ghosts        requests that reached the service after their attempt had been taken over
stuck         runs that did not end within five minutes without faults

Ends with 0 when all of them but undecided are 0.
"""

import argparse
import asyncio
import bisect
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict

from cluster import Cluster, programs
from proxy import Proxy

KEY = "tlk_0123456789ABCDEFGHIJ"
INDEX = "629d807aa9e2a3a33a92c00b"
# Nothing that was started here outlives this process.
DIES_WITH_US = ("setpriv", "--pdeathsig=KILL")
KINDS = ("kill", "stop", "cut", "restart")
STEPS = ("upload", "index")
# A run that does not end within this time without faults does not end.
LONGEST_END = 300
# S of the protocol, in seconds.
SILENCE = 15

# Milliseconds by which moments of the database and of the service may differ.
ROUNDING = 5

# Written down by the database itself when a new owner gives an attempt of the old one up.
OBSERVER = """
CREATE SCHEMA observed;
CREATE TABLE observed.given_up (run bigint, chunk bigint, number bigint, code text, at_ms bigint);
CREATE FUNCTION observed.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO observed.given_up
    VALUES (new.run, new.chunk, new.number, new.code, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);
  RETURN NULL;
END $$;
CREATE TRIGGER observed AFTER UPDATE OF outcome ON attempt FOR EACH ROW
  WHEN (old.outcome IS NULL AND new.code IN ('owner_lost', 'owner_died')) EXECUTE FUNCTION observed.note();
"""


class Score(Counter):
    COUNTED = ("lost", "duplicated", "undecided", "inconsistent", "ghosts", "stuck", "not reported")
    # Of profile v1.3 alone: usable assets beside the one in use; they cost, and are no damage once they are named.
    SURPLUS = ("surplus", "not reported")

    def __str__(self):
        kinds = ", ".join(f"{kind} {self[kind]}" for kind in KINDS if self[kind])
        return (
            f"runs {self['runs']}, faults {self['faults']} ({kinds}), "
            f"given up at once {self['owner_died']}, after the wait {self['owner_lost']}: "
            + ", ".join(f"{name} {self[name]}" for name in self.shown)
        )

    @property
    def shown(self):
        names = [name for name in self.COUNTED if name not in self.SURPLUS]
        return names + [name for name in self.SURPLUS if name in self]

    @property
    def is_good(self):
        return not any(self[name] for name in self.COUNTED if name != "undecided")


class Slot:
    """A place where one worker process runs after another."""

    def __init__(self, run, number):
        self.run = run
        self.number = number
        self.name = f"w{number}"
        self.process = None
        # Its machine is away until then.
        self.away_until = 0
        self.machine = number % run.options.machines

    @property
    def is_alive(self):
        return self.process is not None and self.process.returncode is None

    def environment(self):
        return self.run.environment(self.name, self.machine)

    async def live(self):
        """Starts the process again whenever it has ended, until the run is over."""
        arguments = ["worker", "--idle-exit", "1h", "--progress", "never"]
        while not self.run.is_over:
            log = open(os.path.join(self.run.folder, f"{self.name}.log"), "ab")
            log.write(f"\n-- {time.time():.3f} {arguments[0]}\n".encode())
            log.flush()
            self.process = await asyncio.create_subprocess_exec(
                *DIES_WITH_US,
                self.run.options.program,
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
            )
            log.close()
            status = await self.process.wait()
            self.run.statuses[status] += 1
            # As a unit of systemd would, only sooner.
            await asyncio.sleep(max(0.3, self.away_until - time.monotonic()))

    def kill(self, number):
        if self.is_alive:
            self.process.send_signal(number)


class Run:
    """One manifest, sent to its end through a number of faults."""

    def __init__(self, options, cluster, number, dice):
        self.options = options
        self.cluster = cluster
        self.dice = dice
        self.number = number
        self.folder = os.path.join(cluster.folder, f"run{number}")
        os.makedirs(self.folder)
        self.database = f"run{number}"
        self.manifest = os.path.join(self.folder, "manifest.jsonl")
        self.ledger = os.path.join(self.folder, "ledger.jsonl")
        self.statuses = Counter()
        self.is_over = False
        self.later = set()
        with open(self.manifest, "w", encoding="utf-8") as file:
            for item in range(options.items):
                file.write(json.dumps({"index_id": INDEX, "language": "en", "object": self.object(item)}) + "\n")

    def object(self, item):
        return f"s3://media-west/{self.number}/{item}.mp4"

    @property
    def has_steps(self):
        return self.options.profile == "v1.3"

    @property
    def settings(self):
        return [
            *("--base-url", self.address, "--concurrency", "6"),
            *(("--profile", "v1.3") if self.has_steps else ("--chunk-size", "20")),
            *("--timeout", self.options.timeout, "--settle-delay", "300ms", "--settle-grace", "1s"),
        ]

    def environment(self, name=None, machine=0):
        """Of a process that connects at the place of that name; of one that connects directly without a name."""
        folder = os.path.dirname(self.proxy.listeners[name].place) if name else self.cluster.sockets
        state = os.path.join(self.folder, f"machine{machine}")
        return {
            "PATH": os.environ["PATH"],
            "HOME": self.folder,
            "XDG_STATE_HOME": state,
            "TWELVELABS_API_KEY": KEY,
            "ORCHESTRATE_DB": f"postgresql://postgres@{folder.replace('/', '%2F')}/{self.database}",
            # Of AWS's examples; the simulator signs with the same.
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_ENDPOINT_URL_S3": getattr(self, "address", ""),
        }

    def command(self, *arguments):
        return subprocess.run(
            [self.options.program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment(),
        )

    def query(self, text):
        """What the database says; nothing while it cannot be asked."""
        return self.cluster.sql(text, self.database, check=False)

    def state(self):
        return self.query("SELECT state FROM run")

    # What the service does wrong, and how often.
    misdeeds = ("reset-after:0.03", "error:0.02", "error-accepted:0.02", "throttle:0.01", "slow:0.01")

    @property
    def service(self):
        """Options of the simulator."""
        if not self.has_steps:
            return ["--task-step", "0s", *(word for rule in self.misdeeds for word in ("--fault", rule))]
        rules = [f"{step}/{rule}" for step in STEPS for rule in self.misdeeds]
        return [
            *("--profile", "v1.3", "--bucket", "media-west", "--every-key"),
            # Long enough for faults between the two steps.
            *("--task-step", "20ms"),
            *(word for rule in rules for word in ("--fault", rule)),
        ]

    async def serve(self):
        self.simulator = await asyncio.create_subprocess_exec(
            *DIES_WITH_US,
            *(self.options.simulator, "--ledger", self.ledger, "--api-key", KEY, "--stall-time", "30s"),
            *("--delay", "40ms", "--listing-lag", f"{round(self.options.listing_lag * 1000)}ms", "--throttle-wait", "1s"),
            *("--seed", str(self.dice.randrange(1 << 32))),
            *self.service,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.address = (await self.simulator.stdout.readline()).decode().strip()
        if not self.address:
            raise RuntimeError("the simulator did not start")

    async def play(self, faults, score):
        await self.serve()
        self.cluster.sql(f"CREATE DATABASE {self.database}")
        self.proxy = Proxy(
            self.cluster.socket,
            {
                f"w{number}": os.path.join(self.folder, f"s{number}", ".s.PGSQL.5432")
                for number in range(self.options.workers)
            },
        )
        await self.proxy.start()
        self.slots = [Slot(self, number) for number in range(self.options.workers)]
        made = self.command("migrate")
        if made.returncode != 0:
            raise RuntimeError(f"migrate: {made.stderr}")
        self.cluster.sql(OBSERVER, self.database)
        made = self.command("submit", "--detach", self.manifest, *self.settings)
        if made.returncode != 0:
            raise RuntimeError(f"submit --detach: {made.stderr}")
        lives = [asyncio.create_task(slot.live()) for slot in self.slots]
        left = faults
        while left > 0 and self.state() not in ("finished", "cancelled"):
            await asyncio.sleep(self.dice.uniform(0.1, self.options.pause))
            kind = self.dice.choice(self.options.kinds)
            if await getattr(self, kind)():
                left -= 1
                score["faults"] += 1
                score[kind] += 1
        await self.heal()
        end = time.monotonic() + LONGEST_END
        while self.state() not in ("finished", "cancelled") and time.monotonic() < end:
            await asyncio.sleep(0.2)
        is_stuck = self.state() not in ("finished", "cancelled")
        self.is_over = True
        for slot in self.slots:
            slot.kill(signal.SIGTERM)
        _, hanging = await asyncio.wait(lives, timeout=60)
        for slot in self.slots:
            slot.kill(signal.SIGKILL)
        if hanging:
            await asyncio.wait(hanging)
        score["runs"] += 1
        score["stuck"] += is_stuck
        self.count(score)
        self.proxy.do({"do": "cut"})
        for listener in self.proxy.listeners.values():
            listener.socket.close()
        self.simulator.kill()
        await self.simulator.wait()

    # Faults. Each says whether there was something to break.

    def later_do(self, seconds, action):
        async def wait():
            await asyncio.sleep(seconds)
            action()

        task = asyncio.create_task(wait())
        self.later.add(task)
        task.add_done_callback(self.later.discard)

    async def heal(self):
        """Ends what was to last for a while."""
        while self.later:
            await asyncio.sleep(0.1)

    def victim(self):
        """The worker that owns the run most of the time, else any."""
        alive = [slot for slot in self.slots if slot.is_alive]
        owner = self.query("SELECT w.pid FROM run JOIN worker AS w ON w.id = run.worker LIMIT 1")
        owners = [slot for slot in alive if str(slot.process.pid) == owner]
        if owners and self.dice.random() < 0.8:
            return owners[0]
        return self.dice.choice(alive) if alive else None

    def length(self):
        """Mostly a moment, sometimes longer than what makes others take over, and than the wait after that."""
        return self.dice.uniform(0.05, 2) if self.dice.random() < 0.75 else self.long()

    def long(self):
        return SILENCE + self.dice.uniform(1, 35)

    async def kill(self):
        slot = self.victim()
        if slot and self.dice.random() < 0.3:
            end = time.monotonic() + self.long()
            for each in self.slots:
                if each.machine == slot.machine:
                    each.away_until = end
                    each.kill(signal.SIGKILL)
        elif slot:
            slot.kill(signal.SIGKILL)
        return slot is not None

    async def stop(self):
        slot = self.victim()
        if slot:
            process = slot.process
            process.send_signal(signal.SIGSTOP)

            def go_on():
                if process.returncode is None:
                    process.send_signal(signal.SIGCONT)

            self.later_do(self.length(), go_on)
        return slot is not None

    async def cut(self):
        slot = self.victim()
        if not slot:
            return False
        way = self.dice.choice(["up", "down"])
        command = self.dice.choice(
            [
                {"do": "cut"},
                {"do": "cut", "side": "worker"},
                {"do": "cut-after", way: self.dice.randint(1, 4000)},
                {"do": "cut-after", way: self.dice.randint(1, 4000), "then": "hold"},
                {"do": "hold"},
                {"do": "hold", "way": way},
                {"do": "refuse"},
            ]
        )
        self.proxy.do({**command, "name": slot.name})
        if command != {"do": "cut"}:
            self.later_do(self.length(), lambda: self.proxy.do({"do": "pass", "name": slot.name}))
        return True

    async def restart(self):
        loop = asyncio.get_running_loop()
        act = self.cluster.restart if self.dice.random() < 0.7 else self.cluster.crash
        await loop.run_in_executor(None, act)
        return True

    # What became of it.

    def count(self, score):
        arrivals = self.count_items(score)
        for code in ("owner_died", "owner_lost"):
            score[code] += int(
                self.cluster.sql(f"SELECT count(*) FROM observed.given_up WHERE code = '{code}'", self.database)
            )
        attempts = self.attempts()
        score["ghosts"] += sum(ghosts(attempts[chunk], moments) for chunk, moments in arrivals.items())

    def count_items(self, score):
        """What became of each item; returns when requests arrived, as read_ledger does."""
        shown = self.command("report", "latest", "--format", "json")
        if shown.returncode != 0:
            raise RuntimeError(f"report: {shown.stderr}")
        report = json.loads(shown.stdout)
        chunks = [chunk for chunk in report["chunks"] if chunk["state"] != "split"]
        states = {}
        for chunk in chunks:
            for item in range(chunk["first_item"], chunk["first_item"] + chunk["item_count"]):
                states[item] = chunk["state"]
        arrivals, taken = self.read_ledger()
        for item in range(self.options.items):
            times = taken[self.object(item)]
            state = states.get(item)
            score["duplicated"] += times > 1
            score["lost"] += state is None or state == "accepted" and times == 0
            score["undecided"] += state == "unknown"
        if self.has_steps:
            self.count_assets(score, states, report)
        verified = self.command("verify", "latest")
        score["inconsistent"] += verified.returncode != 0
        if verified.returncode != 0:
            print(verified.stdout, verified.stderr, file=sys.stderr)
        return arrivals

    def count_assets(self, score, states, report):
        """With profile v1.3: whether what is reported of an item is what was indexed, and what there is beside it."""
        shown = self.command("report", "latest", "--items", "--format", "json")
        assets = {row["item"]: row["asset_id"] for row in json.loads(shown.stdout)["items"]}
        for item, state in states.items():
            score["lost"] += state == "accepted" and assets.get(item) not in self.indexed[self.object(item)]
        surplus = sum(max(0, self.uploads[self.object(item)] - 1) for item in range(self.options.items))
        score["surplus"] += surplus
        score["not reported"] += max(0, surplus - len(report["surplus"]))

    def read_ledger(self):
        """When each range of items arrived for each step, and how often each object was taken: for good, in its last step."""
        arrivals = defaultdict(list)
        requests = {}
        taken = Counter()
        tagged = {}
        self.uploads = Counter()
        self.indexed = defaultdict(set)
        with open(self.ledger, encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    # It is being written.
                    break
                entry = json.loads(line)
                if entry["event"] == "arrival" and entry["transfer"] is not None:
                    step = entry["endpoint"] if self.has_steps else "transfer"
                    if step == "upload":
                        tagged[entry["tag"]] = "s3://" + entry["object"].split("/", 3)[3]
                    names = [element["object"] for element in entry["elements"]] or [tagged.get(entry["tag"])]
                    if names == [None]:
                        continue
                    requests[entry["ordinal"]] = step, names, entry["object"]
                    first = int(names[0].rsplit("/", 1)[1].split(".")[0])
                    arrivals[first, len(names), step].append(entry["received_at"])
                elif entry["event"] == "taken" and entry["ordinal"] in requests:
                    step, names, asset = requests[entry["ordinal"]]
                    if step == "upload":
                        self.uploads.update(names)
                        continue
                    taken.update(names)
                    self.indexed[names[0]].add(asset)
        return arrivals, taken

    def attempts(self):
        """When the attempts of each range of items began, and when a new owner gave them up, if one did."""
        attempts = defaultdict(list)
        rows = self.cluster.sql(
            """
            SELECT c.first_item, c.item_count, a.step, a.started_at, coalesce(g.at_ms::text, '')
            FROM attempt AS a JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk
            LEFT JOIN observed.given_up AS g ON g.run = a.run AND g.chunk = a.chunk AND g.number = a.number
            """,
            self.database,
        )
        for row in rows.splitlines():
            first, count, step, started, given_up = row.split("|")
            step = step if self.has_steps else "transfer"
            attempts[int(first), int(count), step].append((int(started), int(given_up) if given_up else None))
        return attempts


def ghosts(attempts, arrivals):
    """How many requests came after their attempt was given up by a new owner.

    An arrival belongs to the newest attempt that had begun. It is a ghost when that had been given up before; and of two
    arrivals for one attempt, one belongs to an earlier attempt.

    attempts: of a chunk, in milliseconds: when each began, and when it was given up or None
    arrivals: of requests for that chunk, in milliseconds of the same clock
    """
    rows = sorted(attempts, key=lambda row: row[0])
    seen = Counter()
    found = 0
    for moment in sorted(arrivals):
        # Both are rounded.
        place = bisect.bisect_right([start for start, _ in rows], moment + ROUNDING) - 1
        seen[place] += 1
        given_up = rows[place][1] if place >= 0 else None
        found += place < 0 or seen[place] > 1 or given_up is not None and moment > given_up + ROUNDING
    return found


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=300, metavar="FAULTS", help="faults in all (300)")
    parser.add_argument("--program", required=True, help="orchestrate")
    parser.add_argument("--simulator", required=True, help="transfer-simulator")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (3)")
    parser.add_argument("--machines", type=int, default=2, help="machines they are on (2)")
    parser.add_argument("--faults", default=",".join(KINDS), help=f"kinds, of {','.join(KINDS)} (all)")
    parser.add_argument("--faults-per-run", type=int, default=25, help="faults in one run at most (25)")
    parser.add_argument("--pause", type=float, default=1.5, help="seconds between two faults at most (1.5)")
    parser.add_argument("--profile", choices=["v1", "v1.3"], default="v1", help="the generation of the service (v1)")
    parser.add_argument("--items", type=int, help="items of each manifest (2,000; 300 with v1.3, which sends one at a time)")
    parser.add_argument("--timeout", default="3s", help="the time limit of requests (3s)")
    parser.add_argument("--listing-lag", type=float, default=0.3, help="how late the service lists, in seconds (0.3)")
    parser.add_argument("--seed", type=int, default=1, help="of moments and faults (1)")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run that went wrong")
    options = parser.parse_args()
    options.kinds = options.faults.split(",")
    options.items = options.items or (300 if options.profile == "v1.3" else 2000)
    unknown = [kind for kind in options.kinds if kind not in KINDS]
    if unknown or options.workers < 1 or options.machines < 1 or options.count < 1:
        parser.error(f"no such fault: {', '.join(unknown)}" if unknown else "counts are 1 or more")
    if programs() is None:
        sys.exit("crash_score.py: there is no PostgreSQL server; install Debian's package postgresql")
    dice = random.Random(options.seed)
    score = Score()
    folder = tempfile.mkdtemp(prefix="crash-score-")
    # The server runs as another user.
    os.chmod(folder, 0o755)
    cluster = Cluster(os.path.join(folder, "server"))
    cluster.start()
    try:
        while score["faults"] < options.count:
            run = Run(options, cluster, score["runs"] + 1, random.Random(dice.randrange(1 << 32)))
            before = score.copy()
            await run.play(min(options.faults_per_run, options.count - score["faults"]), score)
            print(score, file=sys.stderr, flush=True)
            wrong = [name for name in Score.COUNTED if name != "undecided" and score[name] > before[name]]
            if wrong and options.keep:
                print(f"{', '.join(wrong)}: {run.folder}", file=sys.stderr)
            else:
                shutil.rmtree(run.folder)
                cluster.sql(f"DROP DATABASE {run.database} WITH (FORCE)")
    finally:
        if options.keep and not score.is_good:
            cluster.stop(immediately=False)
        else:
            cluster.remove()
            shutil.rmtree(folder, ignore_errors=True)
    print(score, flush=True)
    sys.exit(0 if score.is_good else 1)


if __name__ == "__main__":
    asyncio.run(main())
