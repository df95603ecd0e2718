//! Judging with a model that runs here.

use std::path::Path;

use glasshouse_judge::engine::Limits;
use glasshouse_judge::local::{Here, Local};
use glasshouse_judge::model::PAGE;

use super::JudgeArgs;
use super::work::Work;
use crate::cli::Failure;
use crate::text::count;

/// Bytes of pictures' tokens that are kept.
const PICTURE_BYTES: usize = 512 << 20;
/// Samples at one time, where the cache has room for more.
const SAMPLES: usize = 256;

pub(super) fn judge(args: &JudgeArgs) -> Result<u8, Failure> {
    let work = Work::open(args)?;
    let model = |error| Failure::Input(format!("--model: {error}"));
    let folder = Path::new(&args.model);
    let local = Local::on_processor(folder, work.rubric.clone(), work.manner).map_err(model)?;
    let cache = local.model().cache(args.cache_tokens.div_ceil(PAGE)).map_err(model)?;
    let limits = Limits { tokens: args.step_tokens, samples: SAMPLES, picture_bytes: PICTURE_BYTES };
    let mut here = Here::new(&local, local.model(), cache, limits);
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    work.judge(&mut here, "local", &name, done)
}

fn done(here: &Here<'_>) -> Vec<String> {
    let done = here.done();
    vec![
        format!(
            "tokens     {} computed, {} of prompts found in the cache",
            count(done.computed_tokens),
            count(done.shared_tokens)
        ),
        format!("pictures   {} looked at, {} seen before", count(done.pictures_seen), count(done.pictures_kept)),
    ]
}
