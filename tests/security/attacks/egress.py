# Ways out over a network. TCP, UDP, TCP6 and ABSTRACT are the addresses of listeners that the test opened on the
# host; the rest goes nowhere on purpose and only needs a route.
import socket, struct


def tcp(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect(address)


def udp(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.sendto(b"ping", address)
        if s.recv(4) != b"pong":
            raise OSError(errno.EPROTO, "")


def abstract(name):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect("\0" + name)


attempt("tcp to the host's loopback", lambda: tcp(socket.AF_INET, ("127.0.0.1", TCP)))
attempt("udp to the host's loopback", lambda: udp(socket.AF_INET, ("127.0.0.1", UDP)))
attempt("abstract socket of the host", lambda: abstract(ABSTRACT))
if TCP6:
    attempt("tcp6 to the host's loopback", lambda: tcp(socket.AF_INET6, ("::1", TCP6)))
