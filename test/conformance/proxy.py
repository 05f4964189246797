"""A TCP proxy between the platform and the API server that injects connection faults. It does not terminate TLS."""

import socket
import struct
import threading


class Proxy(threading.Thread):
    def __init__(self, to_port):
        super().__init__(daemon=True)
        self.to_port = to_port
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.open = threading.Event()  # unset: the proxy holds all data back, without an error
        self.open.set()
        self.refuses = False
        self.lock = threading.Lock()
        self.pairs = set()
        self.broken = set()  # pairs that get half of the next data of the server, then a reset
        self.cuts = 0
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refuses:
                self.reset(client)
                continue
            try:
                server = socket.create_connection(('127.0.0.1', self.to_port))
            except OSError:
                self.reset(client)
                continue
            pair = (client, server)
            with self.lock:
                self.pairs.add(pair)
            threading.Thread(target=self.pipe, args=(pair, client, server, False), daemon=True).start()
            threading.Thread(target=self.pipe, args=(pair, server, client, True), daemon=True).start()

    def pipe(self, pair, source, sink, is_from_server):
        try:
            while data := source.recv(65536):
                self.open.wait()
                if is_from_server and pair in self.broken:
                    sink.sendall(data[:len(data) // 2])
                    self.cuts += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.pairs.discard(pair)
            self.broken.discard(pair)
        for each in pair:
            self.reset(each)

    @staticmethod
    def reset(connection):
        """Ends the connection with a TCP reset instead of an orderly close."""
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        connection.close()

    def cut_in_the_middle(self):
        """Cuts the next data of each open connection in the middle."""
        with self.lock:
            self.broken |= self.pairs

    def refuse(self):
        """Resets every connection, and every new one until accept()."""
        self.refuses = True
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            for each in pair:
                self.reset(each)

    def accept(self):
        self.refuses = False

    def close(self):
        self.listener.close()
        self.open.set()
        self.refuse()
