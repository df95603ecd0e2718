//! The Wolfram Language against a process of the plain command for each expression, as many lanes each, blocks of ten expressions by each
//! arm in turn, what is printed compared to the byte.
//!
//! `cargo bench -p glasshouse --bench wolfram`. Ours is timed from the job to its answer: evaluated, everything taken out, drawn, checked and
//! stored. Plain is `mathics3 --file main.wl` alone, in an empty folder. The expressions are examples of Mathics's own documentation, read out
//! of the image, evenly over all that there are: those of one line that have a result and that take nothing from the time, from chance or from
//! outside. `GLASSHOUSE_BENCH_COUNT` (expressions; default 100), `GLASSHOUSE_BENCH_ROUNDS` (default 1), `GLASSHOUSE_BENCH_LANES` (default: cores).

mod lanes;

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use glasshouse::bench::{Whole, image_of};
use glasshouse::pipeline::Executor;
use lanes::{Outcome, Shell, block};

/// Where Mathics's functions are in the image, whose texts are its documentation.
const FUNCTIONS: &str = "usr/local/lib/python3.11/dist-packages/mathics/builtin";
/// What is in expressions that give something else each time, wait, or ask for what is not there.
const UNSTEADY: &str = "Random Time Timing Date Now Session Memory ByteCount Pause Import Export URL File Directory Stream Open \
    Machine Process System Version Unique $";

/// Expressions that an arm works off before the other one has its turn.
const BLOCK: usize = 10;

/// What one arm says of one expression.
#[derive(Clone, Default)]
struct Said {
    seconds: f64,
    printed: String,
}

fn main() -> Outcome<()> {
    if env::args().nth(1).as_deref() == Some("drawing-helper") {
        // What draws documents is the running program, started anew; this one hands that on.
        return Err(Command::new(env!("CARGO_BIN_EXE_glasshouse")).args(env::args_os().skip(1)).exec().into());
    }
    let number = |name: &str, default: usize| env::var(name).ok().map_or(Ok(default), |text| text.parse());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (count, rounds) = (number("GLASSHOUSE_BENCH_COUNT", 100)?, number("GLASSHOUSE_BENCH_ROUNDS", 1)?);
    let lanes = number("GLASSHOUSE_BENCH_LANES", cores)?;
    let whole = Whole::new(Path::new(env!("CARGO_BIN_EXE_glasshouse")))?;
    let (image, scratch) = (image_of("wolfram")?, tempfile::tempdir()?);
    let programs = programs(&image.root, count)?;
    let ours = (0..lanes).map(|_| whole.executor().ok_or("no executor")).collect::<Result<Vec<_>, _>>()?;
    let start = |_| Shell::start(&image, scratch.path());
    let plain = (0..lanes).map(start).collect::<Outcome<Vec<_>>>()?;
    Bench { whole: &whole, ours, plain, scratch: scratch.path() }.compare(&programs, rounds)
}

/// Programs of one expression each, which they print.
fn programs(root: &Path, count: usize) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    examples(&root.join(FUNCTIONS), &mut found)?;
    let step = (found.len() as f64 / count as f64).max(1.0);
    let chosen = (0..count).map(|index| (index as f64 * step) as usize).take_while(|index| *index < found.len());
    println!("{count} of {} examples", found.len());
    Ok(chosen.map(|index| format!("Print[{}]\n", found[index])).collect())
}

/// Examples in the files of a folder: a line `>> EXPRESSION` that is followed by `= RESULT`.
fn examples(folder: &Path, found: &mut Vec<String>) -> Outcome<()> {
    let mut paths: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Outcome<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            examples(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            let text = fs::read_to_string(&path)?;
            let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
            let pairs = lines.windows(2).filter(|pair| pair[1].starts_with("= "));
            let expressions = pairs.filter_map(|pair| pair[0].strip_prefix(">> "));
            // What refers to an earlier example stands for nothing by itself; a backslash is one of Python's texts.
            let steady = |text: &&str| {
                !UNSTEADY.split_whitespace().any(|word| text.contains(word)) && !text.contains(['%', '\\', ';'])
            };
            found.extend(expressions.filter(steady).map(str::to_owned));
        }
    }
    Ok(())
}

struct Bench<'a> {
    whole: &'a Whole,
    ours: Vec<Box<dyn Executor>>,
    plain: Vec<Shell>,
    scratch: &'a Path,
}

impl Bench<'_> {
    fn compare(&mut self, programs: &[String], rounds: usize) -> Outcome<()> {
        // Starts the workers.
        self.ours(&programs[..programs.len().min(BLOCK)])?;
        let (mut ours, mut plain, mut differing) = (Times::default(), Times::default(), Vec::new());
        let blocks = (0..rounds).flat_map(|_| programs.chunks(BLOCK));
        for (number, block) in blocks.enumerate() {
            // Another arm goes first each time.
            let (theirs, mine) = if number % 2 == 0 {
                let theirs = self.plain(block, number)?;
                (theirs, self.ours(block)?)
            } else {
                let mine = self.ours(block)?;
                (self.plain(block, number)?, mine)
            };
            for ((program, theirs), mine) in block.iter().zip(&theirs.1).zip(&mine.1) {
                if theirs.printed != mine.printed {
                    differing.push(program.trim_end().to_owned());
                }
            }
            plain.add(theirs);
            ours.add(mine);
        }
        println!("\n{} expressions, {rounds} rounds, {} lanes", programs.len(), self.plain.len());
        println!("  mathics3   {:8.2} s   median {:7.1} ms", plain.wall, plain.median());
        println!("  glasshouse {:8.2} s   median {:7.1} ms", ours.wall, ours.median());
        println!("  ratio      {:8.2}x", plain.wall / ours.wall);
        println!("  prints that differ: {} of {}", differing.len(), programs.len() * rounds);
        differing.iter().for_each(|program| println!("    {program}"));
        Ok(())
    }

    fn ours(&mut self, programs: &[String]) -> Outcome<(f64, Vec<Said>)> {
        let whole = self.whole;
        block(&mut self.ours, programs, |lane, _, code| {
            let job = whole.job("wolfram", code, 7);
            let begun = Instant::now();
            let answer = lane.answer(&job).map_err(|fault| fault.message)?;
            let seconds = begun.elapsed().as_secs_f64();
            lane.get_ready();
            Ok(Said { seconds, printed: answer.stdout.text })
        })
    }

    fn plain(&mut self, programs: &[String], number: usize) -> Outcome<(f64, Vec<Said>)> {
        let scratch = self.scratch;
        block(&mut self.plain, programs, |lane, place, code| {
            let name = format!("{number}-{place}");
            let folder = scratch.join(&name);
            fs::create_dir(&folder)?;
            fs::write(folder.join("main.wl"), code)?;
            let seconds = lane.run(&name, "mathics3 --file main.wl")?;
            let printed = fs::read_to_string(folder.join("stdout"))?;
            fs::remove_dir_all(&folder)?;
            Ok(Said { seconds, printed })
        })
    }
}

/// Seconds of an arm, of blocks and of expressions.
#[derive(Default)]
struct Times {
    wall: f64,
    each: Vec<f64>,
}

impl Times {
    fn add(&mut self, (wall, said): (f64, Vec<Said>)) {
        self.wall += wall;
        self.each.extend(said.iter().map(|said| said.seconds));
    }

    /// In milliseconds.
    fn median(&self) -> f64 {
        let mut each = self.each.clone();
        each.sort_by(f64::total_cmp);
        each[each.len() / 2] * 1e3
    }
}
