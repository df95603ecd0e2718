//! Runs rows of a JSONL file on one worker and prints what happened: for work on the backend alone.
//! `try ROOT DRIVER_DIR ROWS [N]`
use glasshouse_model::{Limits, Requirement};
use glasshouse_sandbox::{Driver, Pool, PoolConfig, RunRequest, seccomp};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

fn collect(dir: &Path, base: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for e in std::fs::read_dir(dir).unwrap().flatten() {
        let p = e.path();
        if p.is_dir() {
            if p.file_name().unwrap() != "__pycache__" {
                collect(&p, base, files)
            }
        } else {
            files.insert(p.strip_prefix(base).unwrap().to_str().unwrap().to_owned(), std::fs::read(&p).unwrap());
        }
    }
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let mut files = BTreeMap::new();
    collect(Path::new(&a[2]), Path::new(&a[2]), &mut files);
    let driver = Driver::lay_out(&files, Path::new("/tmp/gh-cache")).unwrap();
    let spec: toml::Value = toml::from_str(&std::fs::read_to_string("images/python/runtime.toml").unwrap()).unwrap();
    let environment =
        spec["env"].as_table().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect();
    let profile = std::fs::read_to_string("policies/seccomp/default.toml").unwrap();
    let w = |t: &str| t.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let pool = Pool::new(PoolConfig {
        root: a[1].clone().into(), driver, interpreter: "/usr/bin/python3.11".into(), script: "main.py".into(), environment,
        warm: w("numpy matplotlib pandas scipy seaborn networkx squarify matplotlib_venn sklearn statsmodels sympy PIL plotly mpl_toolkits"),
        trunk: vec![w("numpy"), w("matplotlib.pyplot")],
        seccomp: seccomp::compile("default", &profile).unwrap(), limits: Limits::default(),
        require: Requirement::ALL.to_vec(), allow_missing: std::env::var("ALLOW").map(|v| v.split(',').filter_map(Requirement::from_name).collect()).unwrap_or_default(), verbose: true,
    }).unwrap();
    println!("{:?}", pool.backend());
    let t = Instant::now();
    let mut worker = pool.worker().unwrap();
    println!("worker started in {:?}", t.elapsed());
    let n: usize = a.get(4).map_or(usize::MAX, |n| n.parse().unwrap());
    let text = std::fs::read_to_string(&a[3]).unwrap();
    let t = Instant::now();
    let mut count = 0;
    for line in text.lines().take(n) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let request = RunRequest {
            code: row["code"].as_str().unwrap().to_owned(),
            files: BTreeMap::new(),
            stdin: vec![],
            args: vec![],
            test_code: None,
            seed: 1,
            limits: Limits::default(),
        };
        let t1 = Instant::now();
        let r = worker.run(&request);
        count += 1;
        match r {
            Ok(r) => println!(
                "{} {:?} {:?} out={:?} err={:?} total={:.1}ms start={:.2}ms run={:.2}ms lease={:.2} stop={:.2} cpu={:.3} mem={}M procs={} disk={:?}",
                row["id"],
                r.exit,
                r.stop,
                String::from_utf8_lossy(&r.stdout.kept),
                String::from_utf8_lossy(&r.stderr.kept),
                t1.elapsed().as_secs_f64() * 1e3,
                r.timing.start * 1e3,
                r.timing.run * 1e3,
                r.timing.lease * 1e3,
                r.timing.stop * 1e3,
                r.usage.cpu,
                r.usage.memory_peak >> 20,
                r.usage.processes,
                r.disk
            ),
            Err(f) => println!("{} FAULT {:?}", row["id"], f),
        }
    }
    println!("{count} in {:?}", t.elapsed());
}
