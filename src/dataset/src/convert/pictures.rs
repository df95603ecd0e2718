//! The pictures of a record: what image loaders can decode, in order of appearance.

use glasshouse_model::{Artifact, ArtifactKind, Digest, Record};

use crate::{DatasetError, RunReader};

/// Raster formats that Pillow reads without plug-ins, with their extension.
const FORMATS: [(&str, &str); 6] = [
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/bmp", "bmp"),
    ("image/tiff", "tiff"),
];

/// A picture with its bytes.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub(crate) struct Picture {
    /// The artifact's name.
    pub(crate) name: String,
    /// Such as `png`.
    pub(crate) extension: &'static str,
    /// Whether it is a figure that we rendered.
    pub(crate) figure: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Reads the pictures of a record. One whose check found a problem is no picture.
pub(crate) fn pictures_of(out: &RunReader, record: &Record) -> Result<Vec<Picture>, DatasetError> {
    record
        .artifacts
        .iter()
        .filter_map(|artifact| picture_format(artifact).map(|found| (artifact, found)))
        .map(|(artifact, (hash, extension))| {
            let path = out.artifact_path(&hash);
            let bytes = std::fs::read(&path).map_err(|error| DatasetError::Damaged {
                path: path.display().to_string(),
                detail: format!("row {} ({}) refers to it as {:?}: {error}", record.row, record.id, artifact.name),
            })?;
            let figure = artifact.kind == ArtifactKind::Figure;
            Ok(Picture { name: artifact.name.clone(), extension, figure, bytes })
        })
        .collect()
}

fn picture_format(artifact: &Artifact) -> Option<(Digest, &'static str)> {
    let shown = matches!(artifact.kind, ArtifactKind::Figure | ArtifactKind::Image);
    let extension = FORMATS.iter().find(|(media_type, _)| *media_type == artifact.media_type)?.1;
    let hash = artifact.hash.filter(|_| shown && artifact.problem.is_none())?;
    Some((hash, extension))
}

/// The picture that stands for the row: its first figure, or else its first picture.
#[cfg(feature = "parquet")]
pub(crate) fn first(pictures: &[Picture]) -> Option<&Picture> {
    pictures.iter().find(|picture| picture.figure).or(pictures.first())
}
