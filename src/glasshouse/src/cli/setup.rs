//! What every command that runs jobs needs first: policies, image, glass, harvester.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use glasshouse_capture::{Harvester, HelperCommand, Store};
use glasshouse_images::mirror::MirrorPlan;
use glasshouse_images::{Definition, Drive};
use glasshouse_model::{CodeKind, Digest, JobContext, PolicySet, Requirement, RuntimeInfoForRows, ShownBy};
use include_dir::Dir;

use super::args::{Reach, Setup};
use super::{Failure, place};
use crate::daemon::{Daemon, Search, Terms};
use crate::glass::{BackendChoice, Docker, Glass, Jobs};
use crate::pipeline::Executor;
use crate::policies;
use crate::resources::{IMAGES, driver, has_scenes, leaves_pages, own_policy};

/// The policy of rows for which nobody names one.
const POLICY: &str = "default";

/// What is known before anything is built or started.
pub(super) struct Plan {
    /// What decides which job a row becomes.
    pub(super) context: JobContext,
    /// The runtimes' definitions.
    definitions: Vec<Definition>,
    allow_missing: Vec<Requirement>,
    backend: BackendChoice,
}

impl Plan {
    /// Reads policies and definitions; `runtime` is that of rows that name none.
    pub(super) fn new(setup: &Setup, runtime: Option<&str>, allow_looser_limits: bool) -> Result<Self, Failure> {
        let policies = policies::load(setup.policies.as_deref())?;
        let default_policy = setup.policy.clone().unwrap_or_else(|| POLICY.to_owned());
        policies.get(&default_policy).map_err(policies::PoliciesError::from)?;
        let definitions = definitions()?;
        let cache = cache(setup)?;
        let for_rows = |definition| for_rows(definition, &cache);
        let mut runtimes = definitions.iter().map(for_rows).collect::<Result<BTreeMap<_, _>, _>>()?;
        let shown_by = runtimes.keys().map(|name| shown_by(name, &runtimes)).collect::<Result<Vec<_>, _>>()?;
        if setup.policy.is_none() {
            for (name, runtime) in &mut runtimes {
                runtime.policy = own_policy(name).map_err(Failure::Host)?;
            }
        }
        for (runtime, shown_by) in runtimes.values_mut().zip(shown_by) {
            runtime.shown_by = shown_by;
        }
        let default_runtime = runtime.map(|name| known_runtime(name, &runtimes)).transpose()?;
        let context = JobContext { policies, default_policy, runtimes, default_runtime, allow_looser_limits };
        let allow_missing = setup.allow_missing.iter().map(|name| layer(name)).collect::<Result<_, _>>()?;
        Ok(Self { context, definitions, allow_missing, backend: setup.backend.choice() })
    }

    /// Everything that changes results and is not in the rows, for the identity of a run.
    pub(super) fn options(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut options = BTreeMap::new();
        options.insert("policy".to_owned(), self.context.default_policy.clone());
        options.insert("policies".to_owned(), digest_of(&self.context.policies)?.hex()[..16].to_owned());
        for (name, runtime) in &self.context.runtimes {
            options.insert(format!("image.{name}"), runtime.image.hex()[..16].to_owned());
        }
        if let Some(runtime) = &self.context.default_runtime {
            options.insert("runtime".to_owned(), runtime.clone());
        }
        if self.context.allow_looser_limits {
            options.insert("looser limits".to_owned(), "allowed".to_owned());
        }
        if !self.allow_missing.is_empty() {
            let names: Vec<_> = self.allow_missing.iter().map(|layer| layer.name()).collect();
            options.insert("may be missing".to_owned(), names.join(", "));
        }
        Ok(options)
    }

