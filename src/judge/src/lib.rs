//! The reward stage: vision-language models that rate what a sample's code drew.
//!
//! [`model::Model`] is Qwen2.5-VL, in all its sizes, and Qwen3 (dense, text alone), on Candle: our own, for what
//! candle-transformers has of this family is absent or wrong. Checkpoints are read from a folder as Hugging Face lays
//! them out; nothing is ever fetched. One packed forward without padding serves everything, a prompt alone, many
//! prompts, prompts that share a beginning, and single new tokens, in any mixture; the same code runs on the processor,
//! where the tests prove it against transformers, and on a card.

pub mod answer;
pub mod decoding;
pub mod engine;
mod error;
pub mod grammar;
pub mod local;
pub mod model;
pub mod prompt;
pub mod rubric;
pub mod stage;
pub mod store;

pub use error::ModelError;
