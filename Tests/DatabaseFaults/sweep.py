#!/usr/bin/env python3
"""Cuts the connection between the program and PostgreSQL after the n-th byte, each way, for n = 1, 1 + step, ... until a run
passes untouched, and counts the damage.

    sweep.py --program orchestrate --simulator transfer-simulator [--step 97] [--ways up,down] [--scenes submit,resume]

submit  a run is submitted: it is planned, its chunks are claimed, sent and recorded
resume  a run whose process was killed after an intent is taken over, and what was under way is settled (a debug build, which has
        kill points)

A process that does not end well is followed by another one that connects without the proxy. In the end every item has to be
taken exactly once, and `verify` has to find nothing. Ends with 0 when that is so for every n.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

from cluster import Cluster, programs
from crash_score import INDEX, KEY
from proxy import Proxy

ITEMS = 12
# Processes after the first that a run may need; the next one would be one too many.
LIVES = 4
# Longer than the program's own patience with a server that is away.
PATIENCE = 120


class Sweep:
    def __init__(self, options, cluster, folder):
        self.options = options
        self.cluster = cluster
        self.folder = folder
        self.runs = Counter()
        self.failures = []
        self.taken = Counter()
        self.ledger_read = 0
        self.arrivals = {}

    async def start(self):
        self.ledger = os.path.join(self.folder, "ledger.jsonl")
        self.simulator = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig=KILL", self.options.simulator, "--api-key", KEY, "--ledger", self.ledger),
            *("--task-step", "0s"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.address = (await self.simulator.stdout.readline()).decode().strip()
        self.proxy = Proxy(self.cluster.socket, {"w": os.path.join(self.folder, "s", ".s.PGSQL.5432")})
        await self.proxy.start()
        self.renew(of="template0")
        ended = await self.run(["migrate"])
        if ended[0] != 0:
            raise RuntimeError(f"migrate: {ended}")
        self.cluster.sql("ALTER DATABASE sweep RENAME TO migrated")

    def renew(self, of="migrated"):
        """Each run has a database of its own: what the server sends grows with the runs that it knows, and would stay ahead of n."""
        self.cluster.sql("DROP DATABASE IF EXISTS sweep WITH (FORCE)")
        self.cluster.sql(f"CREATE DATABASE sweep TEMPLATE {of}")

    async def run(self, arguments, proxied=False, **variables):
        """The status of a process, and what it said."""
        place = os.path.join(self.folder, "s") if proxied else self.cluster.sockets
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig=KILL", self.options.program, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": self.folder,
                "XDG_STATE_HOME": os.path.join(self.folder, "state"),
                "TWELVELABS_API_KEY": KEY,
                "ORCHESTRATE_DB": f"postgresql://postgres@{place.replace('/', '%2F')}/sweep",
                **variables,
            },
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
            return None, "did not end"
        return process.returncode, output.decode()

    @staticmethod
    def object(name, item):
        """The service knows a video by its file name, and keeps those of the runs before, which no database has any more."""
        return f"s3://media-west/{name}/{name}-{item}.mp4"

    def manifest(self, name):
        path = os.path.join(self.folder, f"{name}.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for item in range(ITEMS):
                line = {"index_id": INDEX, "language": "en", "object": self.object(name, item)}
                file.write(json.dumps(line) + "\n")
        return path

    async def play(self, scene, way, count):
        """One run, cut after so many bytes; says whether there were so many."""
        name = f"{scene}-{way}-{count}"
        self.renew()
        submit = ["submit", self.manifest(name), "--base-url", self.address, "--chunk-size", "4", "--concurrency", "1"]
        submit += ["--settle-delay", "100ms", "--settle-grace", "1s", "--timeout", "3s"]
        cut = {"do": "cut-after", way: count, "name": "w"}
        said = []
        if scene == "submit":
            self.proxy.do(cut)
            said.append(await self.run(submit, proxied=True))
        else:
            killed = await self.run(submit, ORCHESTRATE_KILL_AT="after_intent:2")
            if killed[0] != -9:
                raise RuntimeError(f"the program has no kill points: {killed}")
            self.proxy.do(cut)
            said.append(await self.run(["resume", "latest"], proxied=True))
        was_cut = self.proxy.listeners["w"].left[way] is None
        self.proxy.do({"do": "pass"})
        # Whatever became of it: another process makes it whole.
        for _ in range(LIVES):
            if said[-1][0] == 0:
                break
            again = ["resume", "latest"] if await self.is_there(name) else submit
            said.append(await self.run(again))
        taken = self.read_ledger()
        counts = [taken[self.object(name, item)] for item in range(ITEMS)]
        verified = await self.run(["verify", "latest"])
        if said[-1][0] != 0 or counts != [1] * ITEMS or verified[0] != 0:
            self.failures.append(f"{name}: taken {counts}, verify {verified}, processes {said}")
        self.runs[scene, way] += 1
        self.runs["processes"] += len(said)
        return was_cut

    async def is_there(self, name):
        text = "SELECT count(*) FROM run WHERE state <> 'planning' AND manifest_path LIKE '%" + name + ".jsonl'"
        return self.cluster.sql(text, "sweep") == "1"

    def read_ledger(self):
        """How often each object was taken, as far as the ledger goes."""
        with open(self.ledger, encoding="utf-8") as file:
            file.seek(self.ledger_read)
            for line in file:
                if not line.endswith("\n"):
                    break
                self.ledger_read += len(line.encode())
                entry = json.loads(line)
                if entry["event"] == "arrival":
                    self.arrivals[entry["ordinal"]] = [each["object"] for each in entry["elements"]]
                elif entry["event"] == "taken":
                    self.taken.update(self.arrivals[entry["ordinal"]])
        return self.taken


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="orchestrate")
    parser.add_argument("--simulator", required=True, help="transfer-simulator")
    parser.add_argument("--step", type=int, default=97, help="bytes from one cut to the next (97)")
    parser.add_argument("--ways", default="up,down", help="up: to the server; down: from it (both)")
    parser.add_argument("--scenes", default="submit,resume", help="what is cut (both)")
    options = parser.parse_args()
    if programs() is None:
        sys.exit("sweep.py: there is no PostgreSQL server; install Debian's package postgresql")
    folder = tempfile.mkdtemp(prefix="sweep-")
    # The server runs as another user.
    os.chmod(folder, 0o755)
    cluster = Cluster(os.path.join(folder, "server"))
    sweep = Sweep(options, cluster, folder)
    try:
        cluster.start()
        await sweep.start()
        for scene in options.scenes.split(","):
            for way in options.ways.split(","):
                count = 1
                while await sweep.play(scene, way, count):
                    count += options.step
                print(f"{scene}, {way}: {sweep.runs[scene, way]} cuts up to byte {count}", file=sys.stderr, flush=True)
    finally:
        cluster.remove()
        shutil.rmtree(folder, ignore_errors=True)
    runs = sum(number for key, number in sweep.runs.items() if key != "processes")
    print(f"runs {runs}, processes {sweep.runs['processes']}, failures {len(sweep.failures)}")
    if sweep.failures:
        sys.exit("\n".join(sweep.failures))


if __name__ == "__main__":
    asyncio.run(main())