    /// What answers jobs: a daemon, if one is there that would run them alike, else workers of this command's own.
    pub(super) fn executors(&self, wanted: &Wanted<'_>) -> Result<Vec<Box<dyn Executor>>, Failure> {
        let store = Store::open(wanted.artifacts)?;
        if let Some(daemon) = self.daemon(wanted)? {
            return Ok(daemon.executors(wanted.workers, &store));
        }
        let glass = self.glass(wanted.cache, wanted.runtime, wanted.jobs)?;
        Ok(glass.executors(wanted.workers, &Arc::new(Harvester::new(store, check_helper()?))))
    }

    /// The daemon, where there is one and it is wanted.
    fn daemon(&self, wanted: &Wanted<'_>) -> Result<Option<Daemon>, Failure> {
        let Reach { socket: named, no_daemon } = wanted.reach;
        if *no_daemon {
            return Ok(None);
        }
        let socket = place::socket(named.as_deref(), wanted.cache);
        match (Daemon::find(&socket, self.terms()?), named) {
            (Search::Found(daemon), _) => Ok(Some(daemon)),
            (Search::Absent, None) => Ok(None),
            (Search::Unlike(why), None) => {
                eprintln!("the daemon at {} is not used: {why}", socket.display());
                Ok(None)
            }
            (Search::Absent, Some(_)) => Err(Failure::Host(format!(
                "no daemon serves {path}; start it: glasshouse serve --socket {path}",
                path = socket.display()
            ))),
            (Search::Unlike(why), Some(_)) => {
                Err(Failure::Host(format!("the daemon at {} cannot run this: {why}", socket.display())))
            }
        }
    }

    /// What a daemon must have in common with this command.
    pub(super) fn terms(&self) -> Result<Terms, Failure> {
        let backend = match &self.backend {
            BackendChoice::Native => "native".to_owned(),
            BackendChoice::Docker(Docker { runtime: None, .. }) => "docker".to_owned(),
            BackendChoice::Docker(Docker { runtime: Some(runtime), .. }) => format!("docker ({runtime})"),
        };
        let runtimes = self.context.runtimes.iter().map(|(name, runtime)| (name.clone(), runtime.image)).collect();
        Ok(Terms { build: build()?, backend, allow_missing: self.allow_missing.clone(), runtimes })
    }

    /// What runs jobs. The image of `runtime` is built now if it is missing, saying so, and a host that does not
    /// isolate is known at once; other runtimes follow when a row needs them.
    pub(super) fn glass(&self, cache: &Path, runtime: Option<&str>, jobs: Jobs) -> Result<Glass, Failure> {
        let policy = self.context.policies.get(&self.context.default_policy).map_err(policies::PoliciesError::from)?;
        let say = Arc::new(|line: &str| eprintln!("{line}"));
        let glass = Glass::new(self.definitions.clone(), self.allow_missing.clone(), cache, say)
            .on(self.backend.clone())
            .expecting(jobs);
        if let Some(runtime) = runtime {
            glass.prepare(runtime, &policy)?;
        }
        Ok(glass)
    }
}

/// What a command needs to have jobs answered.
pub(super) struct Wanted<'a> {
    /// Where images are.
    pub(super) cache: &'a Path,
    /// How a daemon is found.
    pub(super) reach: &'a Reach,
    /// The runtime of the first job, if it is known.
    pub(super) runtime: Option<&'a str>,
    /// How many jobs are to come.
    pub(super) jobs: Jobs,
    /// Jobs at one time.
    pub(super) workers: usize,
    /// The folder for artifacts.
    pub(super) artifacts: &'a Path,
}

/// This very command as the confined helper that checks captures.
pub(super) fn check_helper() -> Result<HelperCommand, Failure> {
    let program = env::current_exe().map_err(|error| Failure::Host(format!("cannot find this command: {error}")))?;
    Ok(HelperCommand { program, args: vec!["check-helper".into()] })
}

/// Tells builds of this command apart: version, size, and when the file was last written.
fn build() -> Result<String, Failure> {
    // Through /proc, since the file itself may have been replaced while this runs.
    let file =
        fs::metadata("/proc/self/exe").map_err(|error| Failure::Host(format!("cannot find this command: {error}")))?;
    Ok(format!("{} ({}, {}.{})", env!("CARGO_PKG_VERSION"), file.len(), file.mtime(), file.mtime_nsec()))
}

