//! What must be fast, against its controls in the same run, interleaved, pictures compared.
//!
//! `cargo bench` prints ratios; docs/benchmarks.md keeps the figures. Settings by environment:
//! `GLASSHOUSE_BENCH_ROWS` (a JSONL file; default: the demo's charts), `GLASSHOUSE_BENCH_COUNT` (rows of
//! it, evenly spread; default 40), `GLASSHOUSE_BENCH_ROUNDS` (default 3), `GLASSHOUSE_BENCH_LANES`
//! (workers of each arm; default: cores), `GLASSHOUSE_BENCH_DOCKER=1` (workers in containers take part; DOCKER_HOST
//! names the engine's socket).

mod arms;
mod figures;

use std::error::Error;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use arms::{Arm, Kind, Lane, Program};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rows in a block: all lanes work one arm's block off before the next arm begins.
const BLOCK: usize = 10;
const EMPTY_RUNS: usize = 400;
/// Between runs of the empty program.
const PACE: Duration = Duration::from_millis(5);

fn main() -> Outcome<()> {
    let settings = arms::Settings::from_environment()?;
    figures::print_host();
    let setup = arms::Setup::new(settings.docker)?;
    empty_program(&setup)?;
    charts(&setup, &settings)
}

/// An empty program against a bare fork of the same warm interpreter, one after the other.
fn empty_program(setup: &arms::Setup) -> Outcome<()> {
    let mut bare = setup.lane(Kind::Bare)?;
    let mut glass = setup.lane(Kind::Glass)?;
    let program = Program::empty();
    let (mut controls, mut ours) = (Vec::new(), Vec::new());
    for round in 0..EMPTY_RUNS + 20 {
        // A steady pace for both: what is made ahead, and taken away behind, has its time.
        std::thread::sleep(PACE);
        let control = bare.run(&program)?.seconds;
        std::thread::sleep(PACE);
        let mine = glass.run(&program)?.seconds;
        // The first runs fill caches and spares.
        if round >= 20 {
            controls.push(control);
            ours.push(mine);
        }
    }
    figures::print_latencies("empty program", &mut controls, &mut ours);
    Ok(())
}

/// Charts: plain interpreters, forks without isolation, and the glass, with as many lanes each.
fn charts(setup: &arms::Setup, settings: &arms::Settings) -> Outcome<()> {
    let programs = settings.programs()?;
    let mut kinds = vec![Kind::Plain, Kind::Fork, Kind::Glass];
    kinds.extend(settings.docker.then_some(Kind::Docker));
    let mut arms = Vec::new();
    for kind in kinds {
        let lanes = (0..settings.lanes).map(|_| setup.lane(kind)).collect::<Outcome<Vec<_>>>()?;
        arms.push(Arm { kind, lanes, seconds: Vec::new() });
    }
    warm_up(&mut arms, &programs)?;
    let mut differences = Vec::new();
    for round in 0..settings.rounds {
        for (number, block) in programs.chunks(BLOCK * settings.lanes).enumerate() {
            // Another arm goes first each time, so that none always has the cold or the hot machine.
            let mut pictures: Vec<(Kind, Vec<Vec<u32>>)> = Vec::new();
            for turn in 0..arms.len() {
                let place = (turn + number + round) % arms.len();
                let arm = &mut arms[place];
                let (seconds, seen) = run_block(arm, block)?;
                arm.seconds.push(seconds);
                pictures.push((arm.kind, seen));
            }
            differences.extend(figures::differing(&pictures, block));
        }
    }
    figures::print_charts(&arms, programs.len() * settings.rounds, settings.lanes, &differences);
    Ok(())
}

/// Every program twice where zygotes are kept, so that all that are worth it exist.
fn warm_up(arms: &mut [Arm], programs: &[Program]) -> Outcome<()> {
    for arm in arms.iter_mut().filter(|arm| arm.kind != Kind::Plain) {
        for lane in &mut arm.lanes {
            let mut seen = Vec::new();
            for program in programs {
                if !seen.contains(&&program.modules) {
                    seen.push(&program.modules);
                    lane.run(program)?;
                    lane.run(program)?;
                }
            }
        }
    }
    Ok(())
}

/// Works a block off with all lanes of an arm; seconds from the start to the last one's end.
fn run_block(arm: &mut Arm, block: &[Program]) -> Outcome<(f64, Vec<Vec<u32>>)> {
    let lanes = arm.lanes.len();
    let start = Barrier::new(lanes + 1);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = |lane: &mut Lane| -> Outcome<Vec<(usize, Vec<u32>)>> {
        start.wait();
        let mut seen = Vec::new();
        loop {
            let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(program) = block.get(place) else { return Ok(seen) };
            seen.push((place, lane.run(program)?.pictures));
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = arm.lanes.iter_mut().map(|lane| scope.spawn(|| work(lane))).collect();
        start.wait();
        let begun = Instant::now();
        let mut all = vec![Vec::new(); block.len()];
        for handle in handles {
            for (place, pictures) in handle.join().map_err(|_| "a lane panicked")?? {
                all[place] = pictures;
            }
        }
        Ok((begun.elapsed().as_secs_f64(), all))
    })
}
