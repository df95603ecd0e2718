//! Names of signals.

/// The name of a signal, such as `SIGSEGV`; `SIG64` for one without a name.
pub fn signal_name(number: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    let name = usize::try_from(number).ok().and_then(|n| n.checked_sub(1)).and_then(|index| NAMES.get(index));
    name.map_or_else(|| format!("SIG{number}"), |name| format!("SIG{name}"))
}

/// The processor-time limit of the kernel was met.
pub(super) const SIGXCPU: i32 = 24;
/// The file-size limit of the kernel was met.
pub(super) const SIGXFSZ: i32 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_numbers() {
        assert_eq!(signal_name(6), "SIGABRT");
        assert_eq!(signal_name(11), "SIGSEGV");
        assert_eq!(signal_name(SIGXCPU), "SIGXCPU");
        assert_eq!(signal_name(SIGXFSZ), "SIGXFSZ");
        assert_eq!(signal_name(31), "SIGSYS");
        assert_eq!(signal_name(64), "SIG64");
        assert_eq!(signal_name(0), "SIG0");
    }
}
