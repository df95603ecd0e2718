//! Films and what is taken out of them: frames, time stamps, the timeline.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use glasshouse_images::Image;
use serde_json::{Value, json};

use crate::DONE;
use crate::command::{Done, lines, run};

/// An ffmpeg that has nothing to do with what draws or decodes in the manim image: that of the python image, unless this names another.
const FFMPEG: &str = "GLASSHOUSE_FFMPEG";
static PYTHON: LazyLock<Image> = LazyLock::new(|| glasshouse::bench::image_of("python").unwrap());

const FILM: &str = "media/videos/main/480p15/Grow.mp4";

#[test]
fn frames_are_those_on_show_at_the_times_asked_for() {
    let at = |id: &str| -> Vec<(u64, Option<f64>)> {
        let told = |name: &&str| name.starts_with("frames/") && !name.ends_with("-last.png");
        let facts = |name: &str| DONE.artifact(id, name)["facts"].clone();
        let mut names: Vec<&str> = DONE.names(id).into_iter().filter(told).collect();
        names.sort_unstable();
        let told = |facts: serde_json::Value| {
            let (frame, at) = (facts["frame"].as_u64().unwrap(), facts["at"].as_f64().unwrap());
            assert!((at - frame as f64 / 15.0).abs() < 1e-12, "{facts}");
            (frame, facts["wanted"].as_f64())
        };
        names.into_iter().map(facts).map(told).collect()
    };
    // 22 frames: a second's animation and half a second's wait, of which Manim makes seven frames.
    assert_eq!(at("count"), [(0, None), (7, None), (14, None), (21, None)]);
    assert_eq!(at("at"), [(18, Some(1.2)), (0, Some(0.0)), (7, Some(0.5))]);
    assert_eq!(at("every"), [(0, Some(0.0)), (7, Some(0.5)), (15, Some(1.0))]);
    let last = |id: &str| DONE.artifact(id, "frames/Grow-last.png")["facts"].clone();
    assert_eq!(last("at")["frame"], 21);
    assert_eq!(last("at"), last("all-scenes"));
    assert_eq!(DONE.picture("count", "frames/Grow-004.png"), DONE.picture("all-scenes", "frames/Grow-last.png"));
    // The last one is there whatever else was asked for.
    assert_eq!(last("past-the-end"), last("at"));
}

#[test]
fn what_cannot_be_taken_is_said_in_the_rows_own_terms() {
    let why = |id: &str| DONE.record(id)["cause"]["message"].as_str().unwrap();
    assert_eq!(why("past-the-end"), "frames.at: 7.0 s is past the end of Grow.mp4, which is 1.46667 s long");
    assert!(why("too-many").starts_with("frames.every: 0.001 s gives more than 256 pictures"), "{}", why("too-many"));
    assert!(why("late-for-a-picture").contains("scene Still, which plays nothing"), "{}", why("late-for-a-picture"));
}

#[test]
fn a_film_has_the_timeline_of_its_animations() {
    let film = DONE.artifact("all-scenes", FILM);
    assert_eq!((&film["kind"], &film["origin"]["line"]), (&json!("video"), &json!(4)));
    let facts = &film["facts"];
    let circle = json!([{"class": "Circle"}]);
    assert_eq!(facts["animations"][0], json!({"class": "Create", "start": 0.0, "end": 1.0, "targets": circle}));
    assert_eq!((&facts["animations"][1]["class"], &facts["animations"][1]["start"]), (&json!("Wait"), &json!(1.0)));
    assert_eq!((&facts["scene"], &facts["frames"]), (&json!("Grow"), &json!(22)));
    let (end, length) = (facts["plays"][1]["end"].as_f64().unwrap(), facts["length"].as_f64().unwrap());
    assert!((end - length).abs() < 1e-6, "{end} {length}");
    // A scene that plays nothing is a picture, as the command makes it.
    let names = DONE.names("one-scene");
    assert_eq!(names, ["media/images/main/Still_ManimCE_v0.22.0.png"]);
}

#[test]
fn nothing_but_what_was_rendered_is_left() {
    for id in ["all-scenes", "tex", "count", "gif"] {
        let names = DONE.names(id);
        let ours = |name: &&str| name.starts_with("frames/");
        let theirs =
            |name: &&str| name.ends_with(".mp4") || name.ends_with(".gif") || name.starts_with("media/images/");
        assert!(names.iter().all(|name| ours(name) || theirs(name)), "{names:?}");
    }
}

#[test]
fn size_rate_and_format_are_the_rows() {
    assert_eq!(DONE.size("rate", "frames/Turn-001.png"), (320, 180));
    let film = DONE.names("rate").into_iter().find(|name| name.ends_with("Turn.mp4")).unwrap();
    let facts = &DONE.artifact("rate", film)["facts"];
    assert_eq!((&facts["frames"], facts["length"].as_f64()), (&json!(10), Some(1.0)));
    let gif = DONE.names("gif").into_iter().find(|name| name.ends_with(".gif")).unwrap();
    assert_eq!(DONE.artifact("gif", gif)["media_type"], "image/gif");
    assert!(DONE.names("last-frame-only").iter().all(|name| name.ends_with(".png")));
    // White by the row's own settings; black by Manim's.
    let corner = |id: &str| DONE.picture(id, "media/images/main/Still_ManimCE_v0.22.0.png").get_pixel(0, 0).0;
    assert_eq!((corner("settings"), corner("one-scene")), ([255; 4], [0, 0, 0, 255]));
}

