//! Hosts that serve packages of npm by their names: jsdelivr and unpkg.

use std::sync::Arc;

use glasshouse_images::mirror::Release;
use serde_json::Value;

use super::address::Address;
use super::answer::{Answer, Lacking, Outcome};
use super::files::Files;
use crate::answers::Body;

/// `name@range/path`, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    name: &'a str,
    /// Empty if none is given.
    range: &'a str,
    /// `None` if there is no slash after the range.
    path: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // A scope's slash is part of the name.
        let scope = if text.starts_with('@') { text.find('/')? + 1 } else { 0 };
        let end = text[scope..].find('/').map_or(text.len(), |end| scope + end);
        let (whole, path) = (&text[..end], text.get(end + 1..));
        let (name, range) = match whole[scope..].split_once('@') {
            Some((name, range)) => (&whole[..scope + name.len()], range),
            None => (whole, ""),
        };
        (name.len() > scope).then_some(Self { name, range, path })
    }
}

/// jsdelivr: `/npm/name@range/path`; without a path the package's default file, minified.
///
/// Source: jsdelivr's documentation of its npm addresses.
pub(super) fn jsdelivr(files: &Files, address: &Address) -> Outcome {
    let unsupported = |what: &str| Outcome::Unsupported(format!("{}/{}: {what}", address.host, address.path));
    let Some((kind, rest)) = address.path.split_once('/') else {
        return Outcome::NotMirrored(Lacking::address(address));
    };
    // Addresses with two slashes are in wide use, and the real host does not mind.
    let rest = rest.trim_start_matches('/');
    if kind == "combine" {
        return unsupported("files combined on demand are not mirrored; let the page load each by itself");
    }
    if rest.ends_with("/+esm") {
        return unsupported("modules built on demand (+esm) are not mirrored; use the package's own module file");
    }
    let (true, Some(wanted)) = (kind == "npm", Wanted::parse(rest)) else {
        return Outcome::NotMirrored(Lacking::address(address));
    };
    let release = match files.release(wanted.name, wanted.range) {
        Ok(release) => release,
        Err(lacking) => return Outcome::NotMirrored(lacking),
    };
    match wanted.path {
        None => {
            let path =
                minified(release, main_file(&files.description(release), &["jsdelivr", "browser", "main", "style"]));
            files.file(release, &path).map_or_else(|| files.absent(release, &path), Outcome::Answer)
        }
        Some(path) if path.is_empty() || path.ends_with('/') => unsupported("listings of folders are not mirrored"),
        Some(path) => files.file(release, path).map_or_else(|| files.absent(release, path), Outcome::Answer),
    }
}

/// The minified file beside `path`, if there is one.
fn minified(release: &Release, path: String) -> String {
    let beside = path.strip_suffix(".js").filter(|stem| !stem.ends_with(".min")).map(|stem| format!("{stem}.min.js"));
    beside.filter(|beside| release.has(beside)).unwrap_or(path)
}

/// The file that a description's first usable key of `keys` names.
fn main_file(description: &Value, keys: &[&str]) -> String {
    let named = keys.iter().find_map(|key| description[*key].as_str().filter(|path| !path.is_empty()));
    named.unwrap_or("index.js").trim_start_matches("./").trim_start_matches('/').to_owned()
}

/// unpkg: `/name@range/path`; whatever is not exact is redirected to what is.
///
/// Source: unpkg's documentation.
pub(super) fn unpkg(files: &Files, address: &Address) -> Outcome {
    let Some(wanted) = Wanted::parse(&address.path) else { return Outcome::NotMirrored(Lacking::address(address)) };
    let unsupported = |what: &str| Outcome::Unsupported(format!("{}/{}: {what}", address.host, address.path));
    let is_module = address.query.split('&').any(|name| name == "module");
    if address.query.split('&').any(|name| name == "meta") {
        return unsupported("facts about files (?meta) are not mirrored");
    }
    let release = match files.release(wanted.name, wanted.range) {
        Ok(release) => release,
        Err(lacking) => return Outcome::NotMirrored(lacking),
    };
    let path = match wanted.path {
        None => {
            let keys: &[&str] = if is_module { &["module", "main"] } else { &["unpkg", "main"] };
            main_file(&files.description(release), keys)
        }
        Some(path) if path.is_empty() || path.ends_with('/') => {
            return unsupported("listings of folders are not mirrored");
        }
        Some(path) => path.to_owned(),
    };
    let Some(exact) = resolve(release, &path) else { return files.absent(release, &path) };
    if wanted.range != release.version() || wanted.path != Some(exact.as_str()) {
        let query = if address.query.is_empty() { String::new() } else { format!("?{}", address.query) };
        let (name, version) = (release.name(), release.version());
        return Outcome::Answer(Answer::redirect(format!("https://{}/{name}@{version}/{exact}{query}", address.host)));
    }
    let Some(mut answer) = files.file(release, &exact) else { return files.absent(release, &exact) };
    if let (true, Ok(text)) = (is_module, std::str::from_utf8(answer.body.bytes())) {
        let text = absolute_imports(text, &address.host, &files.description(release));
        answer.body = Arc::new(Body::new(text.into_bytes()));
    }
    Outcome::Answer(answer)
}

