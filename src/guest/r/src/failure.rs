//! Reports an error where R itself has no room left to do so: its stack, its depth of calls or its memory is used up.

use glasshouse_jail::sys;

/// Beginnings of the messages after which R can evaluate nothing more, and what kind of error each is. The names are those of
/// R's condition classes where it has one.
const KINDS: [(&[u8], &[u8]); 7] = [
    (b"evaluation nested too deeply", b"expressionStackOverflowError"),
    (b"C stack usage", b"CStackOverflowError"),
    (b"node stack overflow", b"nodeStackOverflowError"),
    (b"protect(): protection stack overflow", b"protectStackOverflowError"),
    (b"segfault from C stack overflow", b"CStackOverflowError"),
    (b"memory exhausted", b"MemoryError"),
    (b"cannot allocate memory block", b"MemoryError"),
];
const LONGEST: usize = 8 * 1024;
const PARTIAL: *const u8 = c"/opt/glasshouse/out/error.json.part".as_ptr().cast();
const WHOLE: *const u8 = c"/opt/glasshouse/out/error.json".as_ptr().cast();

/// Whether the error is one after which nothing can be evaluated.
pub fn leaves_no_room(error: &[u8]) -> bool {
    kind(error).is_some()
}

/// Makes what was told of the last error that nothing caught the error that ended the script. Nothing, if none was.
pub fn publish() {
    sys!(libc::SYS_rename, PARTIAL, WHOLE);
}

/// Tells what the text of an error tells; `line` is the last that was read of the script.
pub fn report(error: &[u8], line: i32) {
    let mut text = Text { bytes: [0; LONGEST], length: 0 };
    text.add(b"{\"type\": \"");
    text.add(kind(error).unwrap_or(b"simpleError"));
    text.add(b"\", \"message\": \"");
    text.add_escaped(message(error));
    text.add(b"\", \"line\": ");
    text.add_number(line.unsigned_abs());
    text.add(b", \"traceback\": \"");
    text.add_escaped(error);
    text.add(b"\", \"chain\": []}");
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
    let file = sys!(libc::SYS_openat, libc::AT_FDCWD, PARTIAL, flags, 0o666);
    sys!(libc::SYS_write, file, text.bytes.as_ptr(), text.length);
    sys!(libc::SYS_close, file);
}

/// The part after `Error in call : ` or `Error: `.
fn message(error: &[u8]) -> &[u8] {
    let text = error.strip_suffix(b"\n").unwrap_or(error);
    let known = KINDS.iter().find_map(|(start, _)| find(text, start));
    let colon = || find(text, b": ").map(|at| at + 2);
    &text[known.or_else(colon).unwrap_or(0)..]
}

fn kind(error: &[u8]) -> Option<&'static [u8]> {
    KINDS.iter().find(|(start, _)| find(error, start).is_some()).map(|(_, kind)| *kind)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// JSON in the making.
struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Text {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.length < LONGEST {
                self.bytes[self.length] = *byte;
                self.length += 1;
            }
        }
    }

    fn add_number(&mut self, number: u32) {
        let mut power = 1_000_000_000;
        let mut begun = false;
        while power > 0 {
            let digit = (number / power % 10) as u8;
            begun |= digit > 0 || power == 1;
            if begun {
                self.add(&[b'0' + digit]);
            }
            power /= 10;
        }
    }

    /// As the inside of a JSON string, of which a bounded part is taken. Bytes beyond ASCII become question marks: they may be cut in two.
    fn add_escaped(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().take(LONGEST / 8) {
            match byte {
                b'"' => self.add(b"\\\""),
                b'\\' => self.add(b"\\\\"),
                b'\n' => self.add(b"\\n"),
                0x20..0x7f => self.add(&[*byte]),
                _ => self.add(b"?"),
            }
        }
    }
}
