//! Pages with a colour of its own for each text, by which a render shows where the text is.

use crate::html::{Dialect, Tree, parse};
use crate::{ScoreError, webcode2m::universal_newlines};

/// How many elements can have a colour of their own.
pub const MOST_COLOURS: usize = 4096;
/// What is added to each channel in the second of the two colourings of a page.
pub const SHIFT: u8 = 50;

/// Elements whose text gets a colour.
fn is_coloured(name: &str) -> bool {
    matches!(
        name,
        "p" | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "div"
            | "span"
            | "a"
            | "b"
            | "li"
            | "table"
            | "td"
            | "th"
            | "button"
            | "footer"
            | "header"
            | "figcaption"
    )
}

/// `page` with transparent backgrounds and a colour for each element that holds text, each channel moved by `shift`
/// (0 for the first colouring, [`SHIFT`] for the second).
///
/// # Errors
/// Those of [`parse`]; [`ScoreError::TooManyTexts`] beyond [`MOST_COLOURS`].
pub fn colouring(page: &str, shift: u8, dialect: Dialect) -> Result<String, ScoreError> {
    let mut tree = parse(&universal_newlines(page), dialect)?;
    colour(&mut tree, shift)?;
    Ok(tree.to_html())
}

fn colour(tree: &mut Tree, shift: u8) -> Result<(), ScoreError> {
    let elements: Vec<_> = tree.elements().map(|(id, name)| (id, is_coloured(name))).collect();
    let wanted = elements.iter().filter(|(_, coloured)| *coloured).count();
    if wanted > MOST_COLOURS {
        return Err(ScoreError::TooManyTexts { elements: wanted, most: MOST_COLOURS });
    }
    let mut left = MOST_COLOURS;
    for (id, coloured) in elements {
        let mut style = tree.attribute(id, "style").unwrap_or_default().to_owned();
        declare(&mut style, "background-color", "rgba(255, 255, 255, 0.0)");
        if coloured {
            left -= 1;
            let [red, green, blue] = [left / 256, left / 16 % 16, left % 16];
            let [red, green, blue] = [red, green, blue].map(|step| (10 + 16 * step as u8).wrapping_add(shift));
            declare(&mut style, "color", &format!("#{red:02X}{green:02X}{blue:02X}"));
            declare(&mut style, "opacity", "1.0");
        }
        tree.set_attribute(id, "style", style);
    }
    Ok(())
}

/// Puts a declaration at the end of an inline style, in place of those whose name begins with `name`.
fn declare(style: &mut String, name: &str, value: &str) {
    let mut kept = String::new();
    for part in style.split(';') {
        let stripped = crate::html::strip(part);
        if !stripped.is_empty() && !stripped.starts_with(name) {
            kept.push_str(part);
            kept.push_str("; ");
        }
    }
    kept.push_str(name);
    kept.push_str(": ");
    kept.push_str(value);
    kept.push_str(" !important");
    *style = crate::html::strip(&kept).to_owned();
}
