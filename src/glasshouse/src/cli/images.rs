//! `glasshouse images`.

use std::path::Path;

use glasshouse_images::{Definition, Image, VerifyReport, ensure, find, list, verify};

use super::args::{ImagesAction, ImagesArgs};
use super::{Failure, place, setup};
use crate::text::{bytes, count, seconds};

/// Paths that a failed verification shows of each kind.
const SHOWN: usize = 5;

pub(super) fn images(args: &ImagesArgs) -> Result<u8, Failure> {
    let cache = place::cache(args.cache.as_deref())?;
    match &args.action {
        ImagesAction::Build { name } => build(&wanted(name.as_deref())?, &cache),
        ImagesAction::List => show(&cache),
        ImagesAction::Verify { name } => check(&wanted(name.as_deref())?, &cache),
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

fn build(definitions: &[Definition], cache: &Path) -> Result<u8, Failure> {
    for definition in definitions {
        let image = ensure(definition, cache, &mut |line| eprintln!("{line}"))?;
        println!("{}  {}", image.name, image.root.display());
    }
    Ok(0)
}

fn show(cache: &Path) -> Result<u8, Failure> {
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
    Ok(0)
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

fn damaged(image: &Image, report: &VerifyReport) {
    println!("{}: damaged", image.name);
    for (what, paths) in [("missing", &report.missing), ("changed", &report.changed), ("added", &report.added)] {
        for path in paths.iter().take(SHOWN) {
            println!("  {what}  {path}");
        }
        if paths.len() > SHOWN {
            println!("  {what}  ... and {} more", count((paths.len() - SHOWN) as u64));
        }
    }
    let folder = image.root.parent().unwrap_or(&image.root);
    println!("  remove {} and run `glasshouse images build {}`", folder.display(), image.name);
}
