//! Figures for people: ratios, medians, and what was measured on what.

use std::fs;

use crate::arms::{Arm, Kind, Program};

pub(crate) fn print_host() {
    let line = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("host: {} cores, {}, load {}", cores, line("/proc/version", "Linux"), line("/proc/loadavg", ""));
    println!("      {}", line("/proc/cpuinfo", "model name"));
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = ((sorted.len() - 1) as f64 * part).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

pub(crate) fn print_latencies(what: &str, controls: &mut [f64], ours: &mut [f64]) {
    controls.sort_by(f64::total_cmp);
    ours.sort_by(f64::total_cmp);
    println!("\n{what}, {} runs each, interleaved, one every 5 ms (ms)", ours.len());
    println!("{:>10} {:>10} {:>10} {:>10}", "", "bare fork", "glass", "more");
    for (name, part) in [("median", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        let (control, mine) = (quantile(controls, part) * 1e3, quantile(ours, part) * 1e3);
        println!("{name:>10} {control:>10.2} {mine:>10.2} {:>+10.2}", mine - control);
    }
}

/// Programs whose pictures differ between the arms that capture.
pub(crate) fn differing(pictures: &[(Kind, Vec<Vec<u32>>)], block: &[Program]) -> Vec<String> {
    let of = |kind| pictures.iter().find(|(of, _)| *of == kind).map(|(_, seen)| seen);
    let (Some(fork), Some(glass)) = (of(Kind::Fork), of(Kind::Glass)) else { return Vec::new() };
    // Where no containers take part, they differ in nothing.
    let docker = of(Kind::Docker).unwrap_or(glass);
    let pairs = block.iter().zip(fork.iter().zip(glass.iter().zip(docker)));
    let unlike = pairs.filter(|(_, (fork, (glass, docker)))| fork != glass || glass != docker);
    unlike.map(|(program, _)| program.id.clone()).collect()
}

pub(crate) fn print_charts(arms: &[Arm], rows: usize, lanes: usize, differences: &[String]) {
    println!("\ncharts, {rows} rows in each arm, {lanes} lanes, blocks interleaved");
    println!("{:>8} {:>10} {:>10}", "", "seconds", "rows/s");
    for arm in arms {
        let total: f64 = arm.seconds.iter().sum();
        println!("{:>8} {total:>10.2} {:>10.2}", format!("{:?}", arm.kind).to_lowercase(), rows as f64 / total);
    }
    let of = |kind| arms.iter().find(|arm| arm.kind == kind).map(|arm| arm.seconds.clone()).unwrap_or_default();
    let (plain, fork, glass) = (of(Kind::Plain), of(Kind::Fork), of(Kind::Glass));
    let total = |seconds: &[f64]| seconds.iter().sum::<f64>();
    println!(
        "plain / glass: {:.2}x   (median of blocks {:.2}x)",
        total(&plain) / total(&glass),
        median_ratio(&plain, &glass)
    );
    println!(
        "glass / fork:  {:.3}x  (median of blocks {:.3}x)",
        total(&glass) / total(&fork),
        median_ratio(&glass, &fork)
    );
    let docker = of(Kind::Docker);
    if !docker.is_empty() {
        println!(
            "docker / glass: {:.3}x (median of blocks {:.3}x)",
            total(&docker) / total(&glass),
            median_ratio(&docker, &glass)
        );
    }
    match differences {
        [] => println!("pictures: equal in fork, glass and what else took part, for every program"),
        some => println!("pictures differ between the arms: {}", some.join(", ")),
    }
}

fn median_ratio(over: &[f64], under: &[f64]) -> f64 {
    let mut ratios: Vec<f64> = over.iter().zip(under).map(|(over, under)| over / under).collect();
    ratios.sort_by(f64::total_cmp);
    quantile(&ratios, 0.5)
}
