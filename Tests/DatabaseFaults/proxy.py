#!/usr/bin/env python3
"""A proxy between workers and a PostgreSQL server that breaks connections on command.

    proxy.py --server /tmp/pg/.s.PGSQL.5432 --listen a=/tmp/a/.s.PGSQL.5432 --listen b=127.0.0.1:0 --control /tmp/control

A place with a slash is a Unix socket, any other HOST:PORT. Each place to listen has a name, so that one proxy serves several
workers. When it listens, it prints a line of JSON: {"listening": {"a": "/tmp/a/.s.PGSQL.5432", "b": "127.0.0.1:40123"}}.

Commands are lines of JSON, on the control socket or with --do; each is answered with a line of JSON. "name" restricts a
command to one place to listen. "up" is from the worker to the server, "down" is the other way. The proxy ends when its
standard input ends.

    {"do": "cut"}                     resets every connection
    {"do": "cut", "side": "worker"}   closes the worker's side; the server's stays open and silent (half-open); or "server"
    {"do": "cut-after", "up": 812}    cuts when that many more bytes have passed that way; or "down"; with "then": "hold"
    {"do": "hold"}                    forwards nothing and closes nothing (a black hole); with "way": "up" or "down" one way
    {"do": "strand"}                  the same for good, for the connections that are open; new ones pass
    {"do": "refuse"}                  cuts, and closes new connections at once
    {"do": "delay", "ms": 200}        forwards everything that much later
    {"do": "pass"}                    ends hold, refuse, delay and cut-after; what was held is forwarded
    {"do": "count"}                   {"up": BYTES, "down": BYTES, "open": CONNECTIONS, "made": CONNECTIONS}, over all names
"""

import argparse
import asyncio
import json
import os
import socket
import struct
import sys

WAYS = ("up", "down")


async def connect(place):
    if "/" in place:
        return await asyncio.open_unix_connection(place)
    host, port = place.rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


def close(writer, reset=True):
    """Closes at once; over TCP with a reset, so that the other side knows it."""
    raw = writer.get_extra_info("socket")
    if reset and raw is not None and raw.family != socket.AF_UNIX:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Connection:
    """One connection of a worker, and the one to the server that belongs to it."""

    def __init__(self, listener, worker, server):
        self.listener = listener
        self.worker = worker
        self.server = server
        self.task = None
        self.passes = asyncio.Event()
        self.passes.set()

    async def run(self):
        pumps = [
            asyncio.create_task(self.pump("up", self.worker[0], self.server[1])),
            asyncio.create_task(self.pump("down", self.server[0], self.worker[1])),
        ]
        try:
            # A side that ended is all that is needed: PostgreSQL's protocol has no half-closed connections.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (self.worker, self.server):
                if end not in self.listener.half:
                    close(end[1], reset=False)

    async def pump(self, way, reader, writer):
        listener = self.listener
        while True:
            try:
                data = await reader.read(65536)
            except ConnectionError:
                data = b""
            # The end of one side is news like any other, and is held like it.
            await listener.gate(way)
            if listener.delay:
                await asyncio.sleep(listener.delay)
                await listener.gate(way)
            await self.passes.wait()
            if not data:
                return
            while data:
                left = listener.left[way]
                piece = data if left is None else data[:left]
                if piece:
                    listener.bytes[way] += len(piece)
                    writer.write(piece)
                    try:
                        await writer.drain()
                    except ConnectionError:
                        return
                    data = data[len(piece) :]
                if left is not None:
                    listener.left[way] = left - len(piece)
                    if listener.left[way] == 0:
                        listener.left[way] = None
                        if listener.then == "hold":
                            listener.hold(WAYS)
                        else:
                            # Written bytes are in the other side's socket and stay readable there.
                            listener.cut()
                        await listener.gate(way)


