//! `glasshouse render`: a page or an SVG as a picture.

use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use glasshouse_dataset::artifact_path;
use glasshouse_model::{Artifact, ArtifactKind, Job, Outcome, Row, RowError, Verdict};
use serde_json::{Map, Value, json};

use super::args::{Reach, Setup};
use super::exec::{answered, code, summary};
use super::setup::Plan;
use super::{Failure, files};
use crate::pipeline::Answer;

/// The name under which an SVG lies beside the page that shows it.
const SVG: &str = "picture.svg";
/// As a picture, an SVG runs no scripts and loads nothing.
const SVG_PAGE: &str =
    "<!DOCTYPE html><body style=\"margin:0\"><img id=\"picture\" src=\"picture.svg\" style=\"display:block\">";

/// `glasshouse render`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    glasshouse render page.html -o page.png                   the whole page, as far as it scrolls\n  \
    glasshouse render page.html -o top.jpg --area viewport --viewport 390x844 --scale 3\n  \
    glasshouse render page.html -o menu.png --selector '#menu' --dark\n  \
    glasshouse render page.html -o page.png --files site      files that the page loads by relative address\n  \
    glasshouse render drawing.svg -o drawing.png\n\n\
    Nothing is loaded from the network: public packages come from the local mirror, placeholder pictures are made here, all else fails.\n\
    Exit codes: as for exec; the picture is written whatever the verdict, if there is one.")]
pub struct RenderArgs {
    /// The page (.html) or SVG; `-` for a page on standard input.
    #[arg(value_name = "PAGE")]
    pub page: PathBuf,
    /// The picture: .png, .jpg or .webp.
    #[arg(short, long, value_name = "FILE", env = "GLASSHOUSE_OUT")]
    pub out: PathBuf,
    /// The window in CSS pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size, env = "GLASSHOUSE_VIEWPORT")]
    pub viewport: (u32, u32),
    /// Device pixels per CSS pixel.
    #[arg(long, value_name = "N", default_value_t = 1.0, env = "GLASSHOUSE_SCALE")]
    pub scale: f64,
    /// Tell the page that dark colours are preferred.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_DARK")]
    pub dark: bool,
    /// What the picture shows.
    #[arg(long, value_enum, default_value_t = AreaArg::Page, env = "GLASSHOUSE_AREA")]
    pub area: AreaArg,
    /// Show the first element that this selector finds, instead.
    #[arg(long, value_name = "CSS", env = "GLASSHOUSE_SELECTOR")]
    pub selector: Option<String>,
    /// What has to have happened before the picture is taken.
    #[arg(long, value_enum, default_value_t = UntilArg::Load, env = "GLASSHOUSE_UNTIL")]
    pub until: UntilArg,
    /// A further wait after that, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0, env = "GLASSHOUSE_SETTLE")]
    pub settle: u64,
    /// Set the page as the content of an empty one, as the WebCode2M evaluation does, rather than opening it as a file.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "GLASSHOUSE_CONTENT")]
    pub content: bool,
    /// A folder whose files the page finds beside itself.
    #[arg(long, value_name = "DIR", env = "GLASSHOUSE_FILES")]
    pub files: Option<PathBuf>,
    /// Policy, layers, cache.
    #[command(flatten)]
    pub setup: Setup,
    /// The daemon.
    #[command(flatten)]
    pub reach: Reach,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AreaArg {
    /// The whole page, as far as it scrolls.
    Page,
    /// What the window shows.
    Viewport,
}

/// When a page counts as there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UntilArg {
    /// It is parsed and its deferred scripts have run.
    Domcontentloaded,
    /// All that it asked for while it was parsed is there.
    Load,
    /// Half a second without a request.
    Networkidle,
}

pub(super) fn render(args: &RenderArgs) -> Result<u8, Failure> {
    let plan = Plan::new(&args.setup, Some("web"), true)?;
    let job = job(args, &plan)?;
    let (answer, store) = answered(&plan, &job, &args.setup, &args.reach)?;
    let picture = answer.artifacts.iter().find(|artifact| artifact.kind == ArtifactKind::Screenshot);
    if let Some(hash) = picture.filter(|picture| picture.problem.is_none()).and_then(|picture| picture.hash) {
        let from = artifact_path(store.path(), &hash);
        // Its bytes alone: stored artifacts are read-only.
        std::fs::read(&from)
            .and_then(|bytes| std::fs::write(&args.out, bytes))
            .map_err(|error| Failure::Storage(format!("cannot write {}: {error}", args.out.display())))?;
    }
    say(args, &answer, picture);
    Ok(summary(&answer, &[]))
}

/// One line on what was written, if anything was.
fn say(args: &RenderArgs, answer: &Answer, picture: Option<&Artifact>) {
    if let Some((width, height)) = picture.and_then(|picture| picture.width.zip(picture.height)) {
        eprintln!("{}: {width} x {height}", args.out.display());
    }
    if !matches!(answer.outcome, Outcome::Verdict { verdict: Verdict::Ok, .. }) {
        for request in answer.requests.iter().filter(|request| request.status.is_none()) {
            eprintln!("not answered: {}", request.url);
        }
    }
}

fn job(args: &RenderArgs, plan: &Plan) -> Result<Job, Failure> {
    let text = code(&args.page)?;
    let mut columns = Map::new();
    let mut beside = match &args.files {
        Some(folder) => files::below(folder)?,
        None => json!({}),
    };
    let svg = args.page.extension().is_some_and(|extension| extension == "svg");
    let (code, area) = if svg {
        beside[SVG] = Value::String(text);
        (SVG_PAGE.to_owned(), json!({"element": "#picture"}))
    } else {
        (text, area(args))
    };
    columns.insert("code".to_owned(), Value::String(code));
    columns.insert("files".to_owned(), beside);
    let (width, height) = args.viewport;
    columns.insert(
        "page".to_owned(),
        json!({
            "open": if args.content { "content" } else { "visit" },
            "viewport": {"width": width, "height": height, "scale": args.scale, "dark": args.dark},
            "until": args.until.to_possible_value().map(|value| value.get_name().to_owned()),
            "settle": args.settle,
            "captures": {"shots": [{"area": area, "format": format(&args.out)?}]},
        }),
    );
    Row { index: 0, columns }.job(&plan.context).map_err(|error| match &error {
        RowError::Field { field, message } if field == "page" => Failure::Usage(message.clone()),
        _ => Failure::Usage(error.to_string()),
    })
}

fn area(args: &RenderArgs) -> Value {
    match (&args.selector, args.area) {
        (Some(selector), _) => json!({"element": selector}),
        (None, AreaArg::Page) => json!("full_page"),
        (None, AreaArg::Viewport) => json!("viewport"),
    }
}

/// The picture's format, by the extension of its name.
fn format(out: &Path) -> Result<&'static str, Failure> {
    match out.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("png") => Ok("png"),
        Some("jpg" | "jpeg") => Ok("jpeg"),
        Some("webp") => Ok("webp"),
        _ => Err(Failure::Usage(format!("-o {}: end it with .png, .jpg or .webp", out.display()))),
    }
}

/// `1280x720`.
fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| "expected WIDTHxHEIGHT, such as 1280x720".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_formats_are_read_or_explained() {
        assert_eq!(size("390x844"), Ok((390, 844)));
        assert!(size("390").unwrap_err().contains("1280x720"));
        assert_eq!(format(Path::new("a.JPG")).unwrap(), "jpeg");
        assert!(format(Path::new("a.bmp")).unwrap_err().to_string().contains(".png"));
    }
}
