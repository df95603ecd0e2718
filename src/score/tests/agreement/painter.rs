//! A painter of pages that stands in for a browser: it draws what a browser must agree on with itself, the same texts
//! at the same places whatever their colours, and makes no attempt to look like one.

use glasshouse_score::Mode;
use glasshouse_score::html::{Dialect, Node, TextKind, parse};
use glasshouse_score::picture::Picture;
use glasshouse_score::webcode2m::visual::declared_colour;

const WIDTH: usize = 320;
const LEAST_HEIGHT: usize = 120;
const MOST_HEIGHT: usize = 600;
/// A character's place, and the drawn part of it.
const CELL: (usize, usize) = (4, 8);
const GLYPH: (usize, usize) = (3, 5);

/// A picture of `html`: every text of its body, word by word, in its inline colour or else a dark one.
pub(crate) fn paint(html: &str) -> Picture {
    let tree = parse(html, Dialect::default()).unwrap();
    let mut sheet = Sheet { rgb: Vec::new(), x: 0, y: 4 };
    for id in tree.first("body").map(|body| tree.within(body)).unwrap_or_default() {
        let Node::Text { kind: TextKind::Text | TextKind::Ruby | TextKind::CData, text } = tree.node(id) else {
            continue;
        };
        let above = std::iter::successors(tree.parent(id), |&id| tree.parent(id));
        let depth = above.clone().count();
        let own =
            |id| declared_colour(tree.attribute(id, "style")?, Mode::Fixed).unwrap().and_then(|c| hexadecimal(&c));
        let colour = above.clone().find_map(own).unwrap_or([depth as u8 * 9, 30, 60]);
        sheet.x = 4 + depth * 5 % 60;
        for word in text.split_whitespace() {
            sheet.word(word, colour);
        }
        if sheet.x > 4 + depth * 5 % 60 {
            sheet.y += CELL.1;
        }
    }
    let height = (sheet.y + CELL.1).clamp(LEAST_HEIGHT, MOST_HEIGHT);
    sheet.rgb.resize(WIDTH * height * 3, 255);
    Picture::new(WIDTH, height, sheet.rgb).unwrap()
}

struct Sheet {
    rgb: Vec<u8>,
    x: usize,
    y: usize,
}

impl Sheet {
    fn word(&mut self, word: &str, colour: [u8; 3]) {
        let length = word.chars().count() * CELL.0;
        if self.x + length > WIDTH - 8 {
            (self.x, self.y) = (8, self.y + CELL.1);
        }
        for c in word.chars() {
            if self.x + CELL.0 < WIDTH {
                self.glyph(c, colour);
            }
            self.x += CELL.0;
        }
        self.x += CELL.0;
    }

    /// Nine bits of the character tell which pixels are full; the right column is as pale as an edge.
    fn glyph(&mut self, c: char, colour: [u8; 3]) {
        if self.y + CELL.1 > MOST_HEIGHT {
            return;
        }
        self.rgb.resize(self.rgb.len().max((self.y + CELL.1) * WIDTH * 3), 255);
        for down in 0..GLYPH.1 {
            for right in 0..GLYPH.0 {
                let full = (c as u32).wrapping_mul(2_654_435_761) >> ((down * GLYPH.0 + right) % 24) & 1 == 1;
                let shade = |channel: u8| match (full, right + 1 == GLYPH.0) {
                    (false, _) => 255,
                    (true, true) => channel.saturating_add((255 - channel) / 40),
                    (true, false) => channel,
                };
                let at = ((self.y + down) * WIDTH + self.x + right) * 3;
                self.rgb[at..at + 3].copy_from_slice(&colour.map(shade));
            }
        }
    }
}

fn hexadecimal(colour: &str) -> Option<[u8; 3]> {
    let digits = colour.trim_start_matches('#');
    let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some([channel(0)?, channel(2)?, channel(4)?])
}
