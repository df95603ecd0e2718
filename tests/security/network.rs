//! Ways out over sockets of every family (those that cannot be opened at all are in kernel.rs).

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::thread;

use crate::common::control::on_host;
use crate::common::fixture::{GLASS, UNFILTERED};
use crate::common::said::{assert_all_done, assert_none_done, attempted};

const EGRESS: &str = include_str!("attacks/egress.py");
const ROUTES: &str = include_str!("attacks/routes.py");

#[test]
fn listeners_on_the_host_are_out_of_reach() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp6 = TcpListener::bind("[::1]:0").ok();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = format!("glasshouse-test-{}", std::process::id());
    let unix = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let port6 = tcp6.as_ref().map_or(0, |listener| listener.local_addr().unwrap().port());
    let (tcp_port, udp_port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
    let script = format!("TCP, UDP, TCP6, ABSTRACT = {tcp_port}, {udp_port}, {port6}, {name:?}\n{EGRESS}");
    thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((_, from)) = udp.recv_from(&mut buffer) {
            udp.send_to(b"pong", from).unwrap();
        }
    });
    let control = on_host(&script);
    assert!(control.values().all(|outcome| outcome == "done"), "{control:?}");
    assert_none_done(&attempted(&mut GLASS.lease(), &script), &control);
    // The network namespace is the wall, not the filter.
    assert_none_done(&attempted(&mut UNFILTERED.lease(), &script), &control);
    drop((tcp, tcp6, unix));
}

#[test]
fn nothing_but_the_own_loopback_has_a_route() {
    // This host may have no network itself, so the control is that the same code can reach something
    // that is there: the job's own loopback.
    let own = "import socket\ns = socket.create_server(('127.0.0.1', 0))\n\
               attempt('own loopback', lambda: socket.create_connection(s.getsockname(), 5))";
    let mut worker = GLASS.lease();
    assert_all_done(&attempted(&mut worker, own));
    let walled = attempted(&mut worker, ROUTES);
    assert!(walled.len() > 15, "{walled:?}");
    assert!(walled.values().all(|outcome| outcome != "done"), "{walled:?}");
}
