"""Records a manifest as a user would with Python alone: json and sqlite3.

    python3 json_sqlite.py FILE DATABASE
"""

import json
import sqlite3
import sys

CHUNK = 100

database = sqlite3.connect(sys.argv[2])
database.execute("PRAGMA journal_mode = WAL")
database.execute("CREATE TABLE chunk (number INTEGER PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL)")


def chunks(lines):
    items = []
    number = 0
    for line in lines:
        item = json.loads(line)
        if "index_id" not in item or "object" not in item:
            raise ValueError(f"not an item: {line}")
        items.append(item)
        if len(items) == CHUNK:
            yield number, "pending", json.dumps(items)
            number += 1
            items = []
    if items:
        yield number, "pending", json.dumps(items)


with open(sys.argv[1], encoding="utf-8") as lines, database:
    database.executemany("INSERT INTO chunk VALUES (?, ?, ?)", chunks(lines))
