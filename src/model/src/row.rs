//! From a row, as the user wrote it, to a job, or to an error that names the field.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::drawing::DrawingRequest;
use crate::limits::LimitChanges;
use crate::page::{PageRequest, Step};
use crate::scenes::{ManimOptions, SceneRequest};
use crate::{CaptureKind, Digest, Job, Policy, PolicyError, PolicySet, Test};

/// One line of a dataset: its place and its columns, untouched.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Place in the dataset, counted from 0.
    pub index: u64,
    /// All columns in the order in which they were written.
    pub columns: Map<String, Value>,
}

/// What is wrong with a row. The reader adds the file and the row's number.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RowError {
    /// A field that must be there is not.
    #[error("field {field:?} is missing; {hint}")]
    Missing {
        /// The field's name.
        field: &'static str,
        /// What to write.
        hint: &'static str,
    },
    /// A field has a value that cannot be used.
    #[error("field {field:?}: {message}")]
    Field {
        /// The field's name, with the key inside it.
        field: String,
        /// What is wrong and what is expected.
        message: String,
    },
    /// The runtime is not known.
    #[error("runtime {name:?} is not known; there are: {known}")]
    Runtime {
        /// The name that the row gives.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The policy is not known or cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A limit would be looser than the policy's.
    #[error("limits.{key} is looser than policy {policy:?} allows; tighten it, or pass --allow-looser-limits")]
    Looser {
        /// The limit.
        key: String,
        /// The policy.
        policy: String,
    },
}

impl RowError {
    fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field { field: field.into(), message: message.into() }
    }
}

/// What a runtime's code is, which decides what a row can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// It runs.
    Program,
    /// It runs, and classes of it are animated scenes.
    Scenes,
    /// A browser shows it.
    Page,
    /// It is drawn, and nothing in it runs.
    Drawing,
}

/// What the making of jobs needs to know of a runtime.
#[derive(Clone, Debug)]
pub struct RuntimeInfoForRows {
    /// Hash of image and driver.
    pub image: Digest,
    /// What its code is.
    pub code: CodeKind,
    /// The names of fenced blocks (and of the `language` field) that mean this runtime, lower case.
    pub languages: Vec<String>,
    /// What shows the figures that its programs leave as pages.
    pub shown_by: Option<ShownBy>,
    /// The policy of its rows that name none; `None`: [`JobContext::default_policy`].
    pub policy: Option<String>,
}

/// What has a part in the results of some of a runtime's programs.
#[derive(Clone, Debug)]
pub struct ShownBy {
    /// Hash of all that shows pages: image and mirror.
    pub image: Digest,
    /// Words of which the programs in question have one.
    pub words: Vec<String>,
}

impl RuntimeInfoForRows {
    /// The hash of all images and drivers that have a part in the results of this program.
    fn images(&self, code: &str, files: &BTreeMap<String, Vec<u8>>) -> Digest {
        let Some(shown_by) = &self.shown_by else { return self.image };
        let has = |text: &str| shown_by.words.iter().any(|word| text.contains(word.as_str()));
        let modules = files.iter().filter(|(path, _)| path.ends_with(".py"));
        if has(code) || modules.into_iter().any(|(_, bytes)| has(&String::from_utf8_lossy(bytes))) {
            return Digest::of_parts([self.image.as_bytes().as_slice(), shown_by.image.as_bytes()]);
        }
        self.image
    }
}

/// Everything besides the row that decides what job it becomes.
#[derive(Clone, Debug)]
pub struct JobContext {
    /// All policies.
    pub policies: PolicySet,
    /// The policy of rows that name none, and whose runtime names none.
    pub default_policy: String,
    /// The runtimes, by name.
    pub runtimes: BTreeMap<String, RuntimeInfoForRows>,
    /// The runtime of rows that name none; `None`: such rows are refused.
    pub default_runtime: Option<String>,
    /// Whether a row's `limits` may exceed its policy's.
    pub allow_looser_limits: bool,
}

