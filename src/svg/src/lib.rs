//! Draws SVG documents with resvg.
//!
//! A document is drawn in a confined helper ([`serve`]), which holds the fonts of one folder and can open nothing, and is
//! asked by a [`Drawer`]. References to anything but the document's own parts, `data:` URLs and the files that come along
//! are refused and named. resvg draws the static part of SVG 2: scripts, animations and foreign objects are not run.

mod draw;
mod drawer;
mod facts;
mod fonts;
mod helper;

pub use draw::{Drawn, Problem};
pub use drawer::{Drawer, Ending, Sketch};
pub use facts::Facts;
pub use fonts::Fonts;
pub use helper::serve;
