//! Which scripts a page asks for, read from its text.

use std::collections::{BTreeMap, BTreeSet};

/// An import map: addresses by name or by prefix that ends in a slash.
pub(crate) type ImportMap = BTreeMap<String, String>;

/// The address of the page itself, which files of its own are relative to.
const PAGE: &str = "http://page.localhost/";

/// The page's import map, and the addresses of its scripts with whether each is a module.
pub(crate) fn scripts(page: &str) -> (ImportMap, BTreeSet<(String, bool)>) {
    let mut map = ImportMap::new();
    let mut inline = Vec::new();
    let mut found = BTreeSet::new();
    let lower = page.to_ascii_lowercase();
    let mut at = 0;
    while let Some(start) = lower[at..].find("<script").map(|start| at + start) {
        let Some(open) = lower[start..].find('>').map(|open| start + open) else { break };
        let end = lower[open..].find("</script").map_or(page.len(), |end| open + end);
        let (tag, body) = (&page[start..open], &page[open + 1..end.max(open + 1)]);
        let kind = attribute(tag, "type").unwrap_or_default();
        match attribute(tag, "src") {
            Some(url) => found.extend(absolute(url, PAGE).map(|url| (url, kind == "module"))),
            None if kind == "importmap" => {
                let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
                let entries = json["imports"].as_object().cloned().unwrap_or_default();
                map.extend(entries.into_iter().filter_map(|(name, url)| Some((name, url.as_str()?.to_owned()))));
            }
            None => inline.push(body),
        }
        at = end;
    }
    for body in inline {
        found.extend(imports(body).iter().filter_map(|named| Some((resolve(named, PAGE, &map)?, true))));
        // Scripts that a script adds: `s.src = "..."`.
        for url in quoted(body)
            .filter(|text| text.starts_with("http") && text.split('?').next().unwrap_or_default().ends_with(".js"))
        {
            found.insert((url.to_owned(), false));
        }
    }
    (map, found)
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let lower = tag.to_ascii_lowercase();
    let start = lower.find(&format!(" {name}="))? + name.len() + 2;
    let value = &tag[start..];
    match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next(),
        _ => value.split(char::is_whitespace).next(),
    }
}

/// All that stands between quotes on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| ['"', '\'', '`'].into_iter().flat_map(move |quote| line.split(quote).skip(1).step_by(2)))
}

/// The names that a module imports or exports from.
pub(crate) fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in ["from", "import"] {
        for (at, _) in text.match_indices(word) {
            let part_of_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_$.*".contains(&byte);
            if at > 0 && part_of_word(text.as_bytes()[at - 1]) && !text[..at].ends_with('}') {
                continue;
            }
            let rest = text[at + word.len()..].trim_start().trim_start_matches('(').trim_start();
            let Some(quote @ ('"' | '\'')) = rest.chars().next() else { continue };
            let Some(named) = rest[1..].split(quote).next() else { continue };
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"@/.:-_~?=&%+".contains(&byte);
            if !named.is_empty() && named.len() < 300 && named.bytes().all(is_name) {
                found.push(named.to_owned());
            }
        }
    }
    found
}

/// The address that an imported name means in the module at `base`; `None` for names that nothing maps.
pub(crate) fn resolve(named: &str, base: &str, map: &ImportMap) -> Option<String> {
    if let Some(url) = map.get(named) {
        return absolute(url, PAGE);
    }
    let prefixes = map.iter().filter(|(name, _)| name.ends_with('/') && named.starts_with(name.as_str()));
    if let Some((name, url)) = prefixes.max_by_key(|(name, _)| name.len()) {
        return absolute(&format!("{url}{}", &named[name.len()..]), PAGE);
    }
    let is_address =
        named.contains("://") || named.starts_with('/') || named.starts_with("./") || named.starts_with("../");
    if is_address {
        return absolute(named, base);
    }
    // A browser refuses such an import without asking anyone: it is no script that could be loaded.
    None
}

/// `url` as seen from `base`.
fn absolute(url: &str, base: &str) -> Option<String> {
    if url.starts_with("data:") || url.starts_with("blob:") {
        return None;
    }
    if url.contains("://") {
        return Some(url.to_owned());
    }
    if let Some(rest) = url.strip_prefix("//") {
        return Some(format!("https://{rest}"));
    }
    let (scheme, rest) = base.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    let mut parts: Vec<&str> =
        if url.starts_with('/') { Vec::new() } else { path.split('?').next()?.split('/').collect() };
    parts.pop();
    for part in url.trim_start_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("{scheme}://{host}/{}", parts.join("/")))
}

#[test]
fn scripts_are_found_by_tag_import_and_map() {
    let page = r#"<script src=//a.example/1.js></script><SCRIPT async src='b.js'></SCRIPT>
        <script type="importmap">{"imports": {"three": "https://c.example/t.js", "t/": "https://c.example/j/"}}</script>
        <script type="module">import * as T from 'three'; import {O} from "t/o.js"; import './own.js'; import x from 'bare';
        const p = await import("https://d.example/e.mjs"); s.src = "https://f.example/g.js?h";</script>"#;
    let urls: Vec<String> = scripts(page).1.into_iter().map(|(url, _)| url).collect();
    let expected = [
        "http://page.localhost/b.js",
        "http://page.localhost/own.js",
        "https://a.example/1.js",
        "https://c.example/j/o.js",
        "https://c.example/t.js",
        "https://d.example/e.mjs",
        "https://f.example/g.js?h",
    ];
    assert_eq!(urls, expected);
}
