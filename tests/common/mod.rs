//! What end-to-end tests share: the python image, pools of workers, and what a run said.

#![allow(dead_code, reason = "each test target uses a part of it")]

pub(crate) mod cache;
pub(crate) mod control;
pub(crate) mod engine;
pub(crate) mod fixture;
pub(crate) mod said;
