//! Text of samples in prompts: what a tokenizer would read as control tokens is broken up.

/// Text in which none of the `control` tokens stands: a space without width is put behind the first letter of each.
pub(crate) fn harmless(text: &str, control: &[impl AsRef<str>]) -> String {
    let mut text = text.to_owned();
    for token in control.iter().map(AsRef::as_ref).filter(|token| !token.is_empty()) {
        if text.contains(token) {
            let mut letters = token.chars();
            let broken: String = letters.next().into_iter().chain(['\u{200b}']).chain(letters).collect();
            text = text.replace(token, &broken);
        }
    }
    text
}
