//! What Beautiful Soup makes of attributes: lists of words are joined again by single spaces, and a `<meta>` tells
//! the encoding that the tree will be written in.

use super::scan::is_space;

/// The attributes in the order they are written in, each once: the last value counts.
pub(super) fn settle(element: &str, attributes: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut settled: Vec<(String, String)> = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        let value = if is_list(element, &name) { join_words(&value) } else { value };
        match settled.binary_search_by(|(other, _)| other.as_str().cmp(&name)) {
            Ok(at) => settled[at].1 = value,
            Err(at) => settled.insert(at, (name, value)),
        }
    }
    if element == "meta" {
        tell_encoding(&mut settled);
    }
    settled
}

/// Attributes whose value is a list of words.
fn is_list(element: &str, attribute: &str) -> bool {
    match attribute {
        "class" | "accesskey" | "dropzone" => true,
        "rel" => matches!(element, "a" | "link" | "area"),
        "rev" => matches!(element, "a" | "link"),
        "headers" => matches!(element, "td" | "th"),
        "accept-charset" => element == "form",
        "archive" => element == "object",
        "sizes" => element == "icon",
        "sandbox" => element == "iframe",
        "for" => element == "output",
        _ => false,
    }
}

fn join_words(value: &str) -> String {
    value.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Everything is written as UTF-8, and Beautiful Soup lets the page say so.
fn tell_encoding(attributes: &mut [(String, String)]) {
    let position = |name: &str| attributes.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok();
    if let Some(at) = position("charset") {
        attributes[at].1 = "utf-8".to_owned();
    } else if let (Some(content), Some(kind)) = (position("content"), position("http-equiv"))
        && attributes[kind].1.to_lowercase() == "content-type"
    {
        attributes[content].1 = with_charset(&attributes[content].1);
    }
}

/// `((^|;)\s*charset=)([^;]*)`, with `^` at every line's start: the value becomes utf-8.
fn with_charset(content: &str) -> String {
    const KEY: &str = "charset=";
    let mut out = String::new();
    let mut at = 0;
    let mut before = '\n';
    while let Some(c) = content[at..].chars().next() {
        let starts = [(before == '\n').then_some(at), (c == ';').then_some(at + 1)];
        let found = starts.into_iter().flatten().find_map(|start| {
            let key = content.len() - content[start..].trim_start_matches(is_space).len();
            content[key..].starts_with(KEY).then_some(key + KEY.len())
        });
        match found {
            Some(value) => {
                out.push_str(&content[at..value]);
                out.push_str("utf-8");
                at = content[value..].find(';').map_or(content.len(), |end| value + end);
                before = content[..at].chars().next_back().unwrap_or('\n');
            }
            None => {
                out.push(c);
                at += c.len_utf8();
                before = c;
            }
        }
    }
    out
}
