"""Measures orchestrate over PostgreSQL beside the same over SQLite, and several workers beside one: scripts/bench scale.

The server is one of its own, as the distribution has it, with fsync on, in a folder of the bench. It shares the machine with
the program and the service, so that what is added by more workers is limited by the processors, too.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Tests" / "DatabaseFaults"))
from cluster import Cluster  # noqa: E402

ITEMS = 1_000_000
CHUNK = 100
RUNS = 8
CHUNKS_PER_RUN = 1_000
CONCURRENCY = 16
LATENCY_MS = 40
# A limit that binds nobody: what is measured is what it costs to keep to one.
RATE = "1000000/s"


class Scale:
    def __init__(self, bench, late_answer):
        self.bench = bench
        self.late_answer = late_answer
        folder = bench.folder / "postgres"
        shutil.rmtree(folder, ignore_errors=True)
        # The server's own user has to get there.
        if os.geteuid() == 0:
            folder = pathlib.Path("/tmp") / f"orchestrate-bench-{os.getpid()}"
        self.cluster = Cluster(str(folder), durable=True)
        self.databases = 0

    def measure(self):
        self.cluster.start()
        try:
            self.planning()
            self.sending()
            self.workers()
        finally:
            self.cluster.remove()

    # What is measured.

    def planning(self):
        """A million items, each store empty; once more where each item is a chunk of its own."""
        for count, size in ((ITEMS, 50), (ITEMS // 10, 1)):
            path = str(self.bench.manifest(count))

            def plan(make):
                def run():
                    result = self.bench.orchestrate(
                        "submit", path, "--base-url", self.bench.refusing, "--chunk-size", str(size), expecting=4,
                        variables={"ORCHESTRATE_DB": make()})
                    return result.seconds, result.peak
                return run

            found = self.bench.rounds({"PostgreSQL": plan(self.database), "SQLite": plan(self.file)})
            self.bench.compare(
                f"read and record {count:,} items in chunks of {size}", found, "PostgreSQL", "s", False, {"SQLite": 3})

    def sending(self):
        """One process, and a server that answers at once."""
        path = str(self.bench.manifest(ITEMS))

        def send(make, *options):
            def run():
                result = self.bench.orchestrate(
                    "submit", path, "--base-url", self.bench.accepting, "--chunk-size", str(CHUNK), "--concurrency",
                    str(CONCURRENCY), "--format", "json", *options, variables={"ORCHESTRATE_DB": make()})
                document = json.loads(result.output)
                return ITEMS / CHUNK / document.get("run", document)["sending_seconds"], result.peak
            return run

        found = self.bench.rounds({
            "PostgreSQL": send(self.database),
            "PostgreSQL, with a rate": send(self.database, "--rate", RATE),
            "SQLite": send(self.file),
        })
        what = f"submit {ITEMS // CHUNK:,} chunks of {CHUNK}, answered at once"
        self.bench.compare(what, found, "PostgreSQL", "chunks/s", True, {})
        for name, least in (("PostgreSQL", 1_000), ("PostgreSQL, with a rate", None)):
            rate = statistics.median(figure[0] for figure in found[name])
            self.bench.row(
                f"{what}: {name}", f"{rate:.0f} chunks/s", "", "", "",
                f"{max(figure[1] for figure in found[name]) / 2**20:.0f} MiB", "", self.bench.judge(round(rate), least, True))

    def workers(self):
        """Runs that wait, and 1 to 8 workers that take them; the service answers after a while, as it does."""
        port = int(self.bench.late.rsplit(":", 1)[1])
        server = subprocess.Popen([self.late_answer, str(port), str(LATENCY_MS)])
        try:
            found = self.bench.rounds({
                (count, rate): (lambda count=count, rate=rate: (self.share(count, rate), 0))
                for rate in (None, RATE) for count in (1, 2, 4, 8)
            })
        finally:
            server.terminate()
        for rate in (None, RATE):
            for count in (1, 2, 4, 8):
                figures = found[count, rate]
                ratio = statistics.median(a[0] / b[0] for a, b in zip(figures, found[1, rate]))
                self.bench.row(
                    f"{RUNS} runs of {CHUNKS_PER_RUN:,} chunks, answered after {LATENCY_MS} ms, on {count} workers"
                    + (", with a rate" if rate else ""),
                    f"{statistics.median(figure[0] for figure in figures):.0f} chunks/s", "one worker", "",
                    f"{ratio:.2f}", "", "", "")

    def share(self, count, rate):
        """Chunks a second of all workers together, from the first intent to the last outcome."""
        address = self.database()
        path = str(self.bench.manifest(CHUNKS_PER_RUN * 10))
        for _ in range(RUNS):
            self.bench.orchestrate(
                "submit", path, "--base-url", self.bench.late, "--chunk-size", "10", "--concurrency", str(CONCURRENCY),
                "--detach", "--again", *(["--rate", rate] if rate else []), variables={"ORCHESTRATE_DB": address})
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.bench.folder), "TWELVELABS_API_KEY": "tlk_0123456789ABCDEFGHIJ",
            "ORCHESTRATE_DB": address,
        }
        workers = [
            subprocess.Popen(
                [self.bench.tool, "worker", "--idle-exit", "2s"], env=environment, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            for _ in range(count)
        ]
        for worker in workers:
            if worker.wait() != 0:
                sys.exit(f"a worker ended with {worker.returncode}")
        name = address.rsplit("/", 1)[1]
        first, last, accepted = self.cluster.sql(
            "SELECT min(first_intent_at), max(last_outcome_at), (SELECT sum(chunks) FROM tally WHERE state = 'accepted') "
            "FROM run", database=name).split("|")
        if int(accepted) != RUNS * CHUNKS_PER_RUN:
            sys.exit(f"{accepted} chunks were accepted")
        return RUNS * CHUNKS_PER_RUN / (int(last) - int(first)) * 1_000

    # Surroundings.

    def database(self):
        """The address of a database without a table; the one before is gone."""
        self.cluster.sql(f"DROP DATABASE IF EXISTS bench{self.databases} WITH (FORCE)")
        self.databases += 1
        self.cluster.sql(f"CREATE DATABASE bench{self.databases}")
        self.cluster.sql("CHECKPOINT")
        time.sleep(0.2)
        return f"postgresql://postgres@{self.cluster.sockets.replace('/', '%2F')}/bench{self.databases}"

    def file(self):
        return self.bench.fresh()
