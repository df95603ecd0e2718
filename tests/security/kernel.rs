//! Namespaces, mounts, and system calls that reach parts of the kernel which no sample needs.

use glasshouse_model::Requirement;

use crate::common::control::{in_namespaces, on_host};
use crate::common::fixture::{GLASS, UNFILTERED};
use crate::common::said::{Outcomes, assert_all_done, assert_none_done, attempted};

const NAMESPACES: &str = include_str!("attacks/namespaces.py");
const CALLS: &str = include_str!("attacks/calls.py");
const MACHINE: &str = include_str!("attacks/machine.py");

#[test]
fn no_namespace_or_mount_is_made_entered_or_left() {
    let control = in_namespaces(NAMESPACES);
    assert_all_done(&control);
    assert_none_done(&attempted(&mut GLASS.lease(), NAMESPACES), &control);
}

/// The filter refuses mostly what capabilities forbid too; without it the other layers must hold.
#[test]
fn mounts_hold_without_the_filter() {
    let walled = attempted(&mut UNFILTERED.lease(), NAMESPACES);
    // A new user namespace is what the filter is for: inside one, a process may do all of this to itself.
    let made: Vec<&String> = walled.iter().filter(|(_, outcome)| *outcome == "done").map(|(name, _)| name).collect();
    assert!(made.iter().all(|name| name.contains("NEWUSER")), "{made:?}");
}

#[test]
fn calls_that_no_sample_needs_fail_and_kill_nobody() {
    let mut control = on_host(CALLS);
    let absent = |outcome: &String| outcome == "ENOSYS" || outcome == "EAFNOSUPPORT" || outcome == "EPROTONOSUPPORT";
    let missing: Vec<String> =
        control.iter().filter(|(_, outcome)| absent(outcome)).map(|(name, _)| name.clone()).collect();
    eprintln!("not in this kernel, so without a control: {missing:?}");
    let walled: Outcomes = attempted(&mut GLASS.lease(), CALLS);
    assert!(walled.values().all(|outcome| outcome.starts_with('E')), "only error numbers: {walled:?}");
    control.retain(|name, _| !missing.contains(name));
    assert_all_done(&control);
    assert!(control.len() > 20, "{control:?}");
    assert_none_done(&walled.into_iter().filter(|(name, _)| control.contains_key(name)).collect(), &control);
}

#[test]
fn other_system_call_interfaces_are_shut() {
    if !GLASS.has(Requirement::Seccomp) {
        return;
    }
    let control = on_host(MACHINE);
    let walled = attempted(&mut GLASS.lease(), MACHINE);
    assert_eq!(walled["int 0x80"], "RuntimeError: signal 31");
    assert_ne!(walled["x32"], "done");
    // A kernel may lack either; what it has, the filter takes away.
    eprintln!("without the filter: {control:?}");
    assert!(control.values().any(|outcome| outcome == "done"), "{control:?}");
}
