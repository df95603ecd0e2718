//! Figures for people: sizes, times, counts, and text that is safe on a terminal.

/// A size: `2 GiB`, `1.5 MiB`, `640 B`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value.fract() == 0.0 { format!("{value:.0} {}", UNITS[unit]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A time: `38 ms`, `1.5 s`, `4 min 05 s`, `2 h 07 min`.
pub fn seconds(value: f64) -> String {
    let whole = value.round().max(0.0) as u64;
    if value < 0.001 {
        format!("{:.0} µs", value.max(0.0) * 1e6)
    } else if value < 0.9995 {
        format!("{:.0} ms", value * 1e3)
    } else if value < 99.95 {
        let shown = format!("{value:.1}");
        format!("{} s", shown.strip_suffix(".0").unwrap_or(&shown))
    } else if whole < 3600 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    }
}

/// A count with thin groups: `12,345`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Text from a sample or a dataset made safe for a terminal: control characters become `\u{1b}`
/// and the like, and at most `most` characters are kept.
pub fn plain(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == most {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_short() {
        let cases = [
            (0.0, "0 µs"),
            (0.0382, "38 ms"),
            (1.0, "1 s"),
            (1.54, "1.5 s"),
            (99.0, "99 s"),
            (245.0, "4 min 05 s"),
            (7620.0, "2 h 07 min"),
        ];
        for (value, expected) in cases {
            assert_eq!(seconds(value), expected);
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123_456), "123,456");
    }

    #[test]
    fn nothing_from_a_sample_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb", 99), "a\\u{1b}[2Jb");
        assert_eq!(plain("abcdef", 3), "abc…");
    }
}
