//! PDF: its frame only, no content is interpreted.
//!
//! PostScript is told by its header alone: it is a program, writers end it in different ways (Matplotlib and
//! Pillow write no `%%EOF`), and only running it would tell whether it is whole.

use std::fs::File;
use std::io;

use super::{Checked, find, find_last, read_at};

const PDF: &str = "application/pdf";
const WINDOW: usize = 2048;

/// A PDF must end in `startxref`, the offset of a cross-reference table or stream that is there, and `%%EOF`.
pub(super) fn check_pdf(file: &File, size: u64) -> io::Result<Checked> {
    let tail = read_at(file, size.saturating_sub(WINDOW as u64), WINDOW)?;
    let Some(offset) = cross_reference(&tail) else {
        return Ok(Checked::broken(PDF, "is cut short: startxref and %%EOF are missing at its end"));
    };
    // Offsets count from the header, which may stand behind a few bytes of something else.
    let head = read_at(file, 0, 1024)?;
    let start = find(&head, b"%PDF-").unwrap_or(0) as u64;
    let there = read_at(file, offset.saturating_add(start), 32)?;
    let there = there.trim_ascii_start();
    let is_object = there.first().is_some_and(u8::is_ascii_digit) && find(there, b"obj").is_some();
    if there.starts_with(b"xref") || is_object {
        Ok(Checked::of_type(PDF))
    } else {
        Ok(Checked::broken(PDF, format!("is broken: no cross-reference table at its offset {offset}")))
    }
}

fn cross_reference(tail: &[u8]) -> Option<u64> {
    let end = find_last(tail, b"%%EOF")?;
    let before = &tail[..end];
    let at = find_last(before, b"startxref")? + b"startxref".len();
    std::str::from_utf8(&before[at..]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_bytes;

    const FILE: &str = "%PDF-1.4\n1 0 obj\n<<>>\nendobj\nxref\n0 1\ntrailer\n<<>>\nstartxref\n29\n%%EOF\n";

    #[test]
    fn a_whole_pdf_is_fine_and_a_cut_one_is_not() {
        assert_eq!(check_bytes(FILE.as_bytes(), "pdf").problem, None);
        let shifted = format!("junk\n{FILE}");
        assert_eq!(check_bytes(shifted.as_bytes(), "pdf").problem, None);
        for length in [9, 40, FILE.len() - 5] {
            let problem = check_bytes(&FILE.as_bytes()[..length], "pdf").problem.unwrap();
            assert!(problem.contains("cut short"), "{problem}");
        }
    }

    #[test]
    fn an_offset_into_nothing_is_a_problem() {
        for offset in ["3", "99999", "18446744073709551615"] {
            let file = FILE.replace("\n29\n", &format!("\n{offset}\n"));
            assert!(check_bytes(file.as_bytes(), "pdf").problem.unwrap().contains("offset"), "{offset}");
        }
    }
}
