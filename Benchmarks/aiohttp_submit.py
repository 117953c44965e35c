"""Submits the chunks of a manifest as a user would with Python: asyncio, aiohttp and sqlite3.

    python3 aiohttp_submit.py FILE DATABASE URL CONCURRENCY

Prints the seconds from the first request to the last recorded outcome.
"""

import asyncio
import json
import sqlite3
import sys
import time

import aiohttp

path, store, url, concurrency = sys.argv[1:5]
database = sqlite3.connect(store, isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE chunk (number INTEGER PRIMARY KEY, state TEXT NOT NULL, status INTEGER)")


async def worker(session, chunks):
    for number, body in chunks:
        database.execute("INSERT INTO chunk VALUES (?, 'submitting', NULL)", (number,))
        form = aiohttp.FormData()
        form.add_field("file", body, filename="chunk.json", content_type="application/json")
        async with session.post(url, data=form, headers={"x-api-key": "tlk_0123456789ABCDEFGHIJ"}) as answer:
            await answer.read()
            state = "accepted" if answer.status < 300 else "failed"
            database.execute("UPDATE chunk SET state = ?, status = ? WHERE number = ?", (state, answer.status, number))


async def main():
    with open(path, encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    chunks = enumerate(json.dumps(items[start : start + 100]) for start in range(0, len(items), 100))
    start = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=int(concurrency))) as session:
        await asyncio.gather(*(worker(session, chunks) for _ in range(int(concurrency))))
    print(time.monotonic() - start)


asyncio.run(main())
