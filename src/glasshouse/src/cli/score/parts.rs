//! The parts of a pair's score, each with its value or the reason why there is none.

use glasshouse_score::ScoreError;
use glasshouse_score::webcode2m::visual::Visual;
use glasshouse_score::webcode2m::{PixelScores, Scores};
use serde_json::{Value, json};

/// The parts in the order in which they are shown.
pub(super) const PARTS: [&str; 13] = [
    "tree_bleu",
    "bleu",
    "rouge",
    "mse",
    "ssim",
    "visual",
    "visual_without_clip",
    "visual_block",
    "visual_text",
    "visual_position",
    "visual_colour",
    "visual_clip",
    "clip",
];
/// How many of them need no pictures.
const TEXTS: usize = 3;

pub(super) const NO_PICTURES: &str = "needs pictures of the pages, which --no-render leaves out";
pub(super) const NO_SHOTS: &str = "needs answer.png and prediction.png";
pub(super) const NO_MODEL: &str = "needs a CLIP model: --clip DIR names the folder of one";

/// What is known of each part.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parts {
    /// In the order of [`PARTS`].
    pub(super) values: Vec<Result<f64, Missing>>,
    /// Why the published evaluation leaves the pair out of its means.
    pub(super) dropped: Option<String>,
}

/// Why a part has no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Missing {
    /// It was not asked for, or something for it is not there.
    Absent(String),
    /// The evaluation fails at it.
    Failed(String),
}

/// What given pictures of both pages tell.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) pixels: Result<PixelScores, ScoreError>,
    /// Absent without a model.
    pub(super) clip: Option<f64>,
}

impl Missing {
    fn absent(why: &str) -> Self {
        Self::Absent(why.to_owned())
    }
}

/// Of a part that needs pictures: absent for the reason `why`, failed, or there.
fn part<T>(part: Option<Result<T, ScoreError>>, why: &str) -> Result<T, Missing> {
    part.map_or_else(|| Err(Missing::absent(why)), |part| part.map_err(failed))
}

fn failed(error: ScoreError) -> Missing {
    Missing::Failed(error.to_string())
}

impl Parts {
    /// The parts of scores that were computed with renders.
    pub(super) fn rendered(scores: Result<Scores, ScoreError>) -> Parts {
        match scores {
            Err(error) => Self::of(vec![Err(failed(error)); PARTS.len()]),
            Ok(mut scores) => {
                let pixels = part(scores.pixels.take(), NO_PICTURES);
                Self::of_scores(scores, pixels)
            }
        }
    }

    /// The parts of scores that were computed without renders, with what given pictures of the whole pages tell.
    pub(super) fn unrendered(scores: Result<Scores, ScoreError>, given: Option<Given>) -> Parts {
        let clip = given.as_ref().and_then(|given| given.clip);
        let pixels = part(given.map(|given| given.pixels), NO_SHOTS);
        match scores {
            Ok(scores) => Self::of_scores(Scores { clip, ..scores }, pixels),
            Err(error) => {
                let mut values = vec![Err(failed(error)); TEXTS];
                values.extend([pixels.clone().map(|pixels| pixels.mse), pixels.map(|pixels| pixels.ssim)]);
                values.resize(PARTS.len() - 1, Err(Missing::absent(NO_PICTURES)));
                values.push(clip.ok_or_else(|| Missing::absent(NO_PICTURES)));
                Self::of(values)
            }
        }
    }

    fn of_scores(scores: Scores, pixels: Result<PixelScores, Missing>) -> Parts {
        let total = scores.visual_total();
        let has_model = scores.clip.is_some();
        let (words, tree) = (scores.words.map_err(failed), scores.tree.map_err(failed));
        let visual = part(scores.visual, NO_PICTURES);
        let of_visual = |value: fn(&Visual) -> f64| visual.as_ref().map(value).map_err(Missing::clone);
        let visual_clip = match (&visual, scores.visual_clip) {
            (Err(missing), _) => Err(missing.clone()),
            (Ok(Visual::NoBlocks), None) if has_model => Ok(0.0),
            (Ok(_), clip) => part(clip, NO_MODEL),
        };
        // Without a model the whole is known of pairs without blocks alone, and their mean, 0, would mislead.
        let whole = match (&visual_clip, total) {
            (Ok(_), Some(total)) => Ok(total),
            (Ok(_), None) => Err(Missing::absent(NO_MODEL)),
            (Err(missing), _) => Err(missing.clone()),
        };
        let clip = scores.clip.ok_or_else(|| match &visual {
            Err(missing) => missing.clone(),
            Ok(_) => Missing::absent(NO_MODEL),
        });
        Self::of(vec![
            tree.map(|tree| tree.recall),
            words.clone().map(|words| words.bleu),
            words.map(|words| words.rouge),
            pixels.clone().map(|pixels| pixels.mse),
            pixels.map(|pixels| pixels.ssim),
            whole,
            of_visual(Visual::without_clip),
            of_visual(|visual| visual.parts().size),
            of_visual(|visual| visual.parts().text),
            of_visual(|visual| visual.parts().position),
            of_visual(|visual| visual.parts().colour),
            visual_clip,
            clip,
        ])
    }

