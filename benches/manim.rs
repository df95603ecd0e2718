//! Manim against the plain `manim` command, as many lanes each, blocks of each arm in turn, films and pictures compared to the byte.
//!
//! `cargo bench -p glasshouse --bench manim`. Ours is timed from the job to its answer: rendered, the last frame decoded, everything taken out,
//! checked and stored. Plain is `manim render main.py SCENE` alone, in an empty folder. Scenes are rows of a file, `GLASSHOUSE_BENCH_ROWS`
//! (default: ../shared/data/scenes.jsonl) whose films take less than five seconds; pictures count as films of no time.
//! `GLASSHOUSE_BENCH_COUNT` (rows, evenly spread; default 20), `GLASSHOUSE_BENCH_QUALITY` (default low), `GLASSHOUSE_BENCH_ROUNDS` (default 1),
//! `GLASSHOUSE_BENCH_LANES` (default: cores).

mod lanes;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use glasshouse::bench::{Whole, image_of};
use glasshouse::pipeline::Executor;
use glasshouse_model::scenes::{ManimOptions, Quality, SceneRequest};
use glasshouse_model::{ArtifactKind, Job};
use lanes::{Outcome, Shell, block};

/// Films that take longer are left out, in seconds.
const LONGEST: f64 = 5.0;

/// What one arm says of one scene.
#[derive(Clone, Default)]
struct Said {
    seconds: f64,
    /// The film or the picture.
    file: Vec<u8>,
    /// How long the film is, in seconds.
    length: f64,
}

struct Scene {
    id: String,
    name: String,
    code: String,
}

fn main() -> Outcome<()> {
    let number = |name: &str, default: usize| env::var(name).ok().map_or(Ok(default), |text| text.parse());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (count, rounds) = (number("GLASSHOUSE_BENCH_COUNT", 20)?, number("GLASSHOUSE_BENCH_ROUNDS", 1)?);
    let lanes = number("GLASSHOUSE_BENCH_LANES", cores)?;
    let quality = env::var("GLASSHOUSE_BENCH_QUALITY").unwrap_or_else(|_| "low".to_owned());
    let quality: Quality = serde_json::from_value(quality.into())?;
    let whole = Whole::new(Path::new(env!("CARGO_BIN_EXE_glasshouse")))?;
    let (image, scratch) = (image_of("manim")?, tempfile::tempdir()?);
    let ours = (0..lanes).map(|_| whole.executor().ok_or("no executor")).collect::<Result<Vec<_>, _>>()?;
    let start = |_| Shell::start(&image, scratch.path());
    let plain = (0..lanes).map(start).collect::<Outcome<Vec<_>>>()?;
    Bench { whole: &whole, ours, plain, scratch: scratch.path(), quality }.compare(scenes(count)?, rounds)
}

fn scenes(count: usize) -> Outcome<Vec<Scene>> {
    let path = match env::var_os("GLASSHOUSE_BENCH_ROWS") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/scenes.jsonl"),
    };
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let rows: Vec<serde_json::Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let step = (rows.len() as f64 / count as f64).max(1.0);
    let chosen = (0..count).map(|index| (index as f64 * step) as usize).take_while(|index| *index < rows.len());
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let scene =
        |row: &serde_json::Value| Scene { id: text(row, "id"), name: text(row, "scene"), code: text(row, "code") };
    Ok(chosen.map(|index| scene(&rows[index])).collect())
}

struct Bench<'a> {
    whole: &'a Whole,
    ours: Vec<Box<dyn Executor>>,
    plain: Vec<Shell>,
    scratch: &'a Path,
    quality: Quality,
}

