"""Measures orchestrate beside what people would otherwise use, in one run on one machine.

Called by scripts/bench, which builds the tool and installs the peers. Every comparison alternates between its
contenders and prints the median of the ratios of the rounds. Peak memory is that of the largest process of a contender.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import platform
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

from scale import Scale

INDEX = "629d807aa9e2a3a33a92c00b"
KEY = "tlk_0123456789ABCDEFGHIJ"
HERE = pathlib.Path(__file__).resolve().parent
CONCURRENCY = 16


class Bench:
    def __init__(self, tool, folder, python, runs):
        self.tool = tool
        self.folder = pathlib.Path(folder)
        self.python = python
        self.runs = runs
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows = []

    # What is measured with.

    def spawn(self, command, **options):
        """Runs a command; returns seconds, peak bytes, output and status."""
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        output = []
        readers = [
            threading.Thread(target=lambda pipe=pipe: output.append((pipe, pipe.read())))
            for pipe in (process.stdout, process.stderr)
        ]
        for reader in readers:
            reader.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        for reader in readers:
            reader.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = dict(output)
        return Result(
            seconds, usage.ru_maxrss * 1024, texts[process.stdout].decode(), texts[process.stderr].decode(),
            process.returncode,
        )

    def orchestrate(self, *arguments, expecting=0, database="store.db", variables=None):
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "TWELVELABS_API_KEY": KEY,
            "ORCHESTRATE_DB": str(self.folder / database), **(variables or {}),
        }
        result = self.spawn([self.tool, *arguments], env=environment)
        if expecting is not None and result.status != expecting:
            sys.exit(f"{arguments}: status {result.status}, expected {expecting}\n{result.diagnostics}")
        return result

    def fresh(self, name="store.db"):
        for file in self.folder.glob(name + "*"):
            file.unlink()
        return str(self.folder / name)

    def manifest(self, items):
        """As the dashboard writes it: an array of objects over six lines, about 240 bytes each."""
        path = self.folder / f"items-{items}.json"
        if not path.exists():
            with open(path, "w", encoding="utf-8") as file:
                for number, name in enumerate(names(items)):
                    file.write(
                        f'{"," if number else "["}\n  {{\n    "index_id": "{INDEX}",\n    "language": "en",\n'
                        f'    "object": "s3://{name}.mp4",\n    "transcription": "s3://{name}.srt"\n  }}')
                file.write("\n]\n")
        return path

    def compact(self, items):
        """The same items as JSON lines without spaces, about 190 bytes each: what the other programs can read."""
        path = self.folder / f"items-{items}.jsonl"
        if not path.exists():
            with open(path, "w", encoding="utf-8") as file:
                for name in names(items):
                    file.write(
                        f'{{"index_id":"{INDEX}","language":"en","object":"s3://{name}.mp4",'
                        f'"transcription":"s3://{name}.srt"}}\n'
                    )
        return path

    def rounds(self, contenders):
        """Plays all contenders in turn, as often as asked; returns each one's list of (figure, peak)."""
        found = {name: [] for name in contenders}
        for turn in range(self.runs):
            names = list(contenders)
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                found[name].append(contenders[name]())
        return found

    def compare(self, what, found, tool, unit, larger_is_better, targets):
        mine = found[tool]
        for name, theirs in found.items():
            if name == tool:
                continue
            ratio = statistics.median(a[0] / b[0] for a, b in zip(mine, theirs))
            target = targets.get(name)
            self.row(
                what, f"{middle(mine):.4g} {unit}", name, f"{middle(theirs):.4g} {unit}", f"{ratio:.2f}",
                peak(mine), peak(theirs), self.judge(ratio, target, larger_is_better),
            )

    @staticmethod
    def judge(value, target, larger_is_better):
        if target is None:
            return ""
        met = value >= target if larger_is_better else value <= target
        sign = "at least" if larger_is_better else "at most"
        return f"{'met' if met else 'MISSED'}: {sign} {target}"

    def row(self, *cells):
        self.rows.append(cells)
        print("| " + " | ".join(cells) + " |", flush=True)

    # What is measured.

    def reading(self):
        path = str(self.compact(1_000_000))

        def tool(manifest):
            def run():
                self.fresh()
                result = self.orchestrate("submit", str(manifest), "--base-url", self.refusing, expecting=4)
                return result.seconds, result.peak
            return run

        def command(*arguments):
            def run():
                result = self.spawn([part.format(database=self.fresh("peer.db")) for part in arguments])
                if result.status != 0:
                    sys.exit(f"{arguments}: {result.diagnostics}")
                return result.seconds, result.peak
            return run

        split = f"jq -c . {path} | split -l 100 -a 5 - {self.folder}/split/"

        def jq():
            shutil.rmtree(self.folder / "split", ignore_errors=True)
            (self.folder / "split").mkdir()
            result = self.spawn(["bash", "-c", split])
            shutil.rmtree(self.folder / "split")
            return result.seconds, result.peak

        found = self.rounds({
            "orchestrate": tool(self.manifest(1_000_000)),
            "orchestrate, compact items": tool(path),
            "bare C, one INSERT": command(str(self.folder / "bare-insert"), path, "{database}"),
            "Python json + sqlite3": command(self.python, str(HERE / "json_sqlite.py"), path, "{database}"),
            "jq, split": jq,
        })
        self.compare(
            "read and record 1,000,000 items", found, "orchestrate", "s", False,
            {"bare C, one INSERT": 1, "orchestrate, compact items": 1.1})
        mib = max(figure[1] for figure in found["orchestrate"]) / 2**20
        self.row("memory of that", f"{mib:.1f} MiB", "", "", "", "", "", self.judge(round(mib, 1), 64, False))

    def submitting(self):
        path = str(self.compact(1_000_000))
        url = f"{self.accepting}/v1/indexes/tasks/transfers"
        body = self.folder / "body.bin"
        with open(path, encoding="utf-8") as lines:
            items = [next(lines).strip() for _ in range(100)]
        boundary = "orchestrate0123456789"
        chunk = "[" + ",".join(items) + "]"
        body.write_text(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="chunk.json"\r\n'
            f"Content-Type: application/json\r\n\r\n{chunk}\r\n--{boundary}--\r\n"
        )
        chunk_file = self.folder / "chunk.json"
        chunk_file.write_text(chunk)

        def tool(manifest):
            def run():
                self.fresh()
                result = self.orchestrate(
                    "submit", str(manifest), "--base-url", self.accepting, "--chunk-size", "100", "--concurrency",
                    str(CONCURRENCY), "--format", "json")
                document = json.loads(result.output)
                return 10_000 / document.get("run", document)["sending_seconds"], result.peak
            return run

        def hey():
            result = self.spawn([
                "hey", "-n", "10000", "-c", str(CONCURRENCY), "-m", "POST", "-H", f"x-api-key: {KEY}", "-T",
                f"multipart/form-data; boundary={boundary}", "-D", str(body), url])
            return float(re.search(r"Requests/sec:\s+([\d.]+)", result.output)[1]), result.peak

        curl = f"curl -sS -o /dev/null -H 'x-api-key: {KEY}' -F file=@{chunk_file} {url}"

        def shell(text, requests):
            def run():
                result = self.spawn(["bash", "-c", text])
                if result.status != 0:
                    sys.exit(f"{text}: {result.diagnostics}")
                return requests / result.seconds, result.peak
            return run

        def aiohttp():
            database = self.fresh("peer.db")
            result = self.spawn(
                [self.python, str(HERE / "aiohttp_submit.py"), path, database, url, str(CONCURRENCY)])
            if result.status != 0:
                sys.exit(result.diagnostics)
            return 10_000 / float(result.output), result.peak

        few = 1_000
        log = self.folder / "joblog"
        found = self.rounds({
            "orchestrate": tool(self.manifest(1_000_000)),
            "orchestrate, compact items": tool(path),
            "hey": hey,
            "Python asyncio, aiohttp, sqlite3": aiohttp,
            "xargs -P 16, curl": shell(f"seq {few} | xargs -P {CONCURRENCY} -I N {curl}", few),
            "parallel --joblog, curl": shell(
                f"rm -f {log}; seq {few} | parallel -N0 -j {CONCURRENCY} --joblog {log} \"{curl}\"", few),
        })
        self.compare(
            "submit 10,000 chunks of 100", found, "orchestrate", "requests/s", True,
            {
                "orchestrate, compact items": 0.9, "hey": 0.4, "Python asyncio, aiohttp, sqlite3": 6,
                "parallel --joblog, curl": 30,
            })

    def steps(self):
        """Profile v1.3: two requests for each item, to a service where every asset is ready at once."""
        count = 10_000
        path = self.folder / f"steps-{count}.json"
        if not path.exists():
            items = [
                {"index_id": INDEX, "language": "en", "object": f"s3://{name}.mp4", "transcription": None}
                for name in names(count)
            ]
            path.write_text(json.dumps(items, indent=2), encoding="utf-8")
        credentials = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "0123456789" * 4}

        def tool():
            self.fresh()
            result = self.orchestrate(
                "submit", str(path), "--profile", "v1.3", "--base-url", self.stepping, "--s3-endpoint", self.bucket,
                "--s3-region", "us-east-1", "--concurrency", str(CONCURRENCY), "--format", "json",
                variables=credentials)
            document = json.loads(result.output)
            run = document.get("run", document)
            if run["items_by_state"]["accepted"] != count:
                sys.exit(f"not every item was accepted:\n{result.output}")
            return count / run["sending_seconds"], result.peak

        boundary = "orchestrate0123456789"
        fields = {
            "method": "url", "url": f"{self.bucket}/media-west/a.mp4?X-Amz-Signature={'0' * 400}", "filename": "a.mp4",
            "enable_hls": "false", "enable_thumbnail": "false", "user_metadata": '{"orchestrate_item":"%s"}' % ("0" * 32),
        }
        body = self.folder / "asset.bin"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        body.write_text("".join(parts) + f"--{boundary}--\r\n")

        def hey():
            result = self.spawn([
                "hey", "-n", str(count), "-c", str(CONCURRENCY), "-m", "POST", "-H", f"x-api-key: {KEY}", "-T",
                f"multipart/form-data; boundary={boundary}", "-D", str(body), f"{self.stepping}/v1.3/assets"])
            return float(re.search(r"Requests/sec:\s+([\d.]+)", result.output)[1]), result.peak

        found = self.rounds({"orchestrate": tool, "hey": hey})
        mine, theirs = found["orchestrate"], found["hey"]
        # What the stand-in can do: an item takes two such requests.
        ratio = statistics.median(2 * a[0] / b[0] for a, b in zip(mine, theirs))
        self.row(
            "10,000 items through both steps of v1.3", f"{middle(mine):.4g} items/s", "hey, the first step alone",
            f"{middle(theirs):.4g} requests/s", f"{ratio:.2f}", peak(mine), peak(theirs),
            self.judge(round(middle(mine)), 1_500, True))
        mib = max(figure[1] for figure in mine) / 2**20
        self.row("memory of that", f"{mib:.1f} MiB", "", "", "", "", "", self.judge(round(mib, 1), 96, False))

    def chunks(self):
        for count in (1_000, 10_000, 100_000):
            path = str(self.manifest(count * 10))
            figures = []
            for _ in range(self.runs):
                self.fresh()
                result = self.orchestrate(
                    "submit", path, "--base-url", self.accepting, "--chunk-size", "10", "--concurrency",
                    str(CONCURRENCY), "--format", "json")
                run = json.loads(result.output)
                figures.append((run.get("run", run)["sending_seconds"] / count * 1e6, result.peak))
            self.row(
                f"send {count:,} chunks of 10", f"{middle(figures):.4g} us a chunk", "", "", "", peak(figures), "", "")

    def start(self):
        path = str(self.manifest(1_000_000))
        self.fresh()
        environment = dict(os.environ, TWELVELABS_API_KEY=KEY, ORCHESTRATE_DB=str(self.folder / "store.db"))
        half = subprocess.Popen(
            [self.tool, "submit", path, "--base-url", self.accepting, "--rate", "2000/s"], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while self.accepted() < 10_000:
            time.sleep(0.2)
        half.send_signal(signal.SIGINT)
        half.wait()
        figures = []
        for _ in range(max(5, self.runs)):
            with socket.create_server(("127.0.0.1", 0)) as server:
                address = f"http://127.0.0.1:{server.getsockname()[1]}"
                begun = time.monotonic()
                process = subprocess.Popen(
                    [self.tool, "resume", "latest", "--base-url", address], env=environment,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                connection, _ = server.accept()
                connection.recv(1)
                figures.append(((time.monotonic() - begun) * 1_000, 0))
                process.kill()
                process.wait()
                connection.close()
        self.row(
            "resume of 1,000,000 items, half done, to its first request", f"{middle(figures):.3g} ms", "", "", "", "", "",
            self.judge(round(middle(figures)), 200, False))
        self.fresh()
        small = self.folder / "small.jsonl"
        for number in range(1_000):
            small.write_text(f'{{"index_id":"{INDEX}","language":"en","object":"s3://media-west/{number}.mp4"}}\n')
            self.orchestrate("submit", str(small), "--base-url", self.accepting)
        figures = []
        for _ in range(max(5, self.runs)):
            result = self.orchestrate("report")
            figures.append((result.seconds * 1_000, result.peak))
        self.row(
            "report over 1,000 runs", f"{middle(figures):.3g} ms", "", "", "", peak(figures), "",
            self.judge(round(middle(figures)), 100, False))

    def accepted(self):
        result = self.orchestrate("report", "--format", "json", expecting=None)
        # The database may still be in the making.
        if result.status != 0:
            return 0
        runs = json.loads(result.output)["runs"]
        return runs[0]["chunks"]["accepted"] if runs else 0

    def growth(self):
        sizes = {10_000: None, 100_000: None, 1_000_000: 64, 10_000_000: 256}

        def plan(items):
            path = str(self.manifest(items))

            def run():
                self.fresh()
                # The larger file may not be in the page cache, the smaller one always is: both are compared as if read from it.
                with open(path, "rb") as manifest:
                    while manifest.read(1 << 20):
                        pass
                result = self.orchestrate("submit", path, "--base-url", self.refusing, expecting=4)
                self.fresh()
                return result.seconds, result.peak
            return run

        found = self.rounds({items: plan(items) for items in sizes})
        for items, limit in sizes.items():
            mib = max(figure[1] for figure in found[items]) / 2**20
            self.row(
                f"read and record {items:,} items", f"{middle(found[items]):.3g} s", "", "", "", peak(found[items]), "",
                self.judge(round(mib), limit, False) + (" MiB" if limit else ""))
        ratio = statistics.median(
            large[0] / small[0] for large, small in zip(found[10_000_000], found[1_000_000]))
        self.row("10,000,000 against 1,000,000 items", f"{ratio:.1f} times", "", "", "", "", "", self.judge(round(ratio, 1), 14, False))

    def known(self):
        """What it costs to leave out a million items that were accepted before, in another order than then."""
        path = self.manifest(1_000_000)
        other = self.folder / "known.json"
        if not other.exists():
            items = json.loads(path.read_text(encoding="utf-8"))
            random.Random(1).shuffle(items)
            items.append(dict(items[0], object="s3://media-west/new.mp4"))
            other.write_text(json.dumps(items, indent=2), encoding="utf-8")

        def accepted():
            self.fresh()
            self.orchestrate(
                "submit", str(path), "--base-url", self.accepting, "--chunk-size", "1000", "--concurrency",
                str(CONCURRENCY))

        def forgotten():
            """As a store of a version that had no index: it is filled from the runs, once."""
            accepted()
            with contextlib.closing(sqlite3.connect(self.folder / "store.db")) as store, store:
                for table in ("known_page", "known_segment", "known_run"):
                    store.execute(f"DELETE FROM {table}")

        def planned(prepare, *options, address=None, expecting=0):
            def run():
                prepare()
                result = self.orchestrate(
                    "submit", str(other), "--base-url", address or self.accepting, *options, expecting=expecting)
                return result.seconds, result.peak
            return run

        found = self.rounds({
            "--new-only": planned(accepted, "--new-only"),
            "planning all of it": planned(self.fresh, address=self.refusing, expecting=4),
            "--new-only --dry-run": planned(accepted, "--new-only", "--dry-run"),
            "--new-only, the index filled first": planned(forgotten, "--new-only"),
        })
        what = "1,000,001 items, 1,000,000 of them accepted before, in another order: --new-only"
        self.compare(what, found, "--new-only", "s", False, {"planning all of it": 2})
        self.row("memory of that", peak(found["--new-only"]), "", "", "", "", "", "")

    def tracking(self, count=1_000_000):
        """One look at the accepted items of a run by pages of the service's list, then the removal of that run."""
        self.fresh()
        self.orchestrate(
            "submit", str(self.manifest(count)), "--base-url", self.accepting, "--chunk-size", "1000", "--concurrency",
            str(CONCURRENCY))
        self.list_tasks(count)
        result = self.orchestrate("track", "latest", "--format", "json")
        if json.loads(result.output)["tracking"]["states"]["ready"] != count:
            sys.exit(f"not every item is ready:\n{result.output}")
        self.row(
            f"track {count:,} items of one index", f"{result.seconds:.3g} s", "", "", "", f"{result.peak / 2**20:.0f} MiB",
            "", self.judge(round(result.peak / 2**20), 64, False) + " MiB")
        self.age(days=100)
        stop, held = threading.Event(), []
        prober = threading.Thread(target=self.probe, args=(stop, held))
        prober.start()
        result = self.orchestrate("prune", "--older-than", "90d")
        stop.set()
        prober.join()
        self.row(
            f"prune a run of {count:,} tracked items", f"{result.seconds:.3g} s", "", "", "",
            f"{result.peak / 2**20:.0f} MiB", "", self.judge(round(result.peak / 2**20), 64, False) + " MiB")
        self.row(
            "the longest time that others wait for it", f"{max(held, default=0) * 1_000:.0f} ms", "", "", "", "", "", "")

    def list_tasks(self, count):
        """What the service lists of the items of a run, the newest first: every one ready, 100 on a page."""
        pages = self.folder / "tasks"
        shutil.rmtree(pages, ignore_errors=True)
        pages.mkdir()
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        files = [name.rsplit("/", 1)[1] + ".mp4" for name in names(count)]
        for page, start in enumerate(range(count, -1, -100), 1):
            rows = ",".join(
                f'{{"_id":"{number:024x}","index_id":"{INDEX}","created_at":"{now}","status":"ready",'
                f'"metadata":{{"filename":"{files[number]}"}}}}'
                for number in range(start - 1, max(-1, start - 101), -1))
            (pages / f"{page}.json").write_text(f'{{"data":[{rows}],"page_info":{{"page":{page}}}}}')

    def age(self, days):
        """Moves all that is recorded into the past."""
        with contextlib.closing(sqlite3.connect(self.folder / "store.db")) as store, store:
            for table in ("run", "attempt", "chunk", "tracked_run", "tracked_item"):
                columns = [
                    column for _, column, *_ in store.execute(f"PRAGMA table_info({table})")
                    if column.endswith("_at") or column in ("since", "until")]
                moved = ", ".join(f"{column} = {column} - {days * 86_400_000}" for column in columns)
                store.execute(f"UPDATE {table} SET {moved}")

    def probe(self, stop, held):
        """Asks again and again whether a change could begin; collects how long it could not."""
        with contextlib.closing(sqlite3.connect(self.folder / "store.db", timeout=0, isolation_level=None)) as store:
            since = None
            while not stop.is_set():
                try:
                    store.execute("BEGIN IMMEDIATE")
                    store.execute("ROLLBACK")
                    if since:
                        held.append(time.monotonic() - since)
                    since = None
                except sqlite3.OperationalError:
                    since = since or time.monotonic()
                time.sleep(0.002)

    def scale(self):
        Scale(self, str(self.folder / "late-answer")).measure()

    # Surroundings.

    def serve(self):
        ports = dict(zip(("accepting", "refusing", "stepping", "bucket", "late"), free_ports(5)))
        for name, port in ports.items():
            setattr(self, name, f"http://127.0.0.1:{port}")
        text = (HERE / "nginx.conf").read_text().format(folder=self.folder, **ports)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(text)
        server = subprocess.Popen(["nginx", "-c", str(configuration)])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", int(self.accepting.rsplit(":", 1)[1]))).close()
                return server
            except ConnectionRefusedError:
                time.sleep(0.05)
        sys.exit("nginx did not start; see " + str(self.folder / "nginx-error.log"))


class Result:
    def __init__(self, seconds, peak, output, diagnostics, status):
        self.seconds, self.peak, self.output, self.diagnostics, self.status = seconds, peak, output, diagnostics, status


def names(items):
    for number in range(items):
        yield f"media-west/season-{number // 100_000:04}/episode-{number:09}"


def middle(figures):
    return statistics.median(figure[0] for figure in figures)


def peak(figures):
    return f"{max(figure[1] for figure in figures) / 2**20:.0f} MiB"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [entry.getsockname()[1] for entry in sockets]
    for entry in sockets:
        entry.close()
    return ports


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def main():
    parts = ["reading", "submitting", "steps", "chunks", "start", "growth", "known", "tracking", "scale"]
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("parts", nargs="*", metavar="|".join(parts))
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in parts]:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(parts)}")
    bench = Bench(options.tool, options.folder, options.python, options.runs)
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {processor()}, {platform.platform()}; "
          f"median of {options.runs} alternating runs\n")
    print("| what | orchestrate | peer | its figure | ratio | memory | its memory | target |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    server = bench.serve()
    try:
        for part in options.parts or parts:
            getattr(bench, part)()
    finally:
        server.terminate()
    missed = [row for row in bench.rows if row[-1].startswith("MISSED")]
    print(f"\n{len(missed)} targets missed" if missed else "\nevery target met")


main()
