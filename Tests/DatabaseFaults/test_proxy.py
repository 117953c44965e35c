"""Tests of the proxy, beside a server that sends back what it gets: python3 -m unittest discover Tests/DatabaseFaults"""

import asyncio
import os
import tempfile
import unittest

from proxy import Proxy

# Longer than anything here takes, however busy the machine is.
PATIENCE = 60


class ProxyTests(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.received = {}
        self.ended = asyncio.Queue()
        self.server = await asyncio.start_unix_server(self.echo, self.path("server"))
        self.proxy = Proxy(self.path("server"), {"a": self.path("a"), "b": "127.0.0.1:0"})
        await self.proxy.start()

    async def asyncTearDown(self):
        self.proxy.do({"do": "pass"})
        self.proxy.do({"do": "cut"})
        self.server.close()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    async def echo(self, reader, writer):
        """Sends back every line; tells what it got when the connection ends."""
        got = b""
        try:
            while data := await reader.read(65536):
                got += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        await self.ended.put(got)
        writer.transport.abort()

    async def connected(self, name="a"):
        place = self.proxy.listeners[name].place
        if "/" in place:
            return await asyncio.open_unix_connection(place)
        host, port = place.rsplit(":", 1)
        return await asyncio.open_connection(host, int(port))

    async def read(self, reader, count):
        return await asyncio.wait_for(reader.readexactly(count), PATIENCE)

    async def end(self, reader):
        """What still comes before the end of a connection."""
        try:
            return await asyncio.wait_for(reader.read(), PATIENCE)
        except ConnectionError:
            return b""

    async def test_bytes_pass_and_are_counted(self):
        ends = [await self.connected(name) for name in ("a", "b")]
        for reader, writer in ends:
            writer.write(b"hello")
            self.assertEqual(await self.read(reader, 5), b"hello")
        self.assertEqual(self.proxy.do({"do": "count"}), {"up": 10, "down": 10, "open": 2, "made": 2})
        self.assertEqual(self.proxy.do({"do": "count", "name": "a"})["up"], 5)

    async def test_a_cut_ends_both_sides_and_leaves_the_other_name_alone(self):
        for name, other in (("a", "b"), ("b", "a")):
            reader, writer = await self.connected(name)
            others, to_others = await self.connected(other)
            for pair in ((reader, writer), (others, to_others)):
                pair[1].write(b"x")
                await self.read(pair[0], 1)
            self.proxy.do({"do": "cut", "name": name})
            self.assertEqual(await self.end(reader), b"")
            self.assertEqual(await asyncio.wait_for(self.ended.get(), PATIENCE), b"x")
            to_others.write(b"y")
            self.assertEqual(await self.read(others, 1), b"y")
            self.proxy.do({"do": "cut", "name": other})
            await asyncio.wait_for(self.ended.get(), PATIENCE)

    async def test_a_cut_comes_after_the_nth_byte_each_way(self):
        for count in (1, 2, 7):
            reader, writer = await self.connected()
            self.proxy.do({"do": "cut-after", "up": count})
            writer.write(b"0123456789")
            await self.end(reader)
            self.assertEqual(await asyncio.wait_for(self.ended.get(), PATIENCE), b"0123456789"[:count])
            reader, writer = await self.connected()
            self.proxy.do({"do": "cut-after", "down": count})
            writer.write(b"0123456789")
            self.assertEqual(await self.end(reader), b"0123456789"[:count])
            self.assertEqual(await asyncio.wait_for(self.ended.get(), PATIENCE), b"0123456789")

    async def test_what_is_held_is_neither_lost_nor_forwarded(self):
        reader, writer = await self.connected()
        self.proxy.do({"do": "hold", "way": "down"})
        writer.write(b"one")
        while self.proxy.do({"do": "count"})["up"] < 3:
            await asyncio.sleep(0.001)
        self.proxy.do({"do": "hold"})
        writer.write(b"two")
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(reader.readexactly(1))), 0.05)
        self.assertEqual(self.proxy.do({"do": "count"}), {"up": 3, "down": 0, "open": 1, "made": 1})
        self.proxy.do({"do": "pass"})
        while self.proxy.do({"do": "count"})["down"] < 6:
            await asyncio.sleep(0.001)

    async def test_connections_are_stranded_and_new_ones_pass(self):
        reader, writer = await self.connected()
        writer.write(b"x")
        self.assertEqual(await self.read(reader, 1), b"x")
        self.proxy.do({"do": "strand"})
        self.proxy.do({"do": "pass"})
        writer.write(b"one")
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(reader.readexactly(1))), 0.05)
        reader, writer = await self.connected()
        writer.write(b"x")
        self.assertEqual(await self.read(reader, 1), b"x")
        self.proxy.do({"do": "cut"})
        for _ in range(2):
            await asyncio.wait_for(self.ended.get(), PATIENCE)

    async def test_one_side_may_stay_open(self):
        reader, writer = await self.connected()
        writer.write(b"x")
        await self.read(reader, 1)
        self.proxy.do({"do": "cut", "side": "worker"})
        self.assertEqual(await self.end(reader), b"")
        self.assertTrue(self.ended.empty())
        self.proxy.do({"do": "pass"})
        self.assertEqual(await asyncio.wait_for(self.ended.get(), PATIENCE), b"x")

    async def test_connections_are_refused_until_they_pass(self):
        self.proxy.do({"do": "refuse"})
        reader, _ = await self.connected()
        self.assertEqual(await self.end(reader), b"")
        self.proxy.do({"do": "pass"})
        reader, writer = await self.connected()
        writer.write(b"x")
        self.assertEqual(await self.read(reader, 1), b"x")

    async def test_a_wrong_command_is_named(self):
        for command in ({"do": "cutt"}, {"do": "cut", "name": "c"}, {"do": "cut-after", "up": 0}, {"do": "cut", "side": "x"}):
            with self.assertRaises(ValueError):
                self.proxy.do(command)

    async def test_commands_come_over_a_socket(self):
        control = await asyncio.start_unix_server(self.proxy.control, self.path("control"))
        reader, writer = await asyncio.open_unix_connection(self.path("control"))
        writer.write(b'{"do": "count"}\nnonsense\n')
        self.assertIn(b'"made": 0', await asyncio.wait_for(reader.readline(), PATIENCE))
        self.assertIn(b"error", await asyncio.wait_for(reader.readline(), PATIENCE))
        writer.close()
        control.close()


if __name__ == "__main__":
    unittest.main()
