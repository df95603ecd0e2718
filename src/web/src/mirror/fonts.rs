//! Style sheets and files of web fonts, from the fontsource packages, which hold the same files.
//!
//! `/css2?family=Name:ital,wght@0,400;1,700&display=swap` and the older `/css?family=Name:400,700italic|Other` give a
//! style sheet with one rule for each subset of each face; the files that it names lie at addresses of our own, which
//! say package, version and path.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use glasshouse_images::mirror::Release;

use super::address::Address;
use super::answer::{Answer, Lacking, Outcome};
use super::files::Files;

/// Where the files of a style sheet are asked for.
const FILES: &str = "https://fonts.gstatic.com/s/npm/";

/// A family as an address asks for it.
#[derive(Debug, PartialEq, Eq)]
struct Family {
    name: String,
    faces: Faces,
}

/// Which faces of a family are wanted.
#[derive(Debug, PartialEq, Eq)]
enum Faces {
    /// Each by whether it is italic, and its weight.
    Fixed(BTreeSet<(bool, u16)>),
    /// All weights from the first to the last; whether italics too.
    Range { from: u16, to: u16, italics: bool },
}

/// What `/css`, `/css2` and `/icon` give.
pub(super) fn style_sheet(files: &Files, address: &Address) -> Outcome {
    let families: Vec<Family> = match address.path.as_str() {
        "css2" => address.parameters("family").filter_map(|text| family(&text)).collect(),
        "css" | "icon" => address.parameters("family").flat_map(|text| older_families(&text)).collect(),
        _ => return Outcome::NotMirrored(Lacking::address(address)),
    };
    let display = address.parameters("display").next();
    let display = display.filter(|text| ["auto", "block", "swap", "fallback", "optional"].contains(&text.as_str()));
    let (mut text, mut lacking) = (String::new(), Vec::new());
    for family in &families {
        match rules(files, family, display.as_deref()) {
            Ok(rules) => text.push_str(&rules),
            Err(problem) => lacking.push(problem),
        }
    }
    match lacking.first() {
        Some(first) if text.is_empty() => Outcome::NotMirrored(first.clone()),
        None if families.is_empty() => {
            Outcome::Answer(Answer { status: 400, ..Answer::absent("Missing font family\n".into()) })
        }
        _ => {
            let mut answer = Answer::generated("text/css; charset=utf-8", text.into_bytes());
            answer.lacking = lacking;
            Outcome::Answer(answer)
        }
    }
}

/// What an address that [`style_sheet`] wrote gives.
pub(super) fn file(files: &Files, address: &Address) -> Outcome {
    let wanted = || {
        let rest = address.path.strip_prefix("s/npm/")?;
        let at = rest.get(1..)?.find('@')? + 1;
        let (version, path) = rest[at + 1..].split_once('/')?;
        Some((&rest[..at], version, path))
    };
    let Some((name, version, path)) = wanted() else { return Outcome::NotMirrored(Lacking::address(address)) };
    match files.release(name, version) {
        Ok(release) => files.file(release, path).map_or_else(|| files.absent(release, path), Outcome::Answer),
        Err(lacking) => Outcome::NotMirrored(lacking),
    }
}

/// Reads `Name`, or `Name:ital,wght@0,400;1,700`, or `Name:wght@100..900`.
fn family(text: &str) -> Option<Family> {
    let (name, wanted) = text.split_once(':').unwrap_or((text, ""));
    let (axes, values) = wanted.split_once('@').unwrap_or((wanted, ""));
    let axes: Vec<&str> = axes.split(',').collect();
    let mut fixed = BTreeSet::new();
    let mut range: Option<(u16, u16)> = None;
    let mut italics = false;
    for tuple in values.split(';') {
        let value = |axis: &str| axes.iter().position(|name| *name == axis).and_then(|at| tuple.split(',').nth(at));
        let is_italic = if values.is_empty() { axes == ["ital"] } else { value("ital") == Some("1") };
        italics |= is_italic;
        match value("wght").and_then(|weight| weight.split_once("..")) {
            Some((from, to)) => range = Some((from.parse().ok()?, to.parse().ok()?)),
            None => {
                let weight = value("wght").filter(|weight| !weight.is_empty()).unwrap_or("400");
                fixed.insert((is_italic, weight.parse().ok()?));
            }
        }
    }
    let faces = match range {
        Some((from, to)) => Faces::Range { from, to, italics },
        None => Faces::Fixed(fixed),
    };
    (!name.is_empty()).then(|| Family { name: name.to_owned(), faces })
}