impl Bench<'_> {
    fn compare(&mut self, scenes: Vec<Scene>, rounds: usize) -> Outcome<()> {
        // Also finds out which of them render at all, and how long their films are.
        let first = self.ours(&scenes)?.1;
        let short = |said: &Said| !said.file.is_empty() && said.length < LONGEST;
        let scenes: Vec<Scene> =
            scenes.into_iter().zip(first).filter(|(_, said)| short(said)).map(|(scene, _)| scene).collect();
        let (mut films, mut pictures, mut differing) = (Times::default(), Times::default(), Vec::new());
        let (mut walls, mut plain_walls) = (0.0, 0.0);
        for round in 0..2 * rounds {
            // Another arm goes first each time.
            let ((plain_wall, plain), (wall, ours)) = if round % 2 == 0 {
                let plain = self.plain(&scenes, round)?;
                (plain, self.ours(&scenes)?)
            } else {
                let ours = self.ours(&scenes)?;
                (self.plain(&scenes, round)?, ours)
            };
            walls += wall;
            plain_walls += plain_wall;
            for ((scene, plain), ours) in scenes.iter().zip(&plain).zip(&ours) {
                let times = if ours.length > 0.0 { &mut films } else { &mut pictures };
                times.plain.push(plain.seconds);
                times.ours.push(ours.seconds);
                if plain.file != ours.file {
                    differing.push(scene.id.clone());
                }
            }
        }
        println!(
            "\n{} scenes under {LONGEST} s, quality {:?}, {} rounds, {} lanes",
            scenes.len(),
            self.quality,
            2 * rounds,
            self.plain.len()
        );
        println!("  manim      {plain_walls:8.2} s in all");
        println!("  glasshouse {walls:8.2} s in all, the last frame of each film as a picture");
        println!("  ratio      {:8.2}x", plain_walls / walls);
        films.print("films");
        pictures.print("pictures");
        println!("  files that differ: {} of {} {}", differing.len(), scenes.len() * 2 * rounds, differing.join(", "));
        Ok(())
    }

    fn ours(&mut self, scenes: &[Scene]) -> Outcome<(f64, Vec<Said>)> {
        let (whole, quality) = (self.whole, self.quality);
        block(&mut self.ours, scenes, |lane, _, scene| {
            let manim = ManimOptions { quality: Some(quality), ..ManimOptions::default() };
            let scenes = SceneRequest { scene: Some(scene.name.clone()), manim, frames: None };
            let job = Job { scenes, ..whole.job("manim", &scene.code, 7) };
            let begun = Instant::now();
            let answer = lane.answer(&job).map_err(|fault| fault.message)?;
            let seconds = begun.elapsed().as_secs_f64();
            lane.get_ready();
            let film = answer.artifacts.iter().find(|artifact| artifact.name.starts_with("media/"));
            let length = film.filter(|film| film.kind == ArtifactKind::Video).and_then(|film| film.duration);
            let file = film.and_then(|film| film.hash).map_or(Ok(Vec::new()), |hash| whole.bytes(&hash))?;
            Ok(Said { seconds, file, length: length.unwrap_or(0.0) })
        })
    }

    fn plain(&mut self, scenes: &[Scene], round: usize) -> Outcome<(f64, Vec<Said>)> {
        let (scratch, quality) = (self.scratch, self.quality);
        let letter = match quality {
            Quality::Low => "l",
            Quality::Medium => "m",
            Quality::High => "h",
            Quality::Production => "p",
            Quality::Fourk => "k",
        };
        block(&mut self.plain, scenes, |lane, place, scene| {
            let folder = format!("{round}-{place}");
            let path = scratch.join(&folder);
            fs::create_dir(&path)?;
            fs::write(path.join("main.py"), &scene.code)?;
            let seconds = lane.run(&folder, &format!("manim render --quality {letter} main.py {}", scene.name))?;
            let file = written(&path, &scene.name)?;
            fs::remove_dir_all(&path)?;
            Ok(Said { seconds, file, length: 0.0 })
        })
    }
}

/// The film of a scene, else its picture.
fn written(folder: &Path, scene: &str) -> Outcome<Vec<u8>> {
    let videos = folder.join("media/videos/main");
    for entry in fs::read_dir(videos).into_iter().flatten().flatten() {
        if let Ok(film) = fs::read(entry.path().join(format!("{scene}.mp4"))) {
            return Ok(film);
        }
    }
    let mut pictures = fs::read_dir(folder.join("media/images/main")).into_iter().flatten().flatten();
    let picture = pictures.find(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{scene}_")));
    Ok(picture.map(|entry| fs::read(entry.path())).transpose()?.unwrap_or_default())
}

/// Seconds of each scene, by arm.
#[derive(Default)]
struct Times {
    plain: Vec<f64>,
    ours: Vec<f64>,
}

impl Times {
    fn print(mut self, what: &str) {
        if self.plain.is_empty() {
            return;
        }
        let (a, b) = (self.plain.iter().sum::<f64>(), self.ours.iter().sum::<f64>());
        let median = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let number = self.plain.len();
        let (plain, ours) = (median(&mut self.plain), median(&mut self.ours));
        println!(
            "  {what:8} ({number}): {:.2}x in all; medians {plain:.2} s and {ours:.2} s, {:.2}x",
            a / b,
            plain / ours
        );
    }
}