    fn of(values: Vec<Result<f64, Missing>>) -> Parts {
        let dropped = values.iter().find_map(|value| match value {
            Err(Missing::Failed(why)) => Some(why.clone()),
            _ => None,
        });
        Parts { values, dropped }
    }

    /// The value of a part.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        let at = PARTS.iter().position(|part| *part == name)?;
        self.values[at].as_ref().ok().copied()
    }

    /// Writes the parts into a pair's line.
    pub(super) fn write(&self, line: &mut Value) {
        line["dropped"] = json!(self.dropped);
        for (part, value) in PARTS.into_iter().zip(&self.values) {
            match value {
                Ok(value) => line["scores"][part] = json!(value),
                Err(Missing::Absent(why)) => line["absent"][part] = json!(why),
                Err(Missing::Failed(why)) => line["failed"][part] = json!(why),
            }
        }
    }

    /// Reads the parts of a line back; `None` if it has none.
    pub(super) fn read(line: &Value) -> Option<Parts> {
        let dropped = line.get("dropped")?.as_str().map(str::to_owned);
        let why = |kind: &str, part: &str| line[kind][part].as_str().map(str::to_owned);
        let value = |part: &str| {
            let value = line["scores"][part].as_f64().map(Ok);
            let failed = || why("failed", part).map(|why| Err(Missing::Failed(why)));
            value.or_else(failed).or_else(|| why("absent", part).map(|why| Err(Missing::Absent(why))))
        };
        Some(Parts { values: PARTS.into_iter().map(value).collect::<Option<_>>()?, dropped })
    }
}

#[cfg(test)]
mod tests {
    use glasshouse_score::webcode2m::{Setup, evaluate};

    use super::*;

    fn parts(candidate: &str) -> Parts {
        let reference = "<html><body><p>one two</p></body></html>";
        Parts::unrendered(evaluate(reference, candidate, &mut Setup::default()), None)
    }

    #[test]
    fn parts_are_written_and_read_back_whatever_they_are() {
        for candidate in ["<html><body><p>one</p></body></html>", "<html><body><img></body></html>", "<![x]>"] {
            let parts = parts(candidate);
            let mut line = json!({"id": "x"});
            parts.write(&mut line);
            let text = line.to_string();
            assert_eq!(Parts::read(&serde_json::from_str(&text).unwrap()), Some(parts), "{text}");
        }
        assert_eq!(Parts::read(&json!({"id": "x", "error": "no such file"})), None);
    }

    #[test]
    fn given_pictures_tell_clip_whatever_the_texts_are() {
        let given = Given { pixels: Ok(PixelScores { mse: 0.5, ssim: 0.25 }), clip: Some(0.75) };
        for candidate in ["<html><body><p>one</p></body></html>", "<![x]>"] {
            let scores = evaluate("<html><body><p>one two</p></body></html>", candidate, &mut Setup::default());
            let parts = Parts::unrendered(scores, Some(given.clone()));
            assert_eq!(
                [parts.value("mse"), parts.value("ssim"), parts.value("clip")],
                [Some(0.5), Some(0.25), Some(0.75)]
            );
            assert_eq!((parts.value("visual"), parts.value("visual_clip")), (None, None));
        }
    }

    #[test]
    fn what_is_absent_and_what_failed_are_told_apart() {
        let mut line = json!({});
        parts("<![x]>").write(&mut line);
        assert!(line["dropped"].is_string() && line["scores"].is_null(), "{line}");
        assert_eq!(line["absent"]["visual"], NO_PICTURES);
        assert_eq!(line["absent"]["mse"], NO_SHOTS);
        let good = parts("<html><body><p>one</p></body></html>");
        assert_eq!((good.value("tree_bleu"), good.value("ssim"), good.dropped), (Some(1.0), None, None));
    }
}
