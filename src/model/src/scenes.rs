//! What a row asks of a program whose classes are animated scenes.

use serde::{Deserialize, Serialize};

/// Pictures that are taken out of one film, at most.
pub const MOST_FRAMES: usize = 256;

/// Which scenes are rendered, how, and what is taken out of their films.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SceneRequest {
    /// The class to render; none: every scene of the program.
    pub scene: Option<String>,
    /// How they are rendered.
    pub manim: ManimOptions,
    /// Which frames of each film become pictures, beside the last one.
    pub frames: Option<FrameTimes>,
}

impl SceneRequest {
    /// Refuses what cannot be meant, naming the field.
    ///
    /// # Errors
    /// The field's name, and what is wrong and what is expected.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let named = |name: &String| !name.is_empty() && name.chars().all(|one| one.is_alphanumeric() || one == '_');
        if self.scene.as_ref().is_some_and(|name| !named(name)) {
            return Err(("scene", "expected the name of a class".to_owned()));
        }
        self.manim.check().map_err(|message| ("manim", message))?;
        self.frames.as_ref().map_or(Ok(()), FrameTimes::check).map_err(|message| ("frames", message))
    }
}

/// How scenes are rendered: options of the `manim` command. What is absent is as that command has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManimOptions {
    /// Size and rate of the film; the command's own default is `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Frames per second, above 0 and at most 240, in place of the quality's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// What is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<SceneFormat>,
}

impl ManimOptions {
    /// These options; where they say nothing, those of `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let Self { quality, fps, format } = self;
        Self { quality: quality.or(other.quality), fps: fps.or(other.fps), format: format.or(other.format) }
    }

    /// Refuses what cannot be rendered, naming the key.
    ///
    /// # Errors
    /// What is wrong and what is expected.
    pub fn check(&self) -> Result<(), String> {
        if self.fps.is_some_and(|fps| !(fps > 0.0 && fps <= 240.0)) {
            return Err("fps: expected more than 0 and at most 240 frames per second".to_owned());
        }
        Ok(())
    }
}

/// Manim's qualities, by width, height and frames per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// 854 x 480, 15.
    #[serde(alias = "l", alias = "low_quality")]
    Low,
    /// 1280 x 720, 30.
    #[serde(alias = "m", alias = "medium_quality")]
    Medium,
    /// 1920 x 1080, 60.
    #[serde(alias = "h", alias = "high_quality")]
    High,
    /// 2560 x 1440, 60.
    #[serde(alias = "p", alias = "production_quality")]
    Production,
    /// 3840 x 2160, 60.
    #[serde(alias = "k", alias = "fourk_quality")]
    Fourk,
}

/// What Manim writes of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SceneFormat {
    /// A film in H.264.
    Mp4,
    /// A film in VP9.
    Webm,
    /// A film in a `QuickTime` container.
    Mov,
    /// A moving picture.
    Gif,
    /// The last frame alone, without a film.
    Png,
}

/// Which frames of a film become pictures. Written as `{"count": 8}`, `{"at": [0.5, 2]}` or `{"every": 0.5}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameTimes {
    /// So many, evenly over the film, its first and its last among them; one: the last.
    Count(u32),
    /// Those on show at these times, in seconds from the film's start.
    At(Vec<f64>),
    /// That on show at 0 and then every so many seconds.
    Every(f64),
}

impl FrameTimes {
    /// Refuses what no film can have.
    ///
    /// # Errors
    /// What is wrong and what is expected.
    pub fn check(&self) -> Result<(), String> {
        let most = MOST_FRAMES;
        match self {
            Self::Count(count) if !(1..=most).contains(&(*count as usize)) => {
                Err(format!("count: expected 1 to {most}"))
            }
            Self::At(times) if !(1..=most).contains(&times.len()) => {
                Err(format!("at: expected a list of 1 to {most} times"))
            }
            Self::At(times) if !times.iter().all(|time| time.is_finite() && *time >= 0.0) => {
                Err("at: expected times in seconds from 0 on".to_owned())
            }
            Self::Every(step) if !(step.is_finite() && *step > 0.0) => {
                Err("every: expected seconds, more than 0".to_owned())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<SceneRequest, String> {
        let request: SceneRequest = serde_json::from_value(value).map_err(|error| error.to_string())?;
        request.check().map_err(|(field, message)| format!("{field}: {message}"))?;
        Ok(request)
    }

    #[test]
    fn frames_are_written_in_three_ways() {
        let frames = |value: Value| read(json!({ "frames": value })).map(|request| request.frames);
        assert_eq!(frames(json!({"count": 8})), Ok(Some(FrameTimes::Count(8))));
        assert_eq!(frames(json!({"at": [0, 1.5]})), Ok(Some(FrameTimes::At(vec![0.0, 1.5]))));
        assert_eq!(frames(json!({"every": 0.5})), Ok(Some(FrameTimes::Every(0.5))));
        for wrong in [
            json!({"count": 0}),
            json!({"count": 257}),
            json!({"at": []}),
            json!({"at": [-1]}),
            json!({"every": 0}),
            json!({"each": 1}),
            json!({"count": 1, "every": 1}),
        ] {
            assert!(frames(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_row_goes_before_its_policy() {
        let row = read(json!({"manim": {"quality": "l", "format": "gif"}})).unwrap().manim;
        let policy = ManimOptions { quality: Some(Quality::Fourk), fps: Some(24.0), format: None };
        let expected = ManimOptions { quality: Some(Quality::Low), fps: Some(24.0), format: Some(SceneFormat::Gif) };
        assert_eq!(row.or(&policy), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (wrong, named) in [
            (json!({"scene": "A B"}), "scene"),
            (json!({"manim": {"fps": 0}}), "fps"),
            (json!({"manim": {"quality": "ultra"}}), "ultra"),
            (json!({"manim": {"qualty": "low"}}), "qualty"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
