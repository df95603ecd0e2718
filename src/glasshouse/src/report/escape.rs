//! Text from samples and datasets, made harmless inside a page.

/// Text as HTML text or attribute value.
pub(crate) fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Control characters (but tabs and line ends) and those that turn the direction of text.
            c if c.is_control() && !matches!(c, '\n' | '\t') => safe.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// JSON that may stand inside a `script` element: nothing in it can end the element.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\u{2028}', "\\u2028")
}

/// At most `lines` lines and `bytes` bytes of a text, with a mark where it was cut.
pub(crate) fn head(text: &str, lines: usize, bytes: usize) -> String {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let by_lines = text[..end].match_indices('\n').nth(lines.saturating_sub(1)).map_or(end, |(place, _)| place);
    let kept = text[..by_lines].trim_end();
    if kept.len() < text.trim_end().len() { format!("{kept}\n…") } else { kept.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_markup_survives() {
        let hostile = "</script><img src=x onerror='alert(1)'>&\"\u{0}\u{202e}";
        let safe = html(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '\u{0}', '\u{202e}']), "{safe}");
        let script = json(&hostile);
        assert!(!script.contains(['<', '>', '&']), "{script}");
        assert_eq!(serde_json::from_str::<String>(&script).unwrap(), hostile);
    }

    #[test]
    fn long_texts_are_cut_at_lines_and_characters() {
        assert_eq!(head("a\nb\nc", 2, 99), "a\nb\n…");
        assert_eq!(head("a\nb\n", 2, 99), "a\nb");
        assert_eq!(head("éé", 9, 3), "é\n…");
    }
}
