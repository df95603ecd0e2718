//! The keyboard, as far as steps need it: a key, with modifiers held.

use std::time::Instant;

use chromiumoxide_cdp::cdp::browser_protocol::input::{DispatchKeyEventParams, DispatchKeyEventType};

use super::Outcome;
use crate::page::{Halt, Page};

/// A key: its DOM name and code, Windows' number for it, and the text that it types.
struct Key {
    name: String,
    code: String,
    number: i64,
    text: Option<String>,
}

/// Keys that type nothing, or a control character.
const NAMED: [(&str, i64, Option<&str>); 30] = [
    ("Enter", 13, Some("\r")),
    ("Tab", 9, None),
    ("Backspace", 8, None),
    ("Delete", 46, None),
    ("Escape", 27, None),
    ("ArrowLeft", 37, None),
    ("ArrowUp", 38, None),
    ("ArrowRight", 39, None),
    ("ArrowDown", 40, None),
    ("Home", 36, None),
    ("End", 35, None),
    ("PageUp", 33, None),
    ("PageDown", 34, None),
    ("Insert", 45, None),
    ("F1", 112, None),
    ("F2", 113, None),
    ("F3", 114, None),
    ("F4", 115, None),
    ("F5", 116, None),
    ("F6", 117, None),
    ("F7", 118, None),
    ("F8", 119, None),
    ("F9", 120, None),
    ("F10", 121, None),
    ("F11", 122, None),
    ("F12", 123, None),
    ("Shift", 16, None),
    ("Control", 17, None),
    ("Alt", 18, None),
    ("Meta", 91, None),
];

/// Modifiers and their bits.
const MODIFIERS: [(&str, i64); 4] = [("Alt", 1), ("Control", 2), ("Meta", 4), ("Shift", 8)];

fn key(name: &str, modifiers: i64) -> Option<Key> {
    if let Some((name, number, text)) = NAMED.iter().find(|(known, ..)| *known == name) {
        let side = if MODIFIERS.iter().any(|(modifier, _)| modifier == name) { "Left" } else { "" };
        let code = format!("{name}{side}");
        return Some(Key { name: (*name).to_owned(), code, number: *number, text: text.map(str::to_owned) });
    }
    let name = if name == "Space" { " " } else { name };
    let mut characters = name.chars();
    let character = characters.next().filter(|_| characters.next().is_none())?;
    let upper = character.to_ascii_uppercase();
    let (code, number) = match upper {
        'A'..='Z' => (format!("Key{upper}"), i64::from(u32::from(upper))),
        '0'..='9' => (format!("Digit{upper}"), i64::from(u32::from(upper))),
        ' ' => ("Space".to_owned(), 32),
        _ => (String::new(), 0),
    };
    // With Control or Meta held a letter is a command and types nothing.
    let types = modifiers & (2 | 4) == 0;
    Some(Key { name: character.to_string(), code, number, text: types.then(|| character.to_string()) })
}

impl Page {
    /// Presses and releases a key such as `Enter`, `a` or `Control+Shift+End`.
    pub(crate) fn press(&mut self, combination: &str, by: Instant) -> Result<Outcome, Halt> {
        let (held, last) = match combination.rsplit_once('+') {
            Some((held, last)) if !last.is_empty() => (held.split('+').collect(), last),
            // The plus key itself, alone or with others: `+`, `Control++`.
            Some((held, _)) => (held.split('+').filter(|name| !name.is_empty()).collect(), "+"),
            None => (Vec::new(), combination),
        };
        let mut modifiers = 0;
        let mut down = Vec::new();
        for name in held {
            let Some((_, bit)) = MODIFIERS.iter().find(|(known, _)| *known == name) else {
                return Ok(Err(format!("{name:?} is no modifier; there are: Alt, Control, Meta, Shift")));
            };
            modifiers |= bit;
            down.extend(key(name, 0));
        }
        let Some(pressed) = key(last, modifiers) else {
            return Ok(Err(format!("{last:?} is no key; write a character, or a name such as Enter or ArrowLeft")));
        };
        for key in &down {
            self.key(DispatchKeyEventType::RawKeyDown, key, modifiers, by)?;
        }
        let kind =
            if pressed.text.is_some() { DispatchKeyEventType::KeyDown } else { DispatchKeyEventType::RawKeyDown };
        self.key(kind, &pressed, modifiers, by)?;
        self.key(DispatchKeyEventType::KeyUp, &pressed, modifiers, by)?;
        for key in down.iter().rev() {
            self.key(DispatchKeyEventType::KeyUp, key, 0, by)?;
        }
        Ok(Ok(()))
    }

    fn key(&mut self, kind: DispatchKeyEventType, key: &Key, modifiers: i64, by: Instant) -> Result<(), Halt> {
        let types = kind == DispatchKeyEventType::KeyDown;
        let mut event = DispatchKeyEventParams::new(kind);
        event.key = Some(key.name.clone());
        event.code = Some(key.code.clone());
        event.windows_virtual_key_code = Some(key.number);
        event.modifiers = Some(modifiers);
        if types {
            event.text.clone_from(&key.text);
            event.unmodified_text.clone_from(&key.text);
        }
        if key.name == "a" && modifiers == 2 {
            event.commands = Some(vec!["selectAll".to_owned()]);
        }
        self.ask(&event, by).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_names_codes_and_texts() {
        let of = |name: &str, modifiers| key(name, modifiers).map(|key| (key.code, key.number, key.text));
        assert_eq!(of("a", 0), Some(("KeyA".into(), 65, Some("a".into()))));
        assert_eq!(of("a", 2), Some(("KeyA".into(), 65, None)));
        assert_eq!(of("Enter", 0), Some(("Enter".into(), 13, Some("\r".into()))));
        assert_eq!(of("Control", 0).unwrap().0, "ControlLeft");
        assert_eq!(of("ß", 0), Some((String::new(), 0, Some("ß".into()))));
        assert_eq!(of("Entr", 0), None);
    }
}
