//! What a judge is to know of a record, or why there is nothing to judge.

use glasshouse_judge::rubric::{Pictures, Rubric, Sample};
use glasshouse_judge::stage::Candidate;
use glasshouse_model::{Artifact, ArtifactKind, Digest, Record, Verdict};
use serde_json::Value;

/// The columns that hold what the judge reads.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// What was asked for.
    pub(super) instruction: String,
}

/// A record as a candidate for a rubric.
///
/// # Errors
/// Why it is none, in a few words that many records share.
pub(super) fn candidate(record: &Record, rubric: &Rubric, columns: &Columns) -> Result<Candidate, String> {
    match record.verdict() {
        Some(Verdict::Ok) => {}
        Some(verdict) => return Err(format!("its verdict is {verdict}")),
        None => return Err("it has a fault of ours and no verdict".to_owned()),
    }
    let text = |column: &str| record.columns.get(column).and_then(Value::as_str).filter(|text| !text.is_empty());
    let instruction = text(&columns.instruction)
        .ok_or_else(|| format!("it has no column {:?} (--instruction names another)", columns.instruction))?;
    let code = text("code").or_else(|| text("completion")).ok_or("it has neither `code` nor `completion`")?;
    let shown: Vec<Digest> =
        record.artifacts.iter().filter(|artifact| is_picture(artifact)).filter_map(|artifact| artifact.hash).collect();
    let pictures = match rubric.pictures() {
        Pictures::None => Vec::new(),
        Pictures::One => shown.into_iter().take(1).collect(),
        Pictures::Frames | Pictures::FramesIfAny => shown,
        Pictures::Two => {
            return Err("the rubric compares two pictures, and a run has those after a change alone".to_owned());
        }
    };
    if pictures.is_empty() && !matches!(rubric.pictures(), Pictures::None | Pictures::FramesIfAny) {
        return Err("it shows no picture (the rubric `code` judges code alone)".to_owned());
    }
    let reference = record.columns.get("reference").and_then(|reference| reference.get("code")).and_then(Value::as_str);
    let sample = Sample {
        instruction: instruction.to_owned(),
        code: code.to_owned(),
        code_before: None,
        reference: reference.map(str::to_owned),
        pictures: pictures.len(),
    };
    Ok(Candidate { row: record.row, sample, pictures })
}

fn is_picture(artifact: &Artifact) -> bool {
    let shown = matches!(artifact.kind, ArtifactKind::Figure | ArtifactKind::Screenshot | ArtifactKind::Image);
    let read = matches!(artifact.media_type.as_str(), "image/png" | "image/jpeg" | "image/webp" | "image/gif");
    shown && read && artifact.problem.is_none()
}
