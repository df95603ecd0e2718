//! R against plain `Rscript`, as many lanes each, blocks of each arm in turn, documents and pictures compared.
//!
//! `cargo bench -p glasshouse --bench r`. Ours is timed from the job to its answer: run, taken out, every page drawn as a picture,
//! checked and stored. Plain is `Rscript main.R` alone. Two kinds of scripts: those with one ggplot (below), and those of a file,
//! `GLASSHOUSE_BENCH_ROWS` (default: ../shared/data/ggplots.jsonl if it is there). `GLASSHOUSE_BENCH_COUNT` (rows of it, evenly
//! spread; default 20), `GLASSHOUSE_BENCH_ROUNDS` (default 2), `GLASSHOUSE_BENCH_LANES` (default: cores).

mod lanes;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use glasshouse::bench::{Whole, image_of};
use glasshouse::pipeline::Executor;
use glasshouse_model::ArtifactKind;
use lanes::{Outcome, Shell, Turn, block, in_turns, times};

/// Scripts of one ggplot each, of the kinds that models write.
const SINGLE: [&str; 8] = [
    "ggplot(mtcars, aes(wt, mpg, colour = factor(cyl))) + geom_point(size = 3) + labs(title = 'Cars', x = 'Weight', y = 'Miles')",
    "ggplot(mpg, aes(class, fill = drv)) + geom_bar(position = 'dodge') + theme_minimal()",
    "ggplot(economics, aes(date, unemploy)) + geom_line(colour = 'steelblue') + theme_bw()",
    "ggplot(iris, aes(Species, Sepal.Length, fill = Species)) + geom_boxplot() + scale_fill_brewer(palette = 'Set2')",
    "ggplot(faithful, aes(waiting)) + geom_histogram(bins = 20, fill = 'darkgreen') + labs(title = 'Old Faithful')",
    "ggplot(mpg, aes(displ, hwy)) + geom_point() + facet_wrap(~class) + theme_light()",
    "ggplot(mtcars, aes(wt, mpg)) + geom_point() + geom_smooth(method = 'lm', formula = y ~ x)",
    "d <- expand.grid(x = 1:12, y = 1:12)\nd$z <- sin(d$x / 2) * cos(d$y / 3)\nggplot(d, aes(x, y, fill = z)) + geom_tile() + scale_fill_viridis_c()",
];

fn main() -> Outcome<()> {
    let number = |name: &str, default: usize| env::var(name).ok().map_or(Ok(default), |text| text.parse());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (count, rounds) = (number("GLASSHOUSE_BENCH_COUNT", 20)?, number("GLASSHOUSE_BENCH_ROUNDS", 2)?);
    let lanes = number("GLASSHOUSE_BENCH_LANES", cores)?;
    let whole = Whole::new(Path::new(env!("CARGO_BIN_EXE_glasshouse")))?;
    let scratch = tempfile::tempdir()?;
    let mut ours = (0..lanes).map(|_| whole.executor().ok_or("no executor")).collect::<Result<Vec<_>, _>>()?;
    let mut plain = (0..lanes).map(|_| Plain::start(scratch.path())).collect::<Outcome<Vec<_>>>()?;
    let single: Vec<String> = SINGLE.iter().map(|code| format!("library(ggplot2)\n{code}\n")).collect();
    let mut bench = Bench { whole: &whole, ours: &mut ours, plain: &mut plain, scratch: scratch.path() };
    bench.compare("scripts of one ggplot", &single, rounds)?;
    match rows(count)? {
        Some(rows) => bench.compare("scripts of the file", &rows, rounds),
        None => Ok(println!("no file of scripts: set GLASSHOUSE_BENCH_ROWS")),
    }
}

fn rows(count: usize) -> Outcome<Option<Vec<String>>> {
    let path = match env::var_os("GLASSHOUSE_BENCH_ROWS") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ggplots.jsonl"),
    };
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path)?;
    let rows: Vec<serde_json::Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let step = (rows.len() as f64 / count as f64).max(1.0);
    let chosen = (0..count).map(|index| (index as f64 * step) as usize).take_while(|index| *index < rows.len());
    Ok(Some(chosen.map(|index| rows[index]["code"].as_str().unwrap_or_default().to_owned()).collect()))
}