/// Reads `Name:400,700italic,bold|Other`.
fn older_families(text: &str) -> Vec<Family> {
    let read = |text: &str| {
        let (name, wanted) = text.split_once(':').unwrap_or((text, ""));
        let faces: BTreeSet<_> = wanted.split(':').next()?.split(',').filter_map(older_face).collect();
        let faces = if faces.is_empty() { BTreeSet::from([(false, 400)]) } else { faces };
        (!name.is_empty()).then(|| Family { name: name.trim().to_owned(), faces: Faces::Fixed(faces) })
    };
    text.split('|').filter_map(read).collect()
}

fn older_face(text: &str) -> Option<(bool, u16)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (weight, style) = text.split_at(digits);
    let weight = if digits == 0 { None } else { Some(weight.parse().ok()?) };
    match style {
        "" => Some((false, weight?)),
        "i" | "italic" => Some((true, weight.unwrap_or(400))),
        "regular" | "normal" | "r" => Some((false, weight.unwrap_or(400))),
        "b" | "bold" => Some((false, 700)),
        "bi" | "bolditalic" => Some((true, 700)),
        _ => None,
    }
}

/// The rules of a family's style sheet.
fn rules(files: &Files, family: &Family, display: Option<&str>) -> Result<String, Lacking> {
    if let Some(icons) = icons(files, &family.name) {
        return icons;
    }
    let id = family.name.to_lowercase().replace(' ', "-");
    let release = |scope: &str| files.release(&format!("{scope}/{id}"), "");
    let mut text = String::new();
    match &family.faces {
        Faces::Range { from, to, italics } => {
            if let Ok(release) = release("@fontsource-variable") {
                for style in if *italics { &["normal", "italic"][..] } else { &["normal"] } {
                    let name = |subset: &str| format!("files/{id}-{subset}-wght-{style}.woff2");
                    faces(files, release, family, &format!("{from} {to}"), style, display, &name, &mut text);
                }
            }
            // Without the variable font, each weight that the family has comes nearest.
            if text.is_empty() {
                let release = release("@fontsource")?;
                let weights = (1..=9).map(|hundred| hundred * 100).filter(|weight| (from..=to).contains(&weight));
                for weight in weights {
                    for style in if *italics { &["normal", "italic"][..] } else { &["normal"] } {
                        let name = |subset: &str| format!("files/{id}-{subset}-{weight}-{style}.woff2");
                        faces(files, release, family, &weight.to_string(), style, display, &name, &mut text);
                    }
                }
            }
        }
        Faces::Fixed(wanted) => {
            let release = release("@fontsource")?;
            for (italic, weight) in wanted {
                let style = if *italic { "italic" } else { "normal" };
                let name = |subset: &str| format!("files/{id}-{subset}-{weight}-{style}.woff2");
                faces(files, release, family, &weight.to_string(), style, display, &name, &mut text);
            }
        }
    }
    Ok(text)
}

