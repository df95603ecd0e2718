//! Agreement with an oracle in Python: the same numbers from the packages that the published evaluation uses.
//!
//! The first run puts the pinned packages (`tests/oracle/requirements.txt`) into the project's cache folder. It needs
//! CPython 3.11.7, whose `html.parser` is ported, or another 3.11 in which that is the same, such as Debian 12's
//! (`GLASSHOUSE_ORACLE_PYTHON` names one); without it these tests say that they did not run, or fail under
//! `GLASSHOUSE_ORACLE=required`.
//!
//! `cargo test` compares the pages in `tests/pages`, what proptest makes of them, and pictures that a painter of the
//! test's own draws. Pairs of real pages, two models' answers to one task, come from a file of rows with `id` and
//! `code`:
//!
//! ```sh
//! GLASSHOUSE_SCORE_ROWS=../shared/data/pages.jsonl cargo test --release -p glasshouse-score -- --nocapture
//! ```

#![allow(clippy::unwrap_used)]

mod html;
mod numbers;
mod oracle;
mod painter;
mod pictures;
mod samples;
mod scores;
mod visual;