#[test]
fn frames_are_those_that_ffmpeg_gives_at_the_same_time_stamps() {
    let ids = ["all-scenes", "count", "at", "every", "rate"];
    let mut compared = 0;
    for id in ids {
        compared += compare_with_ffmpeg(&DONE, id).unwrap();
    }
    assert!(compared >= 20, "{compared}");
}

/// How many frames of a row are equal to ffmpeg's, or which is not.
pub(crate) fn compare_with_ffmpeg(done: &Done, id: &str) -> Result<usize, String> {
    let mut compared = 0;
    for name in done.names(id).into_iter().filter(|name| name.starts_with("frames/")) {
        let artifact = done.artifact(id, name);
        let film = artifact["origin"]["path"].as_str().unwrap();
        let picture = done.picture(id, name);
        let theirs = ffmpeg(&done.bytes(id, film), artifact["facts"]["frame"].as_u64().unwrap());
        let ours: Vec<u8> = picture.pixels().flat_map(|pixel| pixel.0[..3].to_vec()).collect();
        if ours != theirs {
            let most = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
            return Err(format!("{id}: {name}: {} and {} bytes, at most {most:?}", ours.len(), theirs.len()));
        }
        let shown = time_of(&done.bytes(id, film), artifact["facts"]["frame"].as_u64().unwrap());
        let at = artifact["facts"]["at"].as_f64().unwrap();
        if (shown - at).abs() > 1e-9 {
            return Err(format!("{id}: {name}: at {at}, ffmpeg's time is {shown}"));
        }
        compared += 1;
    }
    Ok(compared)
}

/// The pixels of one frame by ffmpeg, red, green, blue.
fn ffmpeg(film: &[u8], frame: u64) -> Vec<u8> {
    let select = format!("select=eq(n\\,{frame})");
    let words =
        ["-vf", &select, "-fps_mode", "passthrough", "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"];
    run_ffmpeg(film, &words).0
}

/// The time of one frame by ffmpeg, in seconds from the film's first.
fn time_of(film: &[u8], frame: u64) -> f64 {
    let log = run_ffmpeg(film, &["-vf", "showinfo", "-fps_mode", "passthrough", "-f", "null", "-"]).1;
    let number = |text: &str| text.trim_start().split([' ', ',']).next().unwrap().parse::<f64>().unwrap();
    // pts_time has six digits only; these two are exact.
    let (over, under) = log.split_once("config in time_base: ").unwrap().1.split_once('/').unwrap();
    let (over, under) = (number(over), number(under));
    let shown = log.lines().filter(|line| line.contains("pts_time:"));
    let stamps: Vec<f64> = shown.map(|line| number(line.split_once("pts:").unwrap().1)).collect();
    (stamps[frame as usize] - stamps[0]) * over / under
}

/// What it wrote on stdout and stderr.
fn run_ffmpeg(film: &[u8], words: &[&str]) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    fs::write(&path, film).unwrap();
    let program = std::env::var_os(FFMPEG).map_or_else(|| PYTHON.root.join("usr/local/bin/ffmpeg"), Into::into);
    let program = fs::canonicalize(&program).unwrap_or_else(|_| inside(&program));
    let mut command = Command::new(program);
    let done = command.arg("-i").arg(&path).args(words).stdin(Stdio::null()).output().unwrap();
    let log = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{log}");
    (done.stdout, log)
}

/// A link of the image, whose target is a path of the image.
fn inside(link: &std::path::Path) -> std::path::PathBuf {
    let target = fs::read_link(link).unwrap();
    PYTHON.root.join(target.strip_prefix("/").unwrap_or(&target))
}

/// Ten scenes of the documentation, with frames asked for in each of the three ways; all times are ffmpeg's.
#[test]
fn ten_scenes_give_ffmpegs_frames() {
    let Some(rows) = crate::fidelity::shared() else { return };
    let plays = |row: &&Value| row["code"].as_str().unwrap().contains("self.play(");
    let asked = [json!({"count": 8}), json!({"at": [0.1, 0.5]}), json!({"every": 0.5})];
    let number = if std::env::var_os(crate::fidelity::ALL).is_some() { 10 } else { 2 };
    let rows: Vec<Value> = rows
        .iter()
        .filter(plays)
        .step_by(5)
        .take(number)
        .cloned()
        .enumerate()
        .map(|(place, mut row)| {
            row["manim"] = json!({"quality": "low"});
            row["frames"] = asked[place % asked.len()].clone();
            row
        })
        .collect();
    let done = run(&lines(&rows));
    let mut compared = 0;
    for row in &rows {
        compared += compare_with_ffmpeg(&done, row["id"].as_str().unwrap()).unwrap();
    }
    println!("{} scenes, {compared} frames equal to ffmpeg's", rows.len());
    assert!(compared > rows.len());
}
