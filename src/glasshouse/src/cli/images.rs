//! `glasshouse images`.

use std::path::Path;

use glasshouse_images::mirror::{MirrorPlan, add, ensure_mirror, find_mirror, verify_mirror};
use glasshouse_images::{Definition, Image, VerifyReport, ensure, find, list, verify};

use super::args::{BackendArg, ImagesAction, ImagesArgs, MirrorAction};
use super::{Failure, container_images, place, setup};
use crate::text::{bytes, count, seconds};

/// Paths that a failed verification shows of each kind.
const SHOWN: usize = 5;

pub(super) fn images(args: &ImagesArgs) -> Result<u8, Failure> {
    let cache = place::cache(args.cache.as_deref())?;
    match &args.action {
        ImagesAction::Build { name } => {
            let definitions = wanted(name.as_deref())?;
            build(&definitions, &cache)?;
            if args.backend == BackendArg::Docker { container_images::build(&definitions, &cache) } else { Ok(0) }
        }
        ImagesAction::List => {
            show(&cache)?;
            if args.backend == BackendArg::Docker { container_images::show(&cache) } else { Ok(0) }
        }
        ImagesAction::Verify { name } => {
            let definitions = wanted(name.as_deref())?;
            let code = check(&definitions, &cache)?;
            let docker = args.backend == BackendArg::Docker;
            Ok(if docker { container_images::check(&definitions, &cache)?.max(code) } else { code })
        }
        ImagesAction::Mirror(MirrorAction::Add { packages, runtime, lock }) => {
            extend(&plan(runtime, &cache)?, packages, runtime, lock.as_deref(), &cache)
        }
        ImagesAction::Mirror(MirrorAction::List { runtime }) => show_mirror(&plan(runtime, &cache)?, &cache),
    }
}

fn wanted(name: Option<&str>) -> Result<Vec<Definition>, Failure> {
    let all = setup::definitions()?;
    let Some(name) = name else { return Ok(all) };
    let known: Vec<_> = all.iter().map(|definition| definition.runtime.name.clone()).collect();
    let found: Vec<_> = all.into_iter().filter(|definition| definition.runtime.name == name).collect();
    if found.is_empty() {
        return Err(Failure::Usage(format!("there is no image {name:?}; there are: {}", known.join(", "))));
    }
    Ok(found)
}

fn build(definitions: &[Definition], cache: &Path) -> Result<(), Failure> {
    for definition in definitions {
        let image = ensure(definition, cache, &mut |line| eprintln!("{line}"))?;
        println!("{}  {}", image.name, image.root.display());
        if let Some(plan) = MirrorPlan::of(definition, cache)? {
            let mirror = ensure_mirror(&plan, cache, &mut |line| eprintln!("{line}"))?;
            println!("{}  {}", image.name, mirror.folder.display());
        }
    }
    Ok(())
}

/// The mirror of the runtime called `name`.
fn plan(name: &str, cache: &Path) -> Result<MirrorPlan, Failure> {
    let plan = match wanted(Some(name))?.first() {
        Some(definition) => MirrorPlan::of(definition, cache)?,
        None => None,
    };
    plan.ok_or_else(|| Failure::Usage(format!("runtime {name} has no mirror: it loads nothing from the web")))
}

fn extend(
    plan: &MirrorPlan,
    packages: &[String],
    runtime: &str,
    lock: Option<&Path>,
    cache: &Path,
) -> Result<u8, Failure> {
    let own = MirrorPlan::added(runtime, cache);
    let lock = lock.unwrap_or(&own);
    let added = add(plan, cache, lock, packages, &mut |line| eprintln!("{line}"))?;
    for package in &added {
        let state = if package.is_new { "added" } else { "already there" };
        println!("{}@{}  {state}", package.name, package.version);
    }
    println!("in {}; the next run takes it up", lock.display());
    Ok(0)
}

fn show_mirror(plan: &MirrorPlan, cache: &Path) -> Result<u8, Failure> {
    for (name, version) in plan.packages() {
        println!("{name}@{version}");
    }
    match find_mirror(plan, cache) {
        Some(mirror) => println!("\n{} packages in {}", count(plan.len() as u64), mirror.folder.display()),
        None => {
            println!("\n{} packages, not fetched; `glasshouse images build` fetches them", count(plan.len() as u64))
        }
    }
    Ok(0)
}

fn show(cache: &Path) -> Result<(), Failure> {
    for definition in setup::definitions()? {
        let name = &definition.runtime.name;
        let state = match find(&definition, cache) {
            Some(image) => format!("built: {}", image.root.display()),
            None => format!("not built; `glasshouse images build {name}` builds it"),
        };
        println!("{name:10}  {}\n{:10}  {state}", definition.runtime.description, "");
    }
    let built = list(cache);
    if !built.is_empty() {
        println!("\nin {}:", cache.display());
    }
    for image in built {
        let name = image.folder.file_name().unwrap_or_default().to_string_lossy();
        let info = &image.info;
        let size = format!("{:>10}  {:>9} files", bytes(info.bytes), count(info.entries as u64));
        println!("  {name:32}{size}  built in {}", seconds(info.seconds));
    }
    Ok(())
}

fn check(definitions: &[Definition], cache: &Path) -> Result<u8, Failure> {
    let mut code = 0;
    for definition in definitions {
        let name = &definition.runtime.name;
        let Some(image) = find(definition, cache) else {
            println!("{name}: not built; `glasshouse images build {name}` builds it");
            code = super::INCOMPLETE;
            continue;
        };
        if let Some(plan) = MirrorPlan::of(definition, cache)? {
            code = check_mirror(&plan, name, cache)?.max(code);
        }
        let report = verify(&image)?;
        if report.is_sound() {
            println!("{name}: sound, {} entries, {}", count(report.entries as u64), bytes(report.bytes));
        } else {
            damaged(&image, &report);
            code = super::INCOMPLETE;
        }
    }
    Ok(code)
}

fn check_mirror(plan: &MirrorPlan, name: &str, cache: &Path) -> Result<u8, Failure> {
    let Some(mirror) = find_mirror(plan, cache) else {
        println!("{name}: the mirror is not there; `glasshouse images build {name}` makes it");
        return Ok(super::INCOMPLETE);
    };
    let damaged = verify_mirror(&mirror)?;
    if damaged.is_empty() {
        println!("{name}: the mirror is sound, {} packages", count(plan.len() as u64));
        return Ok(0);
    }
    println!("{name}: the mirror is damaged; remove these and run `glasshouse images build {name}`");
    for path in damaged {
        println!("  changed  {}", path.display());
    }
    Ok(super::INCOMPLETE)
}

fn damaged(image: &Image, report: &VerifyReport) {
    println!("{}: damaged", image.name);
    show_differences(report);
    let folder = image.root.parent().unwrap_or(&image.root);
    println!("  remove {} and run `glasshouse images build {}`", folder.display(), image.name);
}

/// Prints some of the paths of each kind of difference.
pub(super) fn show_differences(report: &VerifyReport) {
    for (what, paths) in [("missing", &report.missing), ("changed", &report.changed), ("added", &report.added)] {
        for path in paths.iter().take(SHOWN) {
            println!("  {what}  {path}");
        }
        if paths.len() > SHOWN {
            println!("  {what}  ... and {} more", count((paths.len() - SHOWN) as u64));
        }
    }
}
