//! Tag soup as Python sees it: CPython's `html.parser` under Beautiful Soup's tree builder.
//!
//! This is not HTML5: nothing is implied, an open `<p>` or `<li>` nests, an end tag without a start is ignored, and
//! unterminated constructs turn to text or vanish as they do there. Scores depend on these trees, so they are ported
//! rather than replaced by a browser's.
//!
//! ```
//! use glasshouse_score::html::{Dialect, parse};
//!
//! let tree = parse("<ul><li>one<li>two &amp; three</ul>", Dialect::default())?;
//! assert_eq!(tree.to_html(), "<ul><li>one<li>two &amp; three</li></li></ul>");
//! # Ok::<(), glasshouse_score::ScoreError>(())
//! ```

mod attributes;
mod builder;
mod entities;
mod parser;
mod scan;
mod tree;
mod write;

pub use tree::{Node, NodeId, TextKind, Tree};

pub(crate) use scan::{is_space, strip};

use crate::ScoreError;

/// The deepest nesting that is scored: the reference's recursion limit (`sys.setrecursionlimit(6000)`).
pub const DEEPEST: usize = 6000;

/// Whose rules are followed. They changed with CPython's patch releases and Beautiful Soup's, and scores with them, so
/// results name it. Both are CPython 3.11.7 and its like: before `title`, `textarea`, `iframe` and others became raw
/// text (3.11.13 and later) and before the rules for end tags, comments and CDATA changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Under Beautiful Soup 4.15.0.
    #[default]
    CPython3_11_7,
    /// Under Beautiful Soup 4.12.3, and those up to 4.14.2: what the papers ran. After a `<br>`, the next `<br/>` is
    /// not closed, and what follows lies in it; so with every element without content. A numeric reference to
    /// nothing stays what it is.
    CPython3_11_7Soup4_12,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 2] = [Dialect::CPython3_11_7, Dialect::CPython3_11_7Soup4_12];

    /// The name for results.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::CPython3_11_7 => "cpython-3.11.7+beautifulsoup4-4.15.0",
            Dialect::CPython3_11_7Soup4_12 => "cpython-3.11.7+beautifulsoup4-4.12.3",
        }
    }
}

/// The tree of `text`.
///
/// # Errors
/// [`ScoreError::Rejected`] where Beautiful Soup raises, [`ScoreError::TooDeep`] beyond [`DEEPEST`].
pub fn parse(text: &str, dialect: Dialect) -> Result<Tree, ScoreError> {
    parser::Parser::new(text, dialect).run()
}
