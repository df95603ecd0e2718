//! WebCode2M's evaluation: a predicted page against the page that was to be written.

mod clip;
mod evaluate;
mod pixels;
mod prepare;
mod tree_bleu;
pub mod visual;
mod words;

pub use clip::{Embedding, clip_similarities, masked};
pub use evaluate::{NoPicture, Renderer, Scores, Setup, evaluate};
pub use pixels::{PixelScores, pixel_scores};
pub use prepare::{MOST_REPEATS, prepare, universal_newlines};
pub use tree_bleu::{TreeScores, tree_scores};
pub use words::{WordScores, word_scores};
