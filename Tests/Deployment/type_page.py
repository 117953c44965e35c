#!/usr/bin/env python3
"""Types what a page tells a reader to type, beside a PostgreSQL server and a stand-in service of its own.

    type_page.py docs/scale-out.md --program orchestrate --simulator transfer-simulator

As in Tests/EndToEndTests/DocumentationTests.swift: every fence with exactly `sh` behind it is run by `bash -eo pipefail`, all of
them as one story; a block with a line that begins with `# needs ` is not run. The reader is in a clone of the repository, has a list
videos.json, and has said which server it is (PGHOST). `orchestrate` is a line of shell that adds the stand-in's address to `submit`
and `doctor`.

Ends with 0 when the story did, and everything on the list was accepted once.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "Tests", "DatabaseFaults"))

from cluster import Cluster, programs  # noqa: E402

KEY = "tlk_0123456789ABCDEFGHIJ"
INDEX = "629d807aa9e2a3a33a92c00b"
MARK = "-- the block at line "
# Longer than the story takes on any machine.
PATIENCE = 300


def blocks(text):
    """The command blocks of a page: the line of the first command, and the text."""
    found = []
    fence, lines, start = None, [], 0
    for number, line in enumerate(text.split("\n"), 1):
        if fence is not None:
            if line.strip() != "```":
                lines.append(line)
                continue
            if fence == "sh" and not any(line.startswith("# needs ") for line in lines):
                found.append((start, "\n".join(lines)))
            fence = None
        elif line.strip().startswith("```"):
            fence, lines, start = line.strip()[3:], [], number + 1
    return found


def write_program(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page")
    parser.add_argument("--program", required=True, help="orchestrate")
    parser.add_argument("--simulator", required=True, help="transfer-simulator")
    options = parser.parse_args()
    if programs() is None:
        sys.exit("type_page.py: there is no PostgreSQL server; install Debian's package postgresql")
    with open(os.path.join(ROOT, options.page), encoding="utf-8") as file:
        found = blocks(file.read())
    if not found:
        sys.exit(f"{options.page} has no command block")
    folder = tempfile.mkdtemp(prefix="type-page-")
    os.chmod(folder, 0o755)
    cluster = Cluster(os.path.join(folder, "server"), durable=True)
    simulator = None
    try:
        cluster.start()
        ledger = os.path.join(folder, "ledger.jsonl")
        simulator = subprocess.Popen(
            [options.simulator, "--api-key", KEY, "--ledger", ledger, "--task-step", "0s"],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        address = simulator.stdout.readline().strip()
        home, bin = os.path.join(folder, "home"), os.path.join(folder, "bin")
        os.makedirs(home)
        os.makedirs(bin)
        # The reader's clone.
        shutil.copytree(os.path.join(ROOT, "deploy"), os.path.join(home, "deploy"))
        objects = [f"s3://archive-west/2026/11/{number:02}.mp4" for number in range(1, 31)]
        with open(os.path.join(home, "videos.json"), "w", encoding="utf-8") as file:
            json.dump([{"index_id": INDEX, "language": "en", "object": name} for name in objects], file)
        program = os.path.abspath(options.program)
        write_program(
            os.path.join(bin, "orchestrate"),
            f"""#!/bin/sh
case $1 in
submit) shift; exec '{program}' submit --base-url '{address}' --settle-delay 100ms --chunk-size 2 "$@" ;;
doctor) shift; exec '{program}' doctor --base-url '{address}' "$@" ;;
*) exec '{program}' "$@" ;;
esac
""",
        )
        script = "set -eo pipefail\n" + "".join(f"echo '{MARK}{line}' >&2\n{text}\n" for line, text in found)
        ended = subprocess.run(
            ["bash", "-c", script],
            cwd=home,
            env={
                "HOME": home,
                "PATH": f"{bin}:/usr/local/bin:/usr/bin:/bin",
                "PGHOST": cluster.sockets,
                "TWELVELABS_API_KEY": KEY,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
        )
        if ended.returncode != 0:
            line, _, said = ended.stderr.rpartition(MARK)[2].partition("\n")
            sys.exit(f"{options.page}: the block at line {line} ended with status {ended.returncode}: {said}\n{ended.stdout}")
        taken = {}
        with open(ledger, encoding="utf-8") as file:
            entries = [json.loads(line) for line in file]
        named = {entry["ordinal"]: entry["elements"] for entry in entries if entry["event"] == "arrival"}
        for entry in entries:
            if entry["event"] == "taken":
                for element in named[entry["ordinal"]]:
                    taken[element["object"]] = taken.get(element["object"], 0) + 1
        if taken != {name: 1 for name in objects}:
            sys.exit(f"{options.page}: not every video was accepted once: {taken}")
        print(f"{options.page}: {len(found)} blocks, {len(taken)} videos accepted once")
    finally:
        if simulator is not None:
            simulator.kill()
        cluster.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