/// All definitions that are embedded in the command.
pub fn definitions() -> Result<Vec<Definition>, Failure> {
    let folders = IMAGES.dirs().filter(|folder| folder.get_file(folder.path().join("runtime.toml")).is_some());
    folders.map(definition).collect()
}

fn definition(folder: &Dir<'_>) -> Result<Definition, Failure> {
    let name = folder.path().to_string_lossy().into_owned();
    let files: BTreeMap<String, Vec<u8>> = folder
        .files()
        .filter_map(|file| Some((file.path().file_name()?.to_string_lossy().into_owned(), file.contents().to_vec())))
        .collect();
    Ok(Definition::from_files(&name, &files)?)
}

fn for_rows(definition: &Definition, cache: &Path) -> Result<(String, RuntimeInfoForRows), Failure> {
    let image = definition.digest();
    let files = driver(&definition.runtime.name);
    let driver = files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes.as_slice()]);
    // The driver lies beside the image, not in it, and what it does can change results as well.
    let parts = std::iter::once(image.as_bytes().as_slice()).chain(driver);
    // So does what pages get from a mirror.
    let mirror = MirrorPlan::of(definition, cache)?.map(|plan| plan.digest());
    let whole = Digest::of_parts(parts.chain(mirror.as_ref().map(|digest| digest.as_bytes().as_slice())));
    let languages = definition.runtime.languages.clone();
    let code = match definition.runtime.drive {
        Drive::Interpreter { .. } if has_scenes(&definition.runtime.name).map_err(Failure::Host)? => CodeKind::Scenes,
        Drive::Interpreter { .. } => CodeKind::Program,
        Drive::Browser { .. } => CodeKind::Page,
        Drive::Drawer { .. } => CodeKind::Drawing,
    };
    Ok((
        definition.runtime.name.clone(),
        RuntimeInfoForRows { image: whole, code, languages, shown_by: None, policy: None },
    ))
}

/// What shows the pages that programs of a runtime leave.
fn shown_by(name: &str, runtimes: &BTreeMap<String, RuntimeInfoForRows>) -> Result<Option<ShownBy>, Failure> {
    let Some(pages) = leaves_pages(name).map_err(Failure::Host)? else { return Ok(None) };
    let absent = || Failure::Host(format!("images/{name}/figures.toml: there is no runtime {:?}", pages.runtime));
    let image = runtimes.get(&pages.runtime).ok_or_else(absent)?.image;
    Ok(Some(ShownBy { image, words: pages.words }))
}

fn known_runtime(name: &str, runtimes: &BTreeMap<String, RuntimeInfoForRows>) -> Result<String, Failure> {
    let lower = name.to_lowercase();
    let found = runtimes.iter().find(|(key, info)| **key == lower || info.languages.contains(&lower));
    let known = || runtimes.keys().cloned().collect::<Vec<_>>().join(", ");
    found
        .map(|(key, _)| key.clone())
        .ok_or_else(|| Failure::Usage(format!("--runtime {name}: not known; there are: {}", known())))
}

fn layer(name: &str) -> Result<Requirement, Failure> {
    let known = || Requirement::ALL.map(Requirement::name).join(", ");
    Requirement::from_name(name).ok_or_else(|| {
        Failure::Usage(format!("--allow-missing {name}: there is no such layer; there are: {}", known()))
    })
}

fn digest_of(policies: &PolicySet) -> Result<Digest, Failure> {
    let mut shown = Vec::new();
    for name in policies.names() {
        shown.push(policies.get(name).map_err(policies::PoliciesError::from)?.show());
    }
    Ok(Digest::of_parts(shown.iter().map(String::as_bytes)))
}

/// The cache folder of these commands.
pub(super) fn cache(setup: &Setup) -> Result<std::path::PathBuf, Failure> {
    place::cache(setup.cache.as_deref())
}
