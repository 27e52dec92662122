"""A bad network between a client and a server of this machine.

    with FaultProxy(server.port, seed=1, faults=("drop", "flip")) as proxy:
        proxy.url
"""
import contextlib
import random
import socket
import threading
import time

FAULTS = ("drop", "truncate", "delay", "flip", "repeat", "half", "refuse", "busy")
PIECE = 16384


class FaultProxy:
    """Forwards connections; each gets, by chance, one fault at a random byte of the answer or of the
    request. `rate`: bytes a second of each direction; `chance` of a fault for each connection."""

    def __init__(self, port, seed=0, faults=FAULTS, chance=0.3, rate=None, most=300000):
        self.target = port
        self.random = random.Random(seed)
        self.faults, self.chance, self.rate, self.most = faults, chance, rate, most
        self.counts = {}
        self.connections = []
        self.running = True

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *problem):
        self.running = False
        self.listener.close()
        for link in list(self.connections):
            with contextlib.suppress(OSError):
                link.close()

    def accept(self):
        while self.running:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            fault = self.random.choice(self.faults) if self.random.random() < self.chance else None
            at = self.random.randrange(self.most)
            up = self.random.random() < 0.5
            if fault:
                self.counts[fault] = self.counts.get(fault, 0) + 1
            threading.Thread(target=self.handle, args=(client, fault, at, up), daemon=True).start()

    def handle(self, client, fault, at, up):
        if fault == "refuse":
            client.close()
            return
        if fault == "busy":
            with contextlib.suppress(OSError):
                client.settimeout(5)
                client.recv(PIECE)
                client.sendall(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\n"
                               b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                while client.recv(PIECE):
                    pass
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self.connections += [client, server]
        threading.Thread(target=self.forward, daemon=True,
                         args=(client, server, fault if up else None, at)).start()
        self.forward(server, client, None if up else fault, at)

    def forward(self, source, sink, fault, at):
        done = 0
        try:
            while data := source.recv(PIECE):
                if fault and done <= at < done + len(data):
                    data = self.break_it(fault, data, at - done, source, sink)
                    fault = None
                    if data is None:
                        return
                sink.sendall(data)
                done += len(data)
                if self.rate:
                    time.sleep(len(data) / self.rate)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for link in source, sink:
                with contextlib.suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)

    def break_it(self, fault, data, at, source, sink):
        """What is sent in place of `data`; None: no more."""
        if fault == "flip":
            return data[:at] + bytes([data[at] ^ 1 << self.random.randrange(8)]) + data[at + 1:]
        if fault == "repeat":
            return data + data[at:]
        if fault == "delay":
            time.sleep(0.3)
            return data
        sink.sendall(data[:at])
        if fault == "half":   # one direction ends, the other one stays
            sink.shutdown(socket.SHUT_WR)
            return None
        for link in source, sink:
            with contextlib.suppress(OSError):
                if fault == "drop":   # a reset, not an end
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\x01\0\0\0\0\0\0\0")
                link.shutdown(socket.SHUT_RDWR)
                link.close()
        return None
