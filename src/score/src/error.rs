//! Why something could not be scored.

use std::fmt;

use thiserror::Error;

/// One of the two things that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is aimed at.
    Reference,
    /// What is judged.
    Candidate,
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Side::Reference => "reference",
            Side::Candidate => "candidate",
        })
    }
}

/// Why a pair, or a part of a score, could not be computed. The published evaluation drops such a pair from its
/// means, so a caller that compares with published tables must leave it out as well, and say so.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ScoreError {
    /// Beautiful Soup would refuse this markup (`ParserRejectedMarkup`).
    #[error("the parser refuses the markup at byte {at}: {why}")]
    Rejected {
        /// Where in the text, in bytes.
        at: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// Elements lie deeper than the reference's recursion limit allows.
    #[error("elements lie {depth} deep; the reference gives up beyond {}", crate::html::DEEPEST)]
    TooDeep {
        /// The depth that was reached.
        depth: usize,
    },
    /// No element under `<html>` has elements in it: TreeBLEU would divide by zero.
    #[error("the {0} has no element with elements in it: TreeBLEU is not defined")]
    NoInnerElement(Side),
    /// ROUGE is not defined without words.
    #[error("the {0} has no visible words: ROUGE is not defined")]
    NoWords(Side),
    /// A picture without pixels, or with too many or too few bytes.
    #[error("{width} x {height} pixels do not make a picture of {bytes} bytes")]
    BadPicture {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes that came with it.
        bytes: usize,
    },
    /// Two pictures must have one size here.
    #[error("the pictures differ in size: {} x {} and {} x {}", one.0, one.1, other.0, other.1)]
    SizesDiffer {
        /// Width and height of the first.
        one: (usize, usize),
        /// Width and height of the second.
        other: (usize, usize),
    },
    /// SSIM's window does not fit into the picture.
    #[error("{width} x {height} pixels are too few: SSIM needs {least} each way")]
    TooSmall {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// The window's side.
        least: usize,
    },
    /// There are not enough colours to give each text element its own.
    #[error("{elements} elements hold text; the visual score can tell {most} apart")]
    TooManyTexts {
        /// How many there are.
        elements: usize,
        /// How many there may be.
        most: usize,
    },
    /// An inline style has a colour at which the published evaluation fails.
    #[error("the published evaluation fails at the inline style {0:?}")]
    BadColour(String),
    /// The renderer gave no picture.
    #[error("the {side} could not be rendered: {why}")]
    Render {
        /// Whose page it was.
        side: Side,
        /// What the renderer said.
        why: String,
    },
    /// Something of ours failed, through no fault of either page: nothing is known of the pair, and trying again may
    /// help. The only error that says nothing about the pages.
    #[error("a fault of ours, not of the pages: {0}")]
    Fault(String),
}
