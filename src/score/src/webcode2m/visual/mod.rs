//! The visual score: the texts of both pages found by their colours, matched, and compared.

mod blocks;
mod css;
mod matching;
mod names;
mod paint;
mod score;

pub use blocks::{Block, NoBlocks, Renders, find_blocks, join_by_bounds};
pub use css::declared_colour;
pub use matching::{Matching, join_and_match};
pub use paint::{MOST_COLOURS, SHIFT, colouring};
pub use score::{Parts, Visual, compare};
