//! Octave against plain `octave-cli`, as many lanes each, blocks of each arm in turn, pictures compared.
//!
//! `cargo bench -p glasshouse --bench octave`. Ours is timed from the job to its answer: run, taken out, checked and stored. Plain is
//! `octave-cli main.m` alone. Three kinds of scripts: those that print one figure; those that leave one open, which plain
//! is told to print at the end; those that draw nothing. `GLASSHOUSE_BENCH_ROUNDS` (default 2), `GLASSHOUSE_BENCH_LANES` (default: cores).

mod lanes;

use std::env;
use std::fs;
use std::path::Path;
use std::time::Instant;

use glasshouse::bench::{Whole, image_of};
use glasshouse::pipeline::Executor;
use image::RgbaImage;
use lanes::{Outcome, Shell, Turn, block, in_turns, times};

/// Scripts of one figure each, of the kinds that models write.
const PLOTS: [&str; 8] = [
    "x = linspace(0, 4*pi, 200);\nplot(x, sin(x), 'r-', x, cos(x), 'b--'); legend('sin', 'cos'); grid on; title('Waves');",
    "[x, y] = meshgrid(-2:0.2:2);\nsurf(x, y, x .* exp(-x.^2 - y.^2)); colorbar; xlabel('x'); ylabel('y');",
    "[x, y, z] = peaks(30);\ncontourf(x, y, z, 8); colormap(jet(8)); title('Peaks');",
    "bar([1 4 2; 3 2 5]); legend('a', 'b', 'c'); ylabel('count');",
    "randn('twister', 3);\nhist(randn(1, 500), 20); title('Histogram');",
    "for k = 1:4\n  subplot(2, 2, k); plot(1:10, (1:10).^k); title(sprintf('power %d', k));\nend",
    "scatter(1:20, mod((1:20) * 7, 11), 30, 1:20, 'filled'); xlabel('\\alpha'); ylabel('x_{max}');",
    "imagesc(magic(12)); colorbar; axis square; title('Magic');",
];
const TEXTS: [&str; 4] = [
    "A = magic(4); b = A * [1; 2; 3; 4]\nx = pinv(A) * b;\nprintf('%.3f\\n', x);",
    "words = strsplit('the quick brown fox', ' ');\nfor k = 1:numel(words)\n  printf('%s %d\\n', upper(words{k}), numel(words{k}));\nend",
    "clear all; close all; clc\np = polyfit(1:5, [2 4 6 8 10.5], 1)\ny = polyval(p, 6)",
    "f = @(x) x.^2 - 2;\nr = fzero(f, [0 2])\nq = quad(f, 0, 1)",
];
const PICTURE: &str = "picture.png";

fn main() -> Outcome<()> {
    let number = |name: &str, default: usize| env::var(name).ok().map_or(Ok(default), |text| text.parse());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (rounds, lanes) = (number("GLASSHOUSE_BENCH_ROUNDS", 2)?, number("GLASSHOUSE_BENCH_LANES", cores)?);
    let whole = Whole::new(Path::new(env!("CARGO_BIN_EXE_glasshouse")))?;
    let scratch = tempfile::tempdir()?;
    let mut ours = (0..lanes).map(|_| whole.executor().ok_or("no executor")).collect::<Result<Vec<_>, _>>()?;
    let image = image_of("octave")?;
    let mut plain = (0..lanes).map(|_| Shell::start(&image, scratch.path())).collect::<Outcome<Vec<_>>>()?;
    let mut bench = Bench { whole: &whole, ours: &mut ours, plain: &mut plain, scratch: scratch.path() };
    let print = format!("\nprint -dpng {PICTURE}\n");
    let same = |code: &&str| (format!("{code}\n"), format!("{code}\n"));
    let printing = PLOTS.map(|code| same(&format!("{code}{print}").as_str()));
    let leaving = PLOTS.map(|code| (format!("{code}\n"), format!("{code}{print}")));
    bench.compare("scripts that print a figure", &printing, rounds)?;
    bench.compare("scripts that leave a figure open", &leaving, rounds)?;
    bench.compare("scripts that draw nothing", &TEXTS.each_ref().map(same), rounds)
}

/// A script as we get it, and as plain does.
type Script = (String, String);

struct Bench<'a> {
    whole: &'a Whole,
    ours: &'a mut [Box<dyn Executor>],
    plain: &'a mut [Shell],
    scratch: &'a Path,
}

impl Bench<'_> {
    fn compare(&mut self, what: &str, scripts: &[Script], rounds: usize) -> Outcome<()> {
        let Self { whole, ours, plain, scratch } = self;
        // Workers start with their first job.
        by_ours(whole, ours, scripts)?;
        let [by_plain, by_ours] =
            in_turns(2 * rounds, |round| by_plain(plain, scratch, scripts, round), || by_ours(whole, ours, scripts))?;
        let pairs = by_ours.iter().zip(&by_plain).flat_map(|(ours, plain)| ours.1.iter().zip(&plain.1));
        let (mut pictures, mut differing) = (0, 0);
        for ((_, ours), (_, plain)) in pairs {
            pictures += usize::from(!plain.is_empty());
            differing += usize::from(decoded(ours)? != decoded(plain)?);
        }
        let ((a, plain_median), (b, our_median)) = (times(&by_plain), times(&by_ours));
        println!("\n{what}: {} scripts, {} rounds, {} lanes", scripts.len(), 2 * rounds, plain.len());
        println!("  octave-cli {a:8.2} s   median {plain_median:7.1} ms");
        println!("  glasshouse {b:8.2} s   median {our_median:7.1} ms");
        println!("  ratio      {:8.2}x", a / b);
        println!("  pictures that differ: {differing} of {pictures}");
        Ok(())
    }
}

fn by_ours(whole: &Whole, lanes: &mut [Box<dyn Executor>], scripts: &[Script]) -> Outcome<Turn<Vec<u8>>> {
    block(lanes, scripts, |lane, _, (code, _)| {
        let job = whole.job("octave", code, 7);
        let begun = Instant::now();
        let answer = lane.answer(&job).map_err(|fault| fault.message)?;
        let seconds = begun.elapsed().as_secs_f64();
        lane.get_ready();
        let picture = answer.artifacts.iter().find(|artifact| artifact.media_type == "image/png");
        let bytes = picture.and_then(|picture| picture.hash).map_or(Ok(Vec::new()), |hash| whole.bytes(&hash))?;
        Ok((seconds, bytes))
    })
}

fn by_plain(lanes: &mut [Shell], scratch: &Path, scripts: &[Script], round: usize) -> Outcome<Turn<Vec<u8>>> {
    block(lanes, scripts, |lane, place, (_, code)| {
        let name = format!("{round}-{place}");
        let folder = scratch.join(&name);
        fs::create_dir(&folder)?;
        fs::write(folder.join("main.m"), code)?;
        let seconds = lane.run(&name, "octave-cli main.m")?;
        let picture = fs::read(folder.join(PICTURE)).unwrap_or_default();
        fs::remove_dir_all(&folder)?;
        Ok((seconds, picture))
    })
}

/// The pixels of a picture; none of none.
fn decoded(picture: &[u8]) -> Outcome<Option<RgbaImage>> {
    Ok(if picture.is_empty() { None } else { Some(image::load_from_memory(picture)?.to_rgba8()) })
}
