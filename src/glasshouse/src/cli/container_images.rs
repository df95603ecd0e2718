//! The container engine's copies of images: `glasshouse images build|verify --backend docker`.

use std::path::Path;

use glasshouse_images::{Definition, Drive, RuntimeSpec, ensure, find};
use glasshouse_sandbox::docker::{ContainerImage, Engine, container_image_name};

use super::images::show_differences;
use super::{Failure, INCOMPLETE, setup};
use crate::text::{bytes, count};

/// Makes the copies that are missing.
pub(super) fn build(definitions: &[Definition], cache: &Path) -> Result<u8, Failure> {
    let engine = Engine::connect()?;
    for definition in definitions {
        let name = &definition.runtime.name;
        if !has_workers(&definition.runtime) {
            println!("{name}  runs without containers, whatever the backend");
            continue;
        }
        let image = ensure(definition, cache, &mut |line| eprintln!("{line}"))?;
        let stored = ContainerImage::of(&image).ensure(&engine, &mut |line| eprintln!("{line}"))?;
        println!("{name}  {}  {}", stored.name, stored.id);
    }
    Ok(0)
}

/// Lists the copies.
pub(super) fn show(cache: &Path) -> Result<u8, Failure> {
    let engine = Engine::connect()?;
    println!("\nwith the container engine at {}:", engine.socket().display());
    for definition in setup::definitions()?.iter().filter(|definition| has_workers(&definition.runtime)) {
        let name = container_image_name(&definition.runtime.name, &definition.digest());
        let stored = find(definition, cache).map(|image| ContainerImage::of(&image).find(&engine)).transpose()?;
        let state = stored.flatten().map_or_else(|| "not there".to_owned(), |stored| stored.id);
        println!("  {name:40}{state}");
    }
    Ok(0)
}

/// Compares every file of the copies with what was built.
pub(super) fn check(definitions: &[Definition], cache: &Path) -> Result<u8, Failure> {
    let engine = Engine::connect()?;
    let mut code = 0;
    for definition in definitions.iter().filter(|definition| has_workers(&definition.runtime)) {
        let name = &definition.runtime.name;
        // What is not built has been told.
        let Some(image) = find(definition, cache) else { continue };
        let copy = ContainerImage::of(&image);
        let Some(stored) = copy.find(&engine)? else {
            let hint = format!("`glasshouse images build {name} --backend docker` makes it");
            println!("{name}: the container engine has no image {} of this definition; {hint}", copy.name());
            code = INCOMPLETE;
            continue;
        };
        let report = copy.verify(&engine, &stored)?;
        if report.is_sound() {
            let (entries, size) = (count(report.entries as u64), bytes(report.bytes));
            println!("{name}: the container image {} is sound, {entries} entries, {size}", stored.name);
        } else {
            println!("{name}: the container image {} is not what was built", stored.name);
            show_differences(&report);
            println!("  `docker image rm {}` and run `glasshouse images build {name} --backend docker`", stored.name);
            code = INCOMPLETE;
        }
    }
    Ok(code)
}

/// Whether workers of the runtime can live in containers.
pub(super) fn has_workers(spec: &RuntimeSpec) -> bool {
    matches!(spec.drive, Drive::Interpreter { .. })
}
