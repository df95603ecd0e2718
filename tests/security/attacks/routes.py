# Nothing outside 127.0.0.1 has a route.
import socket

TARGETS = [("8.8.8.8", 53), ("169.254.169.254", 80), ("10.0.0.1", 80), ("192.168.0.1", 80), ("172.17.0.1", 2375), ("255.255.255.255", 9)]
for kind, name in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
    for target in TARGETS:
        def go():
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(2)
                s.connect(target)
        attempt(f"{name} {target[0]}", go)
    for target in ("2001:4860:4860::8888", "fe80::1%lo", "ff02::1"):
        def go6():
            with socket.socket(socket.AF_INET6, kind) as s:
                s.settimeout(2)
                s.connect((target, 53))
        attempt(f"{name} {target}", go6)
attempt("name resolution", lambda: socket.getaddrinfo("example.com", 80))
attempt("icmp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))
attempt("other interfaces", lambda: [name for _, name in socket.if_nameindex() if name != "lo"][0])
