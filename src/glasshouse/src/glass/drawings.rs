//! Drawers: confined helpers that hold the fonts of an image.

use std::path::PathBuf;

use glasshouse_capture::HelperCommand;
use glasshouse_images::Image;
use glasshouse_model::{BackendInfo, Fault, Job};
use glasshouse_svg::{Drawer, Sketch};

use super::GlassError;
use crate::pipeline::DrawingRunner;

/// What draws the documents of one runtime.
#[derive(Clone, Debug)]
pub(super) struct Drawers {
    command: HelperCommand,
}

impl Drawers {
    /// Drawers with the fonts in this folder of an image.
    pub(super) fn new(image: &Image, fonts: &str) -> Result<Self, GlassError> {
        let program = std::env::current_exe().map_err(GlassError::Command)?;
        let folder: PathBuf = image.root.join(fonts.trim_start_matches('/'));
        Ok(Self { command: HelperCommand { program, args: vec!["drawing-helper".into(), folder.into()] } })
    }
}

/// A drawer with a helper of its own.
pub(super) struct DrawerRunner {
    drawer: Drawer,
    layers: Vec<String>,
}

impl DrawerRunner {
    pub(super) fn new(drawers: &Drawers) -> Self {
        Self { drawer: Drawer::new(drawers.command.clone()), layers: Vec::new() }
    }
}

impl DrawingRunner for DrawerRunner {
    fn draw(&mut self, job: &Job) -> Result<Sketch, Fault> {
        self.layers = self.drawer.start()?.to_vec();
        self.drawer.draw(&job.code, &job.files, &job.drawing, &job.policy.limits)
    }

    fn get_ready(&mut self) {
        // No drawing is lost: the next one waits for a helper, or gets the fault that keeps it from one.
        let _ = self.drawer.start();
    }

    fn backend(&self, _job: &Job) -> BackendInfo {
        BackendInfo { name: "native".to_owned(), layers: self.layers.clone(), missing: Vec::new() }
    }
}
