"""Makes a small database of one format of the store, as the SQL that restores it:

    python3 Tests/RunStoreTests/Formats/make-format.py 14 > Tests/RunStoreTests/Formats/format-14.sql

Run it once for a format, when the next one is made, and keep what it wrote: the file stands for databases that people have.
The runs in it: 1 is finished, with one chunk accepted and one rejected; 2 is paused, with one chunk accepted, one whose answer
was lost, and one that is left; from format 10 on, 3 is a run of profile v1.3, paused between the two steps of its second item;
from format 12 on, the items of run 1 are tracked.
"""

import hashlib
import pathlib
import sqlite3
import sys

FORMAT = int(sys.argv[1])
FOLDER = pathlib.Path(__file__).parents[3] / "migrations"
START = 1_764_000_000_000
INDEX = "629d807aa9e2a3a33a92c00b"
SETTINGS = (
    '{"base_url":"https://api.twelvelabs.io","chunk_bytes":1048576,"chunk_size":2,"concurrency":4,"max_attempts":8,'
    '"max_failures":"50%","max_wait_milliseconds":86400000,"on_unknown":"check","profile":"v1","rates":[],'
    '"settle_delay_milliseconds":30000,"strict":false,"timeout_milliseconds":60000}'
)

store = sqlite3.connect(":memory:", isolation_level=None)


def item(number):
    return f'{{"index_id":"{INDEX}","language":"en","object":"s3://media-west/a/{number}.mp4"}}'


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def run(number, name, state, reason, items, chunks, settings=SETTINGS, destination="v1/indexes/tasks/transfers"):
    """A run with its items and chunks; chunks are (first, count, state, step, attempts), attempts (step, outcome, ...)."""
    created = START + number * 1_000_000
    count = sum(len(chunk[4]) for chunk in chunks)
    texts = [item(f"{number}-{place}") for place in range(items)]
    address = f"https://api.twelvelabs.io/{destination}"
    known = store.execute("SELECT id FROM destination WHERE url = ?", (address,)).fetchone()
    place = known[0] if known else store.execute("INSERT INTO destination (url) VALUES (?)", (address,)).lastrowid
    store.execute(
        "INSERT INTO run (id, run_id, state, reason, created_at, finished_at, manifest, again, manifest_digest, origin,"
        " destination, settings, items, attempts, first_intent_at, last_outcome_at, owner)"
        " VALUES (?, ?, ?, ?, ?, ?, 'videos.json', 0, ?, 1, ?, ?, ?, ?, ?, ?, 1)",
        (number, name, state, reason, created, created + 9_000 if state == "finished" else None,
         digest("".join(text + "\n" for text in texts)), address, settings, items, count, created + 100,
         created + 100 * count + 50))
    intent = 0
    for chunk, (first, size, end, step, attempts) in enumerate(chunks):
        part = "[" + ",".join(texts[first:first + size]) + "]"
        position = (number << 40) + first
        if FORMAT_NOW < 5:
            for at in range(size):
                store.execute("INSERT INTO item VALUES (?, ?)", (position + at, texts[first + at]))
        else:
            store.execute(
                "INSERT INTO item_block (position, item_count, in_wire_form, sources) VALUES (?, ?, 0, ?)",
                (position, size, part))
        ended = [attempt for attempt in attempts if attempt[1]]
        last = ended[-1] if ended else (None, None, None, None, None)
        columns = {
            "run": number, "number": chunk, "first_item": first, "item_count": size, "byte_count": len(part),
            "digest": digest(part), "index_id": INDEX, "names_clash": 0, "state": end, "attempts": len(attempts),
            "last_outcome": last[1], "last_status": last[2], "last_code": last[3],
            "last_at": created + 100 * (intent + len(ended)) + 50 if ended else None,
        }
        if FORMAT_NOW >= 10:
            columns["step"] = step
        insert("chunk", columns)
        for try_number, attempt in enumerate(attempts):
            intent += 1
            columns = {
                "run": number, "chunk": chunk, "number": try_number + 1, "origin": 1, "destination": place, "owner": 1,
                "started_at": created + 100 * intent, "finished_at": created + 100 * intent + 50, "took_ms": 40,
                "bytes": len(part), "timeout_ms": 60_000, "outcome": attempt[1], "status": attempt[2], "code": attempt[3],
            }
            if FORMAT_NOW >= 2:
                columns |= {"intent": intent, "ended_after": intent}
            if FORMAT_NOW >= 10:
                columns |= {"step": attempt[0], "external_id": attempt[4]}
            insert("attempt", columns)


