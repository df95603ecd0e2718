//! Where a program's words differ from those of the plain tool.

/// The first line that differs, or how many lines there are.
pub(crate) fn first_difference(ours: &str, plain: &str) -> String {
    let differs = |pair: &(usize, (&str, &str))| pair.1.0 != pair.1.1;
    match ours.lines().zip(plain.lines()).enumerate().find(differs) {
        Some((number, (ours, plain))) => format!("line {}: {ours:?}, plain {plain:?}", number + 1),
        None => format!("{} lines, plain {}", ours.lines().count(), plain.lines().count()),
    }
}

/// That a program sees the same as with the plain tool, in more lines than `least`.
pub(crate) fn assert_alike(ours: &str, plain: &str, least: usize) {
    let differing: Vec<String> = ours
        .lines()
        .zip(plain.lines())
        .filter(|(ours, plain)| ours != plain)
        .map(|(ours, plain)| format!("ours:  {ours}\nplain: {plain}"))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(ours.lines().count(), plain.lines().count());
    assert!(ours.lines().count() > least, "{ours}");
}