/// A shell in the image's root that runs `Rscript` when it is told to.
struct Plain(Shell);

impl Plain {
    fn start(scratch: &Path) -> Outcome<Self> {
        Ok(Self(Shell::start(&image_of("r")?, scratch)?))
    }

    /// Runs the script in a folder; its document.
    fn run(&mut self, scratch: &Path, name: &str, code: &str) -> Outcome<(f64, Vec<u8>)> {
        let folder = scratch.join(name);
        fs::create_dir(&folder)?;
        fs::write(folder.join("main.R"), code)?;
        let seconds = self.0.run(name, "Rscript main.R")?;
        let document = fs::read(folder.join("Rplots.pdf")).unwrap_or_default();
        fs::remove_dir_all(&folder)?;
        Ok((seconds, document))
    }
}

struct Bench<'a> {
    whole: &'a Whole,
    ours: &'a mut [Box<dyn Executor>],
    plain: &'a mut [Plain],
    scratch: &'a Path,
}

impl Bench<'_> {
    fn compare(&mut self, what: &str, scripts: &[String], rounds: usize) -> Outcome<()> {
        // Zygotes that are worth it exist after the second appearance.
        for _ in 0..2 {
            by_ours(self.whole, self.ours, scripts)?;
        }
        let Self { whole, ours, plain, scratch } = self;
        let [plain, ours] =
            in_turns(2 * rounds, |round| by_plain(plain, scratch, scripts, round), || by_ours(whole, ours, scripts))?;
        let pairs = ours.iter().zip(&plain).flat_map(|(ours, plain)| ours.1.iter().zip(&plain.1));
        let differing = pairs.filter(|(ours, plain)| without_dates(&ours.1) != without_dates(&plain.1)).count();
        let ((a, plain_median), (b, our_median)) = (times(&plain), times(&ours));
        println!("\n{what}: {} scripts, {} rounds, {} lanes", scripts.len(), 2 * rounds, self.plain.len());
        println!("  Rscript    {a:8.2} s   median {:7.1} ms", plain_median);
        println!("  glasshouse {b:8.2} s   median {:7.1} ms   every page as a picture", our_median);
        println!("  ratio      {:8.2}x", a / b);
        println!("  documents that differ: {differing} of {}", scripts.len() * 2 * rounds);
        Ok(())
    }
}

fn by_ours(whole: &Whole, lanes: &mut [Box<dyn Executor>], scripts: &[String]) -> Outcome<Turn<Vec<u8>>> {
    block(lanes, scripts, |lane, _, code| {
        let job = whole.job("r", code, 7);
        let begun = Instant::now();
        let answer = lane.answer(&job).map_err(|fault| fault.message)?;
        let seconds = begun.elapsed().as_secs_f64();
        lane.get_ready();
        let figures = answer.artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Figure);
        if figures.clone().any(|figure| figure.hash.is_none()) {
            return Err("a page was not drawn".into());
        }
        let document = answer.artifacts.iter().find(|artifact| artifact.name == "Rplots.pdf");
        let bytes = document.and_then(|document| document.hash).map_or(Ok(Vec::new()), |hash| whole.bytes(&hash))?;
        Ok((seconds, bytes))
    })
}

fn by_plain(lanes: &mut [Plain], scratch: &Path, scripts: &[String], round: usize) -> Outcome<Turn<Vec<u8>>> {
    block(lanes, scripts, |lane, place, code| lane.run(scratch, &format!("{round}-{place}"), code))
}

/// A PDF without the moment at which it was made.
fn without_dates(document: &[u8]) -> String {
    let text = String::from_utf8_lossy(document);
    text.lines().filter(|line| !line.starts_with("/CreationDate") && !line.starts_with("/ModDate")).collect()
}
