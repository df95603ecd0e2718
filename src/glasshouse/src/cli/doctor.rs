//! `glasshouse doctor`.

use glasshouse_sandbox::doctor::{Layer, layers};

use super::Failure;
use super::args::DoctorArgs;

/// The exit code if a layer is missing: the same as when a run is refused for it.
const LACKING: u8 = 4;

pub(super) fn doctor(args: &DoctorArgs) -> Result<u8, Failure> {
    let layers = layers();
    if args.json {
        let text = serde_json::to_string_pretty(&layers).map_err(|error| Failure::Host(error.to_string()))?;
        println!("{text}");
    } else {
        print(&layers);
    }
    Ok(if layers.iter().all(|layer| layer.in_force) { 0 } else { LACKING })
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