def insert(table, columns):
    names = ", ".join(columns)
    store.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", tuple(columns.values()))


store.execute("PRAGMA foreign_keys = ON")
store.execute("PRAGMA application_id = 1869767528")
accepted = ("transfer", "accepted", 200, None, None)
for FORMAT_NOW in range(1, FORMAT + 1):
    step = next(FOLDER.glob(f"{FORMAT_NOW:04}_*.sql"))
    store.execute("BEGIN IMMEDIATE")
    store.execute(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL,"
        " applied_at INTEGER NOT NULL) STRICT")
    text = step.read_text()
    # `executescript` would commit first.
    while text.strip():
        end = 0
        while True:
            end = text.find(";", end)
            if end < 0:
                statement, text = text, ""
                break
            end += 1
            if sqlite3.complete_statement(text[:end]):
                statement, text = text[:end], text[end:]
                break
        if statement.strip():
            store.execute(statement)
    insert("migration", {
        "number": FORMAT_NOW, "name": step.name, "checksum": hashlib.sha256(step.read_bytes()).digest(),
        "applied_at": START})
    if FORMAT_NOW == 1:
        insert("origin", {"id": 1, "url": "https://api.twelvelabs.io"})
        run(1, "20251124-160000-000-aaaa", "finished", None, 3, [
            (0, 2, "accepted", "transfer", [("transfer", "throttled", 429, "too_many_requests", None), accepted]),
            (2, 1, "rejected", "transfer", [("transfer", "content", 400, "parameter_invalid", None)])])
        run(2, "20251124-170000-000-bbbb", "paused", "signal", 6, [
            (0, 2, "accepted", "transfer", [accepted]),
            (2, 2, "unknown", "transfer", [("transfer", "unknown", None, "reset", None)]),
            (4, 2, "pending", "transfer", [])])
        store.execute("UPDATE origin SET wait_until = ?, wait_reason = 'too_many_requests' WHERE id = 1", (START + 60_000,))
    if FORMAT_NOW == 10:
        today = SETTINGS.replace('"v1"', '"v1.3"').replace('"chunk_size":2', '"chunk_size":1').replace(
            '"rates"', '"ahead":200,"settle_grace_milliseconds":60000,"url_lifetime_milliseconds":43200000,"rates"')
        run(3, "20251124-180000-000-cccc", "paused", "signal", 3, [
            (0, 1, "accepted", "index", [
                ("upload", "accepted", 201, None, "66aaaaaaaaaaaaaaaaaaaa01"),
                ("index", "accepted", 202, None, "66bbbbbbbbbbbbbbbbbbbb01")]),
            (1, 1, "processing", "upload", [("upload", "accepted", 201, None, "66aaaaaaaaaaaaaaaaaaaa02")]),
            (2, 1, "pending", "upload", [])], today, "v1.3")
    if FORMAT_NOW == 12:
        insert("tracked_run", {"run": 1, "looked_at": START + 2_000_000, "changed_at": START + 2_000_000})
        insert("tracked_listing", {"id": 1, "run": 1, "index_id": INDEX, "next_page": None})
        for place, state in enumerate(["ready", "indexing"]):
            insert("tracked_item", {
                "position": (1 << 40) + place, "listing": 1, "mark": hashlib.sha256(bytes([place])).digest()[:16],
                "since": START + 1_000_200, "until": START + 1_000_250, "state": state})
    store.execute("COMMIT")
assert not store.execute("PRAGMA foreign_key_check").fetchall()
assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

print(f"-- A database of format {FORMAT}, made by make-format.py when it was the newest but one. Never changed.")
print("PRAGMA application_id = 1869767528;")
for line in store.iterdump():
    print(line)
