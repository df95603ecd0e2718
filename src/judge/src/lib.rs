//! The reward stage: vision-language models that rate what a sample's code drew.
//!
//! [`stage::judge`] brings samples to a [`stage::Judge`], of which there are two. Without the features of both, what is left
//! are rubrics, answers, and the store.
//!
//! Feature `local`: `local::Here`, a model that runs here. `model::Model` is Qwen2.5-VL, in all its sizes, and Qwen3
//! (dense, text alone), on Candle: our own, for what candle-transformers has of this family is absent or wrong. Checkpoints
//! are read from a folder as Hugging Face lays them out; nothing is ever fetched. One packed forward without padding serves
//! everything, a prompt alone, many prompts, prompts that share a beginning, and single new tokens, in any mixture; the same
//! code runs on the processor, where the tests prove it against transformers, and on a card.
//!
//! Feature `endpoint`: `endpoint::Endpoint`, a server that speaks OpenAI's protocol.

pub mod answer;
#[cfg(feature = "local")]
pub mod decoding;
#[cfg(feature = "endpoint")]
pub mod endpoint;
#[cfg(feature = "local")]
pub mod engine;
#[cfg(feature = "local")]
mod error;
#[cfg(feature = "local")]
pub mod grammar;
#[cfg(any(feature = "local", feature = "endpoint"))]
mod harmless;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "local")]
pub mod model;
#[cfg(feature = "local")]
pub mod prompt;
pub mod rubric;
pub mod stage;
pub mod store;
pub mod way;

#[cfg(feature = "local")]
pub use error::ModelError;
