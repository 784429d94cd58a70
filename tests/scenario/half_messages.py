"""Connections to the fabric's ports of a job as somebody without its key can make them: each begins a message and never
ends it. Enough of the protocol of libfabric's `net` provider (1.17, over TCP) for that, see prov/net/src/xnet_proto.h there.
"""

import resource
import socket
import struct

VERSION = 3
MESSAGE_HEADER = 16


def allow_descriptors(count):
    """Room for so many connections in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def connect(address, listens_at, pid=0x7dc4):
    """A connection to HOST:PORT, accepted, as the endpoint that listens at port `listens_at` of this host makes it."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    hello = bytes([VERSION, 0, 0, 8]) + bytes(20) + b"\x01" + bytes(9)
    connection.sendall(hello + struct.pack("!HI", listens_at, pid))
    if not connection.recv(64):
        raise ConnectionError(f"{address} does not accept a connection of port {listens_at}")
    return connection


def begin(connection, announced, sent):
    """The beginning of a message of `announced` bytes: its header and `sent` of them."""
    header = bytes([VERSION, 0, 0, 0, 0, 0, MESSAGE_HEADER, 0]) + struct.pack("<Q", MESSAGE_HEADER + announced)
    connection.sendall(header + b"CuCr"[:sent] + bytes(max(0, sent - 4)))


class Held:
    """Half messages to one address, held until they are closed."""

    def __init__(self):
        self.connections = []

    def hold(self, address, count, announced=145, sent=100):
        for _ in range(count):
            connection = connect(address, 20000 + len(self.connections) % 20000)
            self.connections.append(connection)
            begin(connection, announced, sent)

    def close(self):
        for connection in self.connections:
            connection.close()
        self.connections.clear()