impl Row {
    /// The row's `id` column as text; rows without one are known by their place.
    pub fn id(&self) -> String {
        match self.columns.get("id") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => format!("row-{}", self.index),
        }
    }

    /// The runtime that this row asks for, by its own name.
    pub fn runtime_name(&self, context: &JobContext) -> Result<String, RowError> {
        self.runtime(context).map(|(name, _)| name)
    }

    /// Makes the job that this row describes.
    pub fn job(&self, context: &JobContext) -> Result<Job, RowError> {
        if let Some(id) = self.columns.get("id")
            && !(id.is_string() || id.is_number())
        {
            return Err(RowError::field("id", "expected a text or a number"));
        }
        let (runtime, info) = self.runtime(context)?;
        let policy = self.policy(context, info)?;
        let code = self.code(&info.languages)?;
        let files = self.files()?;
        let mut job = Job {
            runtime,
            image: info.images(&code, &files),
            code,
            files,
            stdin: self.text("stdin")?.unwrap_or_default().into_bytes(),
            args: self.args()?,
            tests: self.tests()?,
            capture: self.capture()?,
            policy,
            seed: 0,
            page: PageRequest::default(),
            drawing: DrawingRequest::default(),
            scenes: SceneRequest::default(),
        };
        match info.code {
            CodeKind::Program => {}
            CodeKind::Scenes => job.scenes = self.scenes(&job.policy)?,
            CodeKind::Page => {
                self.no_program(&job, "a page takes \"actions\" and \"page\"")?;
                job.page = self.page(&job.capture)?;
            }
            CodeKind::Drawing => {
                self.no_program(&job, "a drawing takes \"drawing\"")?;
                job.drawing = self.drawing()?;
            }
        }
        // An unseeded job still gets the same seed on every run, so that a resumed dataset equals an undisturbed one.
        job.seed = match self.columns.get("seed") {
            None | Some(Value::Null) => derived_seed(&job.id()),
            Some(value) => {
                value.as_u64().ok_or_else(|| RowError::field("seed", "expected a whole number from 0 to 2^64-1"))?
            }
        };
        Ok(job)
    }

    /// What only a program can be given is an error in a row whose code is none.
    fn no_program(&self, job: &Job, instead: &str) -> Result<(), RowError> {
        let given =
            [("stdin", !job.stdin.is_empty()), ("args", !job.args.is_empty()), ("tests", !job.tests.is_empty())];
        match given.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(RowError::field(field, format!("is for programs; {instead}"))),
            None => Ok(()),
        }
    }

    fn page(&self, capture: &[CaptureKind]) -> Result<PageRequest, RowError> {
        let mut page: PageRequest = match self.columns.get("page") {
            None | Some(Value::Null) => PageRequest::default(),
            Some(value) => {
                serde_json::from_value(value.clone()).map_err(|error| RowError::field("page", error.to_string()))?
            }
        };
        page.viewport.check().map_err(|message| RowError::field("page.viewport", message))?;
        if let Some(frames) = &page.captures.frames {
            frames.times().map_err(|message| RowError::field("page.captures.frames", message))?;
        }
        let step = |(index, value): (usize, &Value)| {
            serde_json::from_value::<Step>(value.clone())
                .map_err(|error| RowError::field(format!("actions[{index}]"), error.to_string()))
        };
        if let Some(actions) = self.list("actions")? {
            page.actions = actions.iter().enumerate().map(step).collect::<Result<_, _>>()?;
        }
        if capture.contains(&CaptureKind::Dom) {
            page.captures.html = true;
            page.captures.tree.get_or_insert_default();
        }
        Ok(page)
    }

    fn scenes(&self, policy: &Policy) -> Result<SceneRequest, RowError> {
        let wrong = |field: &str| {
            let field = field.to_owned();
            move |error: serde_json::Error| RowError::field(field, error.to_string())
        };
        let given = |field: &str| self.columns.get(field).filter(|value| !value.is_null()).cloned();
        let manim: ManimOptions =
            given("manim").map(serde_json::from_value).transpose().map_err(wrong("manim"))?.unwrap_or_default();
        let scenes = SceneRequest {
            scene: self.text("scene")?,
            manim: manim.or(&policy.manim),
            frames: given("frames").map(serde_json::from_value).transpose().map_err(wrong("frames"))?,
        };
        scenes.check().map_err(|(field, message)| RowError::field(field, message))?;
        Ok(scenes)
    }

    fn drawing(&self) -> Result<DrawingRequest, RowError> {
        let drawing: DrawingRequest = match self.columns.get("drawing") {
            None | Some(Value::Null) => return Ok(DrawingRequest::default()),
            Some(value) => {
                serde_json::from_value(value.clone()).map_err(|error| RowError::field("drawing", error.to_string()))?
            }
        };
        drawing.check().map_err(|message| RowError::field("drawing", message))?;
        Ok(drawing)
    }

    fn runtime<'c>(&self, context: &'c JobContext) -> Result<(String, &'c RuntimeInfoForRows), RowError> {
        let named = match self.text("runtime")? {
            Some(name) => Some(name),
            None => self.text("language")?,
        };
        let name = named.or_else(|| context.default_runtime.clone()).ok_or(RowError::Missing {
            field: "runtime",
            hint: "write \"runtime\": \"python\" in the row, or pass --runtime",
        })?;
        let lower = name.to_lowercase();
        let found = context.runtimes.iter().find(|(key, info)| **key == lower || info.languages.contains(&lower));
        match found {
            Some((key, info)) => Ok((key.clone(), info)),
            None => {
                Err(RowError::Runtime { name, known: context.runtimes.keys().cloned().collect::<Vec<_>>().join(", ") })
            }
        }
    }

    fn policy(&self, context: &JobContext, runtime: &RuntimeInfoForRows) -> Result<Policy, RowError> {
        let unnamed = || runtime.policy.clone().unwrap_or_else(|| context.default_policy.clone());
        let name = self.text("policy")?.unwrap_or_else(unnamed);
        let mut policy = context.policies.get(&name)?;
        let Some(value) = self.columns.get("limits").filter(|value| !value.is_null()) else {
            return Ok(policy);
        };
        let changes: LimitChanges =
            serde_json::from_value(value.clone()).map_err(|error| RowError::field("limits", error.to_string()))?;
        let changed =
            policy.limits.with(&changes).map_err(|(key, message)| RowError::field(format!("limits.{key}"), message))?;
        if let Some(key) = changed.looser_than(&policy.limits)
            && !context.allow_looser_limits
        {
            return Err(RowError::Looser { key: key.to_owned(), policy: name });
        }
        policy.limits = changed;
        Ok(policy)
    }

    fn code(&self, languages: &[String]) -> Result<String, RowError> {
        if let Some(code) = self.text("code")? {
            return Ok(code);
        }
        let completion = self.text("completion")?.ok_or(RowError::Missing {
            field: "code",
            hint: "give the program as \"code\", or a model's reply as \"completion\"",
        })?;
        last_fenced_block(&completion, languages).ok_or_else(|| {
            RowError::field("completion", format!("no fenced block of {} in it", languages.join(" or ")))
        })
    }

    fn text(&self, field: &str) -> Result<Option<String>, RowError> {
        match self.columns.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(RowError::field(field, "expected a text")),
        }
    }

    fn args(&self) -> Result<Vec<String>, RowError> {
        let Some(items) = self.list("args")? else { return Ok(Vec::new()) };
        let text = |item: &Value| match item.as_str() {
            Some(text) if !text.contains('\0') => Ok(text.to_owned()),
            _ => Err(RowError::field("args", "expected a list of texts without NUL")),
        };
        items.iter().map(text).collect()
    }

    fn list(&self, field: &str) -> Result<Option<&Vec<Value>>, RowError> {
        match self.columns.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(RowError::field(field, "expected a list")),
        }
    }

    fn tests(&self) -> Result<Vec<Test>, RowError> {
        let Some(items) = self.list("tests")? else { return Ok(Vec::new()) };
        items.iter().enumerate().map(|(index, item)| parse_test(index, item)).collect()
    }

    fn capture(&self) -> Result<Vec<CaptureKind>, RowError> {
        let Some(items) = self.list("capture")? else { return Ok(Vec::new()) };
        let known = || CaptureKind::ALL.map(CaptureKind::name).join(", ");
        let kind = |item: &Value| {
            serde_json::from_value::<CaptureKind>(item.clone())
                .map_err(|_| RowError::field("capture", format!("{item} is not known; there are: {}", known())))
        };
        let kinds: BTreeSet<CaptureKind> = items.iter().map(kind).collect::<Result<_, _>>()?;
        Ok(kinds.into_iter().collect())
    }

    fn files(&self) -> Result<BTreeMap<String, Vec<u8>>, RowError> {
        let entries = match self.columns.get("files") {
            None | Some(Value::Null) => return Ok(BTreeMap::new()),
            Some(Value::Object(entries)) => entries,
            Some(_) => return Err(RowError::field("files", "expected an object {path: text | {\"base64\": ..}}")),
        };
        entries.iter().map(|(path, value)| Ok((checked_path(path)?, file_bytes(path, value)?))).collect()
    }
}

