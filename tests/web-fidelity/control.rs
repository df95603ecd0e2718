//! Playwright, in an environment of its own that is made once in the cache.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use glasshouse_web::mirror::Mirror;
use image::RgbaImage;
use serde_json::{Value, json};

use super::{Contract, Page, answers, common, decoded};

/// Playwright, ready to take pictures.
pub(crate) struct Control {
    folder: PathBuf,
    packages: PathBuf,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/web-fidelity")
}

impl Control {
    pub(crate) fn start(folder: &Path, mirror: Arc<Mirror>) -> Self {
        answers::serve(&folder.join("answers"), mirror);
        Self { folder: folder.to_owned(), packages: common::playwright::packages() }
    }

    /// Playwright's pictures of these pages, or why there is none.
    pub(crate) fn pictures(
        &mut self,
        pages: &[Page],
        contract: Contract,
        wanted: &[usize],
        run: usize,
    ) -> BTreeMap<usize, Result<RgbaImage, String>> {
        let job = |index: &usize| {
            json!({ "index": index, "run": run, "html": pages[*index].html, "contract": contract.name() }).to_string()
                + "\n"
        };
        let jobs = self.folder.join("jobs.jsonl");
        fs::write(&jobs, wanted.iter().map(job).collect::<String>()).unwrap();
        let mut child = Command::new("python3")
            .arg(here().join("arm.py"))
            .arg(self.folder.join("answers"))
            .arg(common::browser())
            .args([&jobs, &self.folder])
            .env("PYTHONPATH", &self.packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pictures = BTreeMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let said: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let index = said["index"].as_u64().unwrap() as usize;
            let picture = match said["error"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => decoded(&fs::read(self.folder.join(format!("{index}-{run}.png"))).unwrap()),
            };
            pictures.insert(index, picture);
        }
        assert!(child.wait().unwrap().success(), "Playwright's arm failed");
        assert_eq!(pictures.len(), wanted.len());
        pictures
    }
}