/// One face's rules, a subset each, in the order of the package's `unicode.json`.
#[allow(clippy::too_many_arguments, reason = "each is one of the words of the rule that is written")]
fn faces(
    files: &Files,
    release: &Release,
    family: &Family,
    weight: &str,
    style: &str,
    display: Option<&str>,
    name: &dyn Fn(&str) -> String,
    text: &mut String,
) {
    let ranges = files.read(release, "unicode.json").and_then(|bytes| serde_json::from_slice(bytes.bytes()).ok());
    let ranges: serde_json::Map<String, serde_json::Value> = ranges.unwrap_or_default();
    let display = display.map(|display| format!("  font-display: {display};\n")).unwrap_or_default();
    for (subset, range) in &ranges {
        let path = name(subset.trim_matches(['[', ']']));
        if !release.has(&path) {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "/* {subset} */\n@font-face {{\n  font-family: '{}';\n  font-style: {style};\n  font-weight: {weight};\n{display}\
             \x20 src: url({}) format('woff2');\n  unicode-range: {};\n}}\n",
            family.name,
            address_of(release, &path),
            range.as_str().unwrap_or_default(),
        );
    }
}

fn address_of(release: &Release, path: &str) -> String {
    format!("{FILES}{}@{}/{path}", release.name(), release.version())
}

/// The style sheet of Google's icon fonts, which come in packages of their own.
fn icons(files: &Files, family: &str) -> Option<Result<String, Lacking>> {
    let id = family.to_lowercase().replace(' ', "-");
    let (package, path) = match id.split('-').collect::<Vec<_>>()[..] {
        ["material", "icons", ..] => ("material-icons", format!("iconfont/{id}.woff2")),
        ["material", "symbols", ..] => ("material-symbols", format!("{id}.woff2")),
        _ => return None,
    };
    let release = match files.release(package, "") {
        Ok(release) => release,
        Err(lacking) => return Some(Err(lacking)),
    };
    // The weights of the symbols are one variable font.
    let weight = if package == "material-symbols" { "100 700" } else { "400" };
    Some(Ok(format!(
        "@font-face {{\n  font-family: '{family}';\n  font-style: normal;\n  font-weight: {weight};\n  src: url({}) \
         format('woff2');\n}}\n.{id} {{\n  font-family: '{family}';\n  font-weight: normal;\n  font-style: normal;\n  font-size: \
         24px;\n  line-height: 1;\n  letter-spacing: normal;\n  text-transform: none;\n  display: inline-block;\n  white-space: \
         nowrap;\n  word-wrap: normal;\n  direction: ltr;\n  -webkit-font-feature-settings: 'liga';\n  \
         -webkit-font-smoothing: antialiased;\n}}\n",
        address_of(release, &path)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(name: &str, faces: &[(bool, u16)]) -> Family {
        Family { name: name.into(), faces: Faces::Fixed(faces.iter().copied().collect()) }
    }

    #[test]
    fn newer_addresses_name_axes_and_tuples() {
        assert_eq!(family("Open Sans"), Some(fixed("Open Sans", &[(false, 400)])));
        assert_eq!(family("Roboto:wght@400;700"), Some(fixed("Roboto", &[(false, 400), (false, 700)])));
        assert_eq!(family("Lora:ital,wght@0,400;1,700"), Some(fixed("Lora", &[(false, 400), (true, 700)])));
        assert_eq!(family("Lora:ital@1"), Some(fixed("Lora", &[(true, 400)])));
        let range = Faces::Range { from: 100, to: 900, italics: true };
        assert_eq!(
            family("Inter:ital,wght@0,100..900;1,100..900"),
            Some(Family { name: "Inter".into(), faces: range })
        );
        assert_eq!(family("Inter:wght@x"), None);
    }

    #[test]
    fn older_addresses_name_weights_and_styles() {
        let expected = [fixed("Roboto", &[(false, 400), (true, 700)]), fixed("Open Sans", &[(false, 400)])];
        assert_eq!(older_families("Roboto:400,700italic|Open Sans"), expected);
        assert_eq!(older_families("Lato:bold,i"), [fixed("Lato", &[(false, 700), (true, 400)])]);
    }
}