/// 32 bits: all that NumPy's global generator takes, and a number that every reader of JSON keeps whole.
fn derived_seed(digest: &Digest) -> u64 {
    digest.as_bytes().iter().take(4).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

fn parse_test(index: usize, item: &Value) -> Result<Test, RowError> {
    let field = || format!("tests[{index}]");
    let object = item.as_object().ok_or_else(|| RowError::field(field(), "expected {stdin, stdout} or {code}"))?;
    let text = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(RowError::field(format!("{}.{key}", field()), "expected a text")),
    };
    match (text("code")?, text("stdout")?) {
        (Some(code), None) => Ok(Test::Code { code }),
        (None, Some(stdout)) => Ok(Test::Output { stdin: text("stdin")?.unwrap_or_default(), stdout }),
        _ => Err(RowError::field(field(), "expected either \"code\" or \"stdout\" (with an optional \"stdin\")")),
    }
}

/// A path inside the work folder: relative, without `..`, without empty parts or NUL.
fn checked_path(path: &str) -> Result<String, RowError> {
    let bad = path.is_empty()
        || path.len() > 1024
        || path.contains('\0')
        || path.split('/').any(|part| part.is_empty() || part == "." || part == ".." || part.len() > 255);
    if bad {
        return Err(RowError::field(format!("files.{path}"), "expected a relative path inside the work folder"));
    }
    Ok(path.to_owned())
}

