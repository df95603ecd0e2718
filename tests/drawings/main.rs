//! Drawings end to end, through the command: verdicts, pictures, references, and documents that mean harm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/command.rs"]
mod command;

use command::{fixtures, lines, run};
use serde_json::json;

#[test]
fn drawings_get_the_verdicts_that_they_must_get() {
    let rows = fixtures("drawings");
    let done = run(&rows);
    assert_eq!(done.unexpected(&rows), Vec::<String>::new());

    let plain = done.record("plain");
    assert_eq!(plain["artifacts"][0]["facts"]["texts"], json!(["Hello 你好"]));
    assert!(plain["runtime"]["versions"]["fonts-noto-cjk"].is_string());
    let layers = plain["backend"]["layers"].to_string();
    assert!(layers.contains("seccomp") && layers.contains("landlock"), "{layers}");
    // The letters are drawn, the Chinese ones too.
    let drawn = done.picture("plain", "drawing.png");
    let dark = |from: u32, to: u32| (from..to).any(|x| (0..100).any(|y| drawn.get_pixel(x, y).0[3] > 128));
    assert!(dark(100, 130) && dark(145, 155), "no text");
    assert_eq!(done.picture("zoomed", "drawing.png").dimensions(), (400, 200));
    let refused: Vec<&str> =
        done.record("outside")["refused"].as_array().unwrap().iter().filter_map(|one| one["about"].as_str()).collect();
    assert_eq!(refused, ["/etc/passwd", "http://x.example/a.png"]);
    assert!(done.record("not-closed")["error"]["message"].is_string());
}

/// Documents that mean harm, between plain ones that must not notice: the limits hold, the helper is replaced.
#[test]
fn a_drawing_that_takes_too_much_costs_only_itself() {
    let svg = |body: &str| format!("<svg xmlns='http://www.w3.org/2000/svg' width='3000' height='3000'>{body}</svg>");
    let blur = "<filter id='b'><feGaussianBlur stdDeviation='90'/></filter>";
    let slow = svg(&format!("{blur}{}", "<rect width='2000' height='2000' filter='url(#b)'/>".repeat(3000)));
    let layers = svg(&("<g opacity='.9'><rect width='2999' height='2999'/>".repeat(200) + &"</g>".repeat(200)));
    let deep = svg(&("<g>".repeat(200_000) + &"</g>".repeat(200_000)));
    let uses: String = (1..25)
        .map(|level| format!("<g id='u{level}'><use href='#u{0}'/><use href='#u{0}'/></g>", level - 1))
        .collect();
    let multiplied = svg(&format!("<g id='u0'><rect width='1' height='1'/></g>{uses}"));
    let harm = [
        ("slow", slow, "time_limit_exceeded cpu"),
        ("layers", layers, "memory_limit_exceeded memory"),
        ("deep", deep, "runtime_error too_many_elements"),
        ("multiplied", multiplied, "runtime_error too_many_elements"),
    ];
    let mut rows = Vec::new();
    for (name, code, _) in &harm {
        let limits = json!({"cpu": "2s", "memory": "600MiB"});
        rows.push(json!({"id": name, "runtime": "svg", "code": code, "limits": limits}));
        // Another seed makes another job of the same drawing.
        let (plain, seed) = (svg("<rect width='99' height='99'/>"), rows.len());
        rows.push(json!({"id": format!("after {name}"), "runtime": "svg", "code": plain, "seed": seed}));
    }
    let done = run(&lines(&rows));
    assert_eq!(done.records.len(), 2 * harm.len());
    for (name, _, expected) in &harm {
        assert_eq!(done.said(name), *expected, "{name}: {}", done.record(name)["cause"]);
        assert_eq!(done.said(&format!("after {name}")), "ok");
    }
}