/// The file that a path without its end, or a folder, means.
fn resolve(release: &Release, path: &str) -> Option<String> {
    let candidates = [path.to_owned(), format!("{path}.js"), format!("{path}.mjs"), format!("{path}/index.js")];
    candidates.into_iter().find(|candidate| release.has(candidate))
}

/// A module's text with addresses in place of the names that it imports, as `?module` gives it.
fn absolute_imports(text: &str, host: &str, description: &Value) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, end)) = next_import(rest) {
        out.push_str(&rest[..start]);
        let named = &rest[start..end];
        if named.starts_with('.') || named.starts_with('/') {
            out.push_str(&format!("{named}?module"));
        } else if named.contains("://") || named.starts_with("data:") {
            out.push_str(named);
        } else {
            let scope = if named.starts_with('@') { named.find('/').map_or(0, |slash| slash + 1) } else { 0 };
            let cut = named[scope..].find('/').map_or(named.len(), |slash| scope + slash);
            let (name, path) = named.split_at(cut);
            let ranges = ["dependencies", "peerDependencies"];
            let range = ranges.iter().find_map(|key| description[*key][name].as_str()).unwrap_or("latest");
            out.push_str(&format!("https://{host}/{name}@{}{path}?module", range.replace(' ', "%20")));
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Where the next imported name lies: after `from`, `import` or `import(`, between quotes and on one line.
fn next_import(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) =
        ["from", "import"].iter().filter_map(|word| Some((text[at..].find(word)? + at, word.len()))).min()
    {
        let after = found.0 + found.1;
        at = after;
        let is_part_of_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.');
        if found.0.checked_sub(1).is_some_and(|before| is_part_of_word(bytes[before])) {
            continue;
        }
        let gap = bytes[after..].iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b'(').count();
        let start = after + gap + 1;
        let Some(quote @ (b'"' | b'\'')) = bytes.get(after + gap) else { continue };
        let length = bytes[start..].iter().position(|byte| byte == quote || *byte == b'\n');
        if let Some(end) = length.map(|length| start + length).filter(|end| bytes[*end] == *quote && *end > start) {
            return Some((start, end));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ranges_and_paths_are_told_apart() {
        let cases = [
            ("three@0.128.0/build/three.js", ("three", "0.128.0", Some("build/three.js"))),
            ("three", ("three", "", None)),
            ("three/", ("three", "", Some(""))),
            ("@a/b@^1.2/c@2/d.js", ("@a/b", "^1.2", Some("c@2/d.js"))),
            ("@a/b", ("@a/b", "", None)),
        ];
        for (text, (name, range, path)) in cases {
            assert_eq!(Wanted::parse(text), Some(Wanted { name, range, path }), "{text}");
        }
        for bad in ["", "@a", "/x", "@a/", "@a/@1"] {
            assert_eq!(Wanted::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn modules_import_addresses_instead_of_names() {
        let description = serde_json::json!({"dependencies": {"three": "^0.150.0"}});
        let text = "import{A}from\"three\";import * as b from './b.js';\nimport 'three/x.js';const t='transform from';\n\
                    export{c}from\"https://h/c.js\";import(\"@s/d/e\");important('x')";
        let expected = "import{A}from\"https://unpkg.com/three@^0.150.0?module\";import * as b from './b.js?module';\n\
                        import 'https://unpkg.com/three@^0.150.0/x.js?module';const t='transform from';\n\
                        export{c}from\"https://h/c.js\";import(\"https://unpkg.com/@s/d@latest/e?module\");important('x')";
        assert_eq!(absolute_imports(text, "unpkg.com", &description), expected);
    }
}