class Listener:
    """A place where a worker finds the server."""

    def __init__(self, name, place, server):
        self.name = name
        self.place = place
        self.server_place = server
        self.connections = set()
        self.made = 0
        self.bytes = dict.fromkeys(WAYS, 0)
        self.left = dict.fromkeys(WAYS)
        self.then = "cut"
        self.delay = 0
        self.refuses = False
        self.open = {way: asyncio.Event() for way in WAYS}
        for event in self.open.values():
            event.set()
        self.half = []

    async def start(self):
        if "/" in self.place:
            os.makedirs(os.path.dirname(self.place), exist_ok=True)
            self.socket = await asyncio.start_unix_server(self.accept, self.place)
            os.chmod(self.place, 0o777)
        else:
            host, port = self.place.rsplit(":", 1)
            self.socket = await asyncio.start_server(self.accept, host, int(port))
            self.place = "%s:%d" % self.socket.sockets[0].getsockname()[:2]

    async def accept(self, reader, writer):
        if self.refuses:
            return close(writer)
        try:
            server = await connect(self.server_place)
        except OSError:
            # As the server itself would: nobody listens.
            return close(writer)
        connection = Connection(self, (reader, writer), server)
        connection.task = asyncio.current_task()
        self.made += 1
        self.connections.add(connection)
        try:
            await connection.run()
        except asyncio.CancelledError:
            pass
        finally:
            self.connections.discard(connection)

    async def gate(self, way):
        await self.open[way].wait()

    def hold(self, ways):
        for way in ways:
            self.open[way].clear()

    def cut(self, side=None):
        for connection in list(self.connections):
            self.connections.discard(connection)
            if side is None:
                close(connection.worker[1])
                close(connection.server[1])
                connection.task.cancel()
            else:
                # The other side stays open, and nobody reads or writes it any more.
                connection.task.cancel()
                near, far = (connection.worker, connection.server)
                if side == "server":
                    near, far = far, near
                self.half.append(far)
                close(near[1])

    def let_pass(self):
        self.refuses = False
        self.delay = 0
        self.left = dict.fromkeys(WAYS)
        for event in self.open.values():
            event.set()
        for _, writer in self.half:
            close(writer)
        self.half = []


class Proxy:
    def __init__(self, server, places):
        """places: names and where to listen."""
        self.listeners = {name: Listener(name, place, server) for name, place in places.items()}

    async def start(self):
        for listener in self.listeners.values():
            await listener.start()

    def do(self, command):
        """Carries a command out and returns its answer; ValueError says what is wrong with it."""
        if command.get("name") is None:
            listeners = list(self.listeners.values())
        elif command["name"] in self.listeners:
            listeners = [self.listeners[command["name"]]]
        else:
            raise ValueError(f"nobody listens under the name {command['name']!r}")
        what = command.get("do")
        if what == "count":
            return {
                "up": sum(each.bytes["up"] for each in listeners),
                "down": sum(each.bytes["down"] for each in listeners),
                "open": sum(len(each.connections) for each in listeners),
                "made": sum(each.made for each in listeners),
            }
        for listener in listeners:
            if what == "cut":
                side = command.get("side")
                if side not in (None, "worker", "server"):
                    raise ValueError(f"side is {side!r}, expected \"worker\" or \"server\"")
                listener.cut(side)
            elif what == "cut-after":
                ways = [way for way in WAYS if way in command]
                if len(ways) != 1 or not isinstance(command[ways[0]], int) or command[ways[0]] < 1:
                    raise ValueError('cut-after takes "up" or "down" with a number of bytes from 1 on')
                listener.left = dict.fromkeys(WAYS)
                listener.left[ways[0]] = command[ways[0]]
                listener.then = command.get("then", "cut")
            elif what == "hold":
                listener.hold([command["way"]] if "way" in command else WAYS)
            elif what == "strand":
                for connection in listener.connections:
                    connection.passes.clear()
            elif what == "refuse":
                listener.refuses = True
                listener.cut()
            elif what == "delay":
                listener.delay = command["ms"] / 1000
            elif what == "pass":
                listener.let_pass()
            else:
                raise ValueError(f"no such command: {what!r}")
        return {"done": what}

    async def control(self, reader, writer):
        while line := await reader.readline():
            try:
                answer = self.do(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                answer = {"error": str(error)}
            writer.write((json.dumps(answer) + "\n").encode())
            await writer.drain()
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="where the server is")
    parser.add_argument("--listen", required=True, action="append", help="NAME=PLACE (repeatable)")
    parser.add_argument("--control", help="a Unix socket for commands")
    parser.add_argument("--do", action="append", default=[], help="a command to begin with (repeatable)")
    options = parser.parse_args()
    places = dict(text.split("=", 1) for text in options.listen)
    proxy = Proxy(options.server, places)
    await proxy.start()
    for command in options.do:
        proxy.do(json.loads(command))
    if options.control:
        await asyncio.start_unix_server(proxy.control, options.control)
    listening = {name: each.place for name, each in proxy.listeners.items()}
    print(json.dumps({"listening": listening}), flush=True)
    # Ends with the process that started it, whose end of the pipe is then gone.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
