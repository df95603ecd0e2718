//! A row made precise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::drawing::DrawingRequest;
use crate::page::PageRequest;
use crate::scenes::SceneRequest;
use crate::{Digest, Policy};

/// Something a run can show, which a row may insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureKind {
    /// At least one picture: a figure shown, saved or left open, or an image file that was written.
    Image,
    /// At least one moving picture (GIF or MP4 with two frames or more).
    Video,
    /// At least one file of any kind that the code wrote.
    File,
    /// Facts about at least one figure.
    Facts,
    /// Something on stdout.
    Text,
    /// The page's document: as serialised HTML and as a tree with boxes and visible text.
    Dom,
}

impl CaptureKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Image, Self::Video, Self::File, Self::Facts, Self::Text, Self::Dom];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::File => "file",
            Self::Facts => "facts",
            Self::Text => "text",
            Self::Dom => "dom",
        }
    }
}

/// One test of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Test {
    /// The program gets `stdin` and must print `stdout` (compared without trailing white space of
    /// each line and of the whole).
    Output {
        /// What the program reads; empty if absent.
        stdin: String,
        /// What it must print.
        stdout: String,
    },
    /// Code that runs in the program's own namespace after it, and must not raise.
    Code {
        /// The test code, such as a list of `assert` statements.
        code: String,
    },
}

/// A row made precise: everything that can change the result, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The runtime's name, such as `python`.
    pub runtime: String,
    /// Hash of the runtime's image and of our driver in it.
    pub image: Digest,
    /// The program.
    pub code: String,
    /// Files that lie in the work folder at the start, by relative path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What the program reads from its standard input.
    pub stdin: Vec<u8>,
    /// The program's arguments, without its own name.
    pub args: Vec<String>,
    /// What must hold of the program; empty: nothing beyond running.
    pub tests: Vec<Test>,
    /// The captures without which the verdict is `no_artifact`; empty: none.
    pub capture: Vec<CaptureKind>,
    /// What the job may use.
    pub policy: Policy,
    /// Seeds `random` and NumPy's global generator after the fork.
    pub seed: u64,
    /// What is asked of a page; the default for what is no page.
    pub page: PageRequest,
    /// What is asked of a drawing; the default for what is none.
    pub drawing: DrawingRequest,
    /// What is asked of scenes; the default for what has none.
    pub scenes: SceneRequest,
}

impl Job {
    /// The job's id: a hash of all that can change its result. Equal jobs run once.
    pub fn id(&self) -> Digest {
        let tests = serde_json::to_vec(&self.tests).unwrap_or_default();
        let policy = serde_json::to_vec(&self.policy).unwrap_or_default();
        let capture = serde_json::to_vec(&self.capture).unwrap_or_default();
        let args = serde_json::to_vec(&self.args).unwrap_or_default();
        let seed = self.seed.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![
            b"glasshouse job 1",
            self.runtime.as_bytes(),
            self.image.as_bytes(),
            self.code.as_bytes(),
            &self.stdin,
            &args,
            &tests,
            &capture,
            &policy,
            &seed,
        ];
        let page = serde_json::to_vec(&self.page).unwrap_or_default();
        // Only where it says something: what was recorded before there were pages keeps its id.
        if self.page != PageRequest::default() {
            parts.push(b"page");
            parts.push(&page);
        }
        let drawing = serde_json::to_vec(&self.drawing).unwrap_or_default();
        if self.drawing != DrawingRequest::default() {
            parts.push(b"drawing");
            parts.push(&drawing);
        }
        let scenes = serde_json::to_vec(&self.scenes).unwrap_or_default();
        if self.scenes != SceneRequest::default() {
            parts.push(b"scenes");
            parts.push(&scenes);
        }
        for (path, bytes) in &self.files {
            parts.push(path.as_bytes());
            parts.push(bytes);
        }
        Digest::of_parts(parts)
    }
}
