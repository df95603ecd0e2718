//! `glasshouse doctor`.

use glasshouse_images::find;
use glasshouse_sandbox::docker::{ContainerImage, Engine, EngineFacts};
use glasshouse_sandbox::doctor::{Layer, layers};
use serde_json::{Value, json};

use super::args::{BackendArg, DoctorArgs};
use super::{Failure, place, setup};

/// The exit code if a layer is missing: the same as when a run is refused for it.
const LACKING: u8 = 4;

pub(super) fn doctor(args: &DoctorArgs) -> Result<u8, Failure> {
    let layers = layers();
    let complete = layers.iter().all(|layer| layer.in_force);
    let code = if complete { 0 } else { LACKING };
    if args.backend.backend == BackendArg::Native {
        if args.json {
            print_json(&layers)?;
        } else {
            print(&layers);
            println!("\n{}", engine_in_a_line());
        }
        return Ok(code);
    }
    let found = EngineReport::new(args)?;
    if args.json {
        print_json(&json!({"layers": layers, "engine": found.facts, "images": found.images}))?;
    } else {
        print(&layers);
        found.print();
    }
    Ok(if found.fits { code } else { LACKING })
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Host(error.to_string()))?;
    println!("{text}");
    Ok(())
}

fn print(layers: &[Layer]) {
    println!("what this host gives, each layer tried just now:\n");
    for layer in layers {
        let mark = if layer.in_force { "✓" } else { "✗" };
        println!("  {mark} {:12} {}", layer.requirement.name(), layer.detail);
        if !layer.in_force {
            println!("{:17}costs:  {}", "", layer.cost);
            println!("{:17}remedy: {}", "", layer.remedy.replace('\n', &format!("\n{:25}", "")));
        }
    }
    let missing: Vec<_> = layers.iter().filter(|layer| !layer.in_force).map(|layer| layer.requirement.name()).collect();
    if missing.is_empty() {
        println!("\nnothing is missing: every policy's requirements can be met");
    } else {
        let names = missing.join(",");
        println!("\nruns are refused until this is remedied, or with --allow-missing {names}, at your risk");
    }
}

/// For who did not ask: whether there is a container engine at all.
fn engine_in_a_line() -> String {
    match Engine::connect().and_then(|engine| EngineFacts::of(&engine)) {
        Ok(facts) => format!(
            "container engine {} at {}; `glasshouse doctor --backend docker` tells what workers in containers get",
            facts.version, facts.socket
        ),
        Err(_) => "no container engine answers; only `--backend docker` needs one".to_owned(),
    }
}

/// What the container engine gives.
struct EngineReport {
    facts: EngineFacts,
    runtime: String,
    /// For each runtime whose workers live in containers: its image's name, and its id if the engine has it.
    images: Vec<Value>,
    fits: bool,
}

impl EngineReport {
    fn new(args: &DoctorArgs) -> Result<Self, Failure> {
        let engine = Engine::connect()?;
        let facts = EngineFacts::of(&engine)?;
        let default = facts.runtimes.first().cloned().unwrap_or_default();
        let runtime = args.backend.docker_runtime.clone().unwrap_or(default);
        let cache = place::cache(args.cache.as_deref())?;
        let mut images = Vec::new();
        for definition in setup::definitions()? {
            let Some(image) =
                find(&definition, &cache).filter(|image| super::container_images::has_workers(&image.spec))
            else {
                continue;
            };
            let copy = ContainerImage::of(&image);
            let id = copy.find(&engine)?.map(|stored| stored.id);
            images.push(json!({"runtime": image.name, "image": copy.name(), "id": id}));
        }
        let fits = facts.runtimes.contains(&runtime) && !facts.unfit.contains(&runtime);
        Ok(Self { facts, runtime, images, fits })
    }

    fn print(&self) {
        let facts = &self.facts;
        println!("\nthe container engine:\n");
        println!("    engine       {} at {}", facts.version, facts.socket);
        println!("    storage      {}", facts.storage);
        if facts.storage == "vfs" {
            println!("{:17}it copies the whole image for each container, which takes long; overlay2 does not", "");
        }
        println!("    cgroups      version {}", facts.cgroups);
        println!("    security     {}", facts.security.join(", "));
        let mark = if self.fits { "✓" } else { "✗" };
        println!("  {mark} runtime      {} (it knows: {})", self.runtime, facts.runtimes.join(", "));
        if !self.fits {
            println!("{:17}it must be one that the engine knows and that shares the host's kernel, such as runc", "");
        }
        for image in &self.images {
            let state = image["id"].as_str().unwrap_or("not there; the first run makes it");
            println!("    image        {}  {state}", image["image"].as_str().unwrap_or_default());
        }
        for warning in &facts.warnings {
            println!("    it warns     {warning}");
        }
        println!(
            "\na worker in a container has the layers above inside of it, and around it: a read-only root, no network, no\n\
             capabilities, no_new_privs, a system call profile, limits on its own memory and processes"
        );
    }
}
