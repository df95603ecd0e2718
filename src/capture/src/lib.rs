//! Takes files out of a finished run, checks them in a confined helper, stores them by content hash.
//!
//! Everything that comes from a run is hostile evidence: names, sizes, types and bytes. The host opens
//! files only beneath the folders that it was given, reads bounded amounts, and parses nothing but small
//! JSON itself. Whatever decodes a picture or a document does so in [`helper`], a process that can read
//! and write what it was handed and do nothing else.
//!
//! The way of an output: [`walk`](Walk) finds it, [`Store`] keeps its bytes, the helper answers what it
//! is ([`Checked`]), and [`Harvester::collect`] joins these with what the hooks recorded ([`Capture`]).

mod blank;
mod check;
mod collect;
mod contract;
mod draw;
mod evidence;
pub mod helper;
mod joining;
mod names;
mod open;
mod pages;
mod pixels;
mod store;
mod taking;
mod walk;

pub use check::{Checked, check_file};
pub use collect::{Collected, Harvester, Inputs, Taken, VectorFigure};
pub use contract::{
    BufferFile, Capture, ContractError, ErrorLink, Failure, PIXEL_LIMIT, PixelFile, SIDE_LIMIT, parse_capture,
    parse_error, parse_failure, parse_missing, parse_overflow,
};
pub use helper::{Client, HelperCommand};
pub use names::shown;
pub use pages::{FigurePage, PageFormat, PagePlace, PageRecord, PageView, PictureOf};
pub use pixels::{EncodeError, encode_png, encode_rgb_png};
pub use store::{Store, StoreError};
pub use taking::Given;
pub use walk::{Found, Node, Walk, WalkLimits, walk};
