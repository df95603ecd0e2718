//! SVG: well-formed XML with an `svg` root, read as a stream, no entity ever expanded.

use std::fs::File;
use std::io::{self, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Checked;

const MEDIA_TYPE: &str = "image/svg+xml";
/// Bytes of XML that are read.
const SIZE: u64 = 256 << 20;
/// Elements within elements.
const DEPTH: usize = 1024;
/// Bytes of one tag or text.
const TOKEN: usize = 64 << 20;

/// Reads the document to its end.
pub(super) fn check(file: &File, compressed: bool) -> io::Result<Checked> {
    let result =
        if compressed { read(flate2::read::MultiGzDecoder::new(file).take(SIZE)) } else { read(file.take(SIZE)) };
    Ok(match result {
        Ok(()) => Checked::of_type(MEDIA_TYPE),
        Err(problem) => Checked::broken(MEDIA_TYPE, problem),
    })
}

/// What has been seen of a document.
#[derive(Default)]
struct Seen {
    depth: usize,
    root: bool,
    closed: bool,
}

fn read(source: impl Read) -> Result<(), String> {
    let mut reader = Reader::from_reader(BufReader::with_capacity(64 << 10, source));
    let mut seen = Seen::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|error| format!("is not well-formed XML: {error}"))?;
        match event {
            Event::Start(tag) => seen.open(&tag)?,
            Event::Empty(tag) => {
                seen.open(&tag)?;
                seen.close();
            }
            Event::End(_) => seen.close(),
            Event::Text(text) if seen.depth == 0 && !text.trim_ascii().is_empty() => {
                return Err("is not well-formed XML: text outside the root".to_owned());
            }
            Event::DocType(doctype) if super::find(&doctype, b"<!ENTITY").is_some() => {
                return Err("declares XML entities, which are not expanded here".to_owned());
            }
            Event::Eof => return seen.end(),
            _ => {}
        }
        if buffer.len() > TOKEN {
            return Err("holds a tag or text larger than is read".to_owned());
        }
    }
}

impl Seen {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        if self.depth == 0 {
            if self.root {
                return Err("is not well-formed XML: more than one root".to_owned());
            }
            if tag.local_name().as_ref() != b"svg" {
                let name = String::from_utf8_lossy(tag.local_name().as_ref()).chars().take(40).collect::<String>();
                return Err(format!("is no SVG: its root is <{name}>"));
            }
            self.root = true;
        }
        for attribute in tag.attributes() {
            attribute.map_err(|error| format!("is not well-formed XML: {error}"))?;
        }
        self.depth += 1;
        if self.depth > DEPTH { Err(format!("has elements nested deeper than {DEPTH}")) } else { Ok(()) }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.closed = self.depth == 0;
    }

    fn end(&self) -> Result<(), String> {
        match (self.root, self.closed) {
            (false, _) => Err("is no SVG: it has no root".to_owned()),
            (true, false) => Err("is cut short: elements are left open".to_owned()),
            (true, true) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::tests::check_bytes;
    use super::*;

    const PLAIN: &str = r##"<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" width="9pt"><defs/><g id="a"><path d="M 0 0"/></g></svg>
"##;

    fn problem(text: &str) -> Option<String> {
        check_bytes(text.as_bytes(), "svg").problem
    }

    #[test]
    fn a_plot_of_matplotlib_is_fine() {
        assert_eq!(check_bytes(PLAIN.as_bytes(), "svg"), Checked::of_type(MEDIA_TYPE));
    }

    #[test]
    fn a_compressed_plot_is_fine() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(PLAIN.as_bytes()).unwrap();
        let file = encoder.finish().unwrap();
        assert_eq!(check_bytes(&file, "svgz").problem, None);
        assert!(check_bytes(&file[..file.len() / 2], "svgz").problem.is_some());
    }

    #[test]
    fn broken_documents_are_problems() {
        assert!(problem(&PLAIN[..PLAIN.len() - 7]).unwrap().contains("left open"));
        assert!(problem("<svg><g></svg>").is_some());
        assert!(problem("<svg a=1></svg>").is_some());
        assert!(problem("<svg/><svg/>").unwrap().contains("more than one root"));
        assert!(problem("<svg/>tail").unwrap().contains("outside the root"));
        assert!(problem("<?xml version='1.0'?><html><svg/></html>").unwrap().contains("<html>"));
        assert!(problem(&"<svg>".repeat(5000)).unwrap().contains("deeper"));
    }

    #[test]
    fn a_billion_laughs_are_not_laughed() {
        let mut bomb = String::from("<!DOCTYPE svg [<!ENTITY a \"ha\">");
        for pair in "abcdefghij".as_bytes().windows(2) {
            let (before, after) = (char::from(pair[0]), char::from(pair[1]));
            bomb += &format!("<!ENTITY {after} \"{}\">", format!("&{before};").repeat(10));
        }
        bomb += "]><svg><text>&j;</text></svg>";
        assert!(problem(&bomb).unwrap().contains("entities"));
    }
}
