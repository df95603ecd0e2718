//! What a row asks of a drawing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a vector document becomes pixels. By default one CSS pixel is one pixel, on nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrawingRequest {
    /// Pixels of the picture's width. With `height`: the largest picture that fits into both.
    pub width: Option<u32>,
    /// Pixels of its height.
    pub height: Option<u32>,
    /// Pixels per CSS pixel, where neither is given.
    pub zoom: f64,
    /// What it is drawn on; nothing: the picture is transparent where the document is.
    pub background: Option<Colour>,
}

impl Default for DrawingRequest {
    fn default() -> Self {
        Self { width: None, height: None, zoom: 1.0, background: None }
    }
}

impl DrawingRequest {
    /// Refuses what cannot be drawn, naming the key.
    ///
    /// # Errors
    /// What is wrong and what is expected.
    pub fn check(&self) -> Result<(), String> {
        for (key, side) in [("width", self.width), ("height", self.height)] {
            if side.is_some_and(|side| !(1..=16_384).contains(&side)) {
                return Err(format!("{key}: expected 1 to 16384 pixels"));
            }
        }
        if !(0.01..=64.0).contains(&self.zoom) {
            return Err("zoom: expected 0.01 to 64".to_owned());
        }
        Ok(())
    }
}

/// An opaque colour in sRGB: red, green, blue. Written as `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour(pub [u8; 3]);

impl FromStr for Colour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .strip_prefix('#')
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] =
            number.ok_or_else(|| format!("{text:?} is no colour; write it as \"#rrggbb\""))?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read_as_it_is_written() {
        assert_eq!("#0aFf10".parse::<Colour>().unwrap().to_string(), "#0aff10");
        for wrong in ["red", "#fff", "#+12345", "#12345é"] {
            assert!(wrong.parse::<Colour>().unwrap_err().contains("#rrggbb"), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let wide = DrawingRequest { width: Some(0), ..DrawingRequest::default() };
        assert!(wide.check().unwrap_err().contains("width"));
        let far = DrawingRequest { zoom: f64::NAN, ..DrawingRequest::default() };
        assert!(far.check().unwrap_err().contains("zoom"));
        assert_eq!(DrawingRequest::default().check(), Ok(()));
    }
}