fn file_bytes(path: &str, value: &Value) -> Result<Vec<u8>, RowError> {
    if let Some(text) = value.as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    let encoded = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("base64"));
    let encoded = encoded
        .and_then(Value::as_str)
        .ok_or_else(|| RowError::field(format!("files.{path}"), "expected a text or {\"base64\": ..}"))?;
    BASE64.decode(encoded).map_err(|error| RowError::field(format!("files.{path}.base64"), error.to_string()))
}

/// The last fenced block whose language is one of `languages`; without any such block, the last
/// block that names no language. A block that a truncated reply leaves open reaches to its end.
pub(crate) fn last_fenced_block(reply: &str, languages: &[String]) -> Option<String> {
    let mut of_language = None;
    let mut unnamed = None;
    let mut open: Option<(String, String, Vec<&str>)> = None;
    let mut close = |language: &str, lines: &[&str]| {
        let mut code = lines.join("\n");
        code.push('\n');
        if languages.iter().any(|known| known == language) {
            of_language = Some(code);
        } else if language.is_empty() {
            unnamed = Some(code);
        }
    };
    for line in reply.lines() {
        let trimmed = line.trim_start();
        match &mut open {
            None => {
                let ticks: String = trimmed.chars().take_while(|c| *c == '`' || *c == '~').collect();
                if ticks.starts_with("```") || ticks.starts_with("~~~") {
                    let info = trimmed[ticks.len()..].trim();
                    let language = info.split(|c: char| c.is_whitespace() || c == '{' || c == ',').next().unwrap_or("");
                    open = Some((ticks, language.to_lowercase(), Vec::new()));
                }
            }
            Some((ticks, language, lines)) => {
                if trimmed.trim_end().len() >= ticks.len()
                    && trimmed.starts_with(ticks.as_str())
                    && trimmed.trim_end().chars().all(|c| ticks.starts_with(c))
                {
                    close(language, lines);
                    open = None;
                } else {
                    lines.push(line);
                }
            }
        }
    }
    if let Some((_, language, lines)) = &open {
        close(language, lines);
    }
    of_language.or(unnamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> JobContext {
        let mut policies = PolicySet::default();
        policies.add("default", "").unwrap();
        let python = RuntimeInfoForRows {
            image: Digest::of(b"i"),
            code: CodeKind::Program,
            languages: vec!["python".into(), "py".into()],
            shown_by: None,
            policy: None,
        };
        let svg = RuntimeInfoForRows {
            image: Digest::of(b"s"),
            code: CodeKind::Drawing,
            languages: vec!["svg".into()],
            shown_by: None,
            policy: None,
        };
        JobContext {
            policies,
            default_policy: "default".into(),
            runtimes: [("python".to_owned(), python), ("svg".to_owned(), svg)].into(),
            default_runtime: None,
            allow_looser_limits: false,
        }
    }

    fn job(text: &str) -> Result<Job, RowError> {
        Row { index: 3, columns: serde_json::from_str(text).unwrap() }.job(&context())
    }

    #[test]
    fn a_runtimes_own_policy_is_for_its_rows_that_name_none() {
        let mut context = context();
        context.policies.add("film", "extends = \"default\"\n[limits]\nwall = 600").unwrap();
        context.runtimes.get_mut("python").unwrap().policy = Some("film".to_owned());
        let name = |row: &str| {
            Row { index: 0, columns: serde_json::from_str(row).unwrap() }.job(&context).unwrap().policy.name
        };
        assert_eq!(name(r#"{"runtime": "python", "code": "1"}"#), "film");
        assert_eq!(name(r#"{"runtime": "python", "code": "1", "policy": "default"}"#), "default");
        assert_eq!(name(r#"{"runtime": "svg", "code": "<svg/>"}"#), "default");
    }

    #[test]
    fn what_shows_figures_is_part_of_the_jobs_that_may_leave_them() {
        let mut context = context();
        let mut id = |shown_by: Option<&[u8]>, row: &str| {
            let words = vec!["plotly".to_owned()];
            let shown_by = shown_by.map(|image| ShownBy { image: Digest::of(image), words });
            context.runtimes.get_mut("python").unwrap().shown_by = shown_by;
            Row { index: 0, columns: serde_json::from_str(row).unwrap() }.job(&context).unwrap().id()
        };
        let plain = r#"{"runtime": "python", "code": "import matplotlib", "files": {"notes.txt": "plotly"}}"#;
        assert_eq!(id(None, plain), id(Some(b"a"), plain));
        let shows = r#"{"runtime": "python", "code": "import plotly.express as px"}"#;
        assert_ne!(id(None, shows), id(Some(b"a"), shows));
        assert_ne!(id(Some(b"a"), shows), id(Some(b"b"), shows));
        let module = r#"{"runtime": "python", "code": "import mine", "files": {"mine.py": "import plotly"}}"#;
        assert_ne!(id(Some(b"a"), module), id(Some(b"b"), module));
    }

    #[test]
    fn every_bad_field_is_named() {
        let cases = [
            (r#"{"runtime": "python"}"#, "\"code\" is missing"),
            (r#"{"code": "1"}"#, "\"runtime\" is missing"),
            (r#"{"runtime": "cobol", "code": "1"}"#, "there are: python"),
            (r#"{"runtime": "python", "code": 1}"#, "\"code\": expected a text"),
            (r#"{"runtime": "python", "code": "1", "policy": "lax"}"#, "no policy \"lax\""),
            (r#"{"runtime": "python", "code": "1", "limits": {"wall": 0}}"#, "limits.wall"),
            (r#"{"runtime": "python", "code": "1", "limits": {"wal": 1}}"#, "wal"),
            (r#"{"runtime": "python", "code": "1", "limits": {"wall": 600}}"#, "looser than policy"),
            (r#"{"runtime": "python", "code": "1", "files": {"../x": ""}}"#, "inside the work folder"),
            (r#"{"runtime": "python", "code": "1", "files": {"x": {"base64": "?"}}}"#, "files.x.base64"),
            (r#"{"runtime": "python", "code": "1", "tests": [{"stdin": "1"}]}"#, "tests[0]"),
            (r#"{"runtime": "python", "code": "1", "capture": ["smell"]}"#, "there are: image"),
            (r#"{"runtime": "python", "code": "1", "seed": -1}"#, "\"seed\""),
            (r#"{"runtime": "python", "completion": "no code"}"#, "no fenced block"),
            (r#"{"runtime": "svg", "code": "<svg/>", "stdin": "x"}"#, "\"stdin\": is for programs"),
            (r#"{"runtime": "svg", "code": "<svg/>", "drawing": {"zoom": 0}}"#, "zoom"),
            (r#"{"runtime": "svg", "code": "<svg/>", "drawing": {"background": "red"}}"#, "#rrggbb"),
        ];
        for (text, expected) in cases {
            let error = job(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_id_depends_on_what_can_change_the_result_only() {
        let base = job(r#"{"id": "a", "runtime": "python", "code": "1"}"#).unwrap();
        let renamed = job(r#"{"id": "b", "language": "py", "code": "1", "note": 1}"#).unwrap();
        let reseeded = job(r#"{"id": "a", "runtime": "python", "code": "1", "seed": 4}"#).unwrap();
        assert_eq!(base.id(), renamed.id());
        assert_ne!(base.id(), reseeded.id());
    }

    #[test]
    fn the_last_block_of_the_language_counts() {
        let languages = ["python".to_owned()];
        let reply = "a\n```python\nx = 1\n```\nb\n```python\nx = 2\n```\n```text\nno\n```\n";
        assert_eq!(last_fenced_block(reply, &languages).unwrap(), "x = 2\n");
        assert_eq!(last_fenced_block("```\nx\n```", &languages).unwrap(), "x\n");
        assert_eq!(last_fenced_block("```python\ncut", &languages).unwrap(), "cut\n");
        assert_eq!(last_fenced_block("```json\n{}\n```", &languages), None);
        assert_eq!(last_fenced_block("````python\n```\n````", &languages).unwrap(), "```\n");
    }
}
