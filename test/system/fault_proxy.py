"""A TCP proxy before one server. It delays, cuts, holds and loses messages while the programs run."""

import asyncio
import contextlib
import struct
import threading

HEADER = 16  # bytes of a MongoDB message's header: length, id, id of the request, kind
OP_MSG = 2013


def command_of(message):
    """Returns the name of the command in a MongoDB message; empty for another kind of message."""
    if struct.unpack_from('<i', message, 12)[0] != OP_MSG:
        return ''
    # Flags, kind of section, length of the document, type of its first element.
    start = HEADER + 4 + 1 + 4 + 1
    return message[start:message.index(b'\0', start)].decode()


def collection_of(message):
    """Returns the collection of a MongoDB command that names one, such as insert."""
    start = message.index(b'\0', HEADER + 4 + 1 + 4 + 1) + 1 + 4  # after the name and the length of the text
    return message[start:message.index(b'\0', start)].decode()


def describe(message, is_mongo):
    """Returns the command and the collection of a message of MongoDB, or the start of a chunk of another protocol."""
    if not is_mongo:
        return ' '.join(word for word in message[:200].decode(errors='replace').split('\r\n') if word[:1] not in ('*', '$'))
    is_text = struct.unpack_from('<i', message, 12)[0] == OP_MSG and message[HEADER + 4 + 1 + 4] == 2
    return f'{command_of(message)} {collection_of(message)}' if is_text else command_of(message) or 'query'


class FaultProxy:
    """Accepts on a free port. With `is_mongo`, it knows the messages of MongoDB's protocol. close() ends it.

    delay: seconds before each message (is_mongo) or each chunk reaches the server.
    """

    def __init__(self, target, is_mongo=False):
        self.target, self.is_mongo = target, is_mongo
        self.delay = 0.0
        self.state = 'pass'
        self.losses = {}  # command: number of responses to lose
        self.lost = 0
        self.kill_point = None  # (command, collection, function)
        self.requests = None  # what clients sent since record(), as describe() returns it
        self.connections = set()
        self.loop = asyncio.new_event_loop()
        self.is_passing = asyncio.Event()
        self.is_passing.set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._run(asyncio.start_server(self._serve, '127.0.0.1', 0))
        self.port = self.server.sockets[0].getsockname()[1]

    def _run(self, task):
        return asyncio.run_coroutine_threadsafe(task, self.loop).result(10)

    def set_state(self, state):
        """'pass'; 'cut': closes all connections, also new ones; 'hold': keeps all connections and passes no byte."""
        async def change():
            self.state = state
            if state == 'hold':
                self.is_passing.clear()
            else:
                self.is_passing.set()
            if state == 'cut':
                self._abort_all()
        self._run(change())

    def record(self):
        """Records the requests of clients from now on."""
        self.requests = []

    def recorded(self):
        """Returns the requests since record() of which the proxy has the bytes."""
        async def take_turns():
            for _ in range(10):  # of the tasks that read them
                await asyncio.sleep(0)
        self._run(take_turns())
        return list(self.requests)

    def cut_connections(self):
        """Closes all connections once."""
        async def cut():
            self._abort_all()
        self._run(cut())

    def lose_responses(self, command, count):
        """Closes the connection instead of passing the response to each of the next `count` commands of this name."""
        self.losses[command] = count

    def call_after(self, command, collection, act):
        """Calls act() once, when the server has run the next such command, and loses the response."""
        self.kill_point = (command, collection, act)

    def _abort_all(self):
        for writer in self.connections:
            writer.transport.abort()

    async def _serve(self, reader, writer):
        if self.state == 'cut':
            writer.transport.abort()
            return
        self.connections.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            server_reader, server_writer = await asyncio.open_connection('127.0.0.1', self.target)
            self.connections.add(server_writer)
            lost = set()  # ids of the requests whose responses are lost
            kills = []  # ids of the requests and functions
            both = [self.loop.create_task(self._pump(reader, server_writer, True, lost, kills)),
                    self.loop.create_task(self._pump(server_reader, writer, False, lost, kills))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self.connections.discard(server_writer)
            server_writer.transport.abort()
        self.connections.discard(writer)
        writer.transport.abort()

    async def _pump(self, reader, writer, is_request, lost, kills):
        while True:
            message = await self._read(reader)
            if not message:
                return
            if is_request and self.requests is not None:
                self.requests.append(describe(message, self.is_mongo))
            if self.is_mongo and is_request:
                command = command_of(message)
                if self.kill_point and command == self.kill_point[0] and collection_of(message) == self.kill_point[1]:
                    kills.append((message[4:8], self.kill_point[2]))
                    self.kill_point = None
                if self.losses.get(command, 0) > 0:
                    self.losses[command] -= 1
                    lost.add(message[4:8])
            elif self.is_mongo and kills and message[8:12] == kills[0][0]:
                kills.pop()[1]()
                return
            elif self.is_mongo and message[8:12] in lost:
                self.lost += 1
                return
            if is_request and self.delay > 0:
                await asyncio.sleep(self.delay)
            await self.is_passing.wait()
            writer.write(message)
            await writer.drain()

    async def _read(self, reader):
        if not self.is_mongo:
            return await reader.read(65536)
        length = await reader.readexactly(4)
        return length + await reader.readexactly(struct.unpack('<i', length)[0] - 4)

    def close(self):
        async def end():
            self.server.close()
            self._abort_all()
            await asyncio.sleep(0)
        self._run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
