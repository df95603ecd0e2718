//! Frames of moving pages: by the page's own time to the millisecond, and by the clock.

use std::io::Cursor;

use glasshouse_web::{Captures, Ending, Frames, PageJob, Shot, Step, WebError};

use super::{complete, renderer, site};

/// Bars whose lengths say what each of the ways in which a page can know the time has come to, a pixel for each 10 ms.
const BARS: &str = "<!DOCTYPE html><style>body{margin:0}div{height:20px;background:#00f;width:0}\
    @keyframes grow{from{width:0}to{width:1000px}}#css{animation:grow 10s linear forwards}</style>\
    <div id=timer></div><div id=date></div><div id=now></div><div id=frame></div><div id=css></div><script>\
    const long = (id, ms) => { document.getElementById(id).style.width = Math.round(ms / 10) + 'px' };\
    const began = Date.now(), first = performance.now(); let ticks = 0;\
    setInterval(() => { long('timer', ++ticks * 20); long('date', Date.now() - began); long('now', performance.now() - first) }, 20);\
    const draw = (t) => { long('frame', t - first); requestAnimationFrame(draw) }; requestAnimationFrame(draw)</script>";

fn frames(every: u64, count: u64) -> Captures {
    Captures { frames: Some(Frames { every: Some(every), count: Some(count), at: None }), ..Captures::default() }
}

/// The lengths of the bars in a picture.
fn lengths(bytes: &[u8]) -> [i64; 5] {
    let picture =
        image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap().decode().unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (1280, 720));
    [10, 30, 50, 70, 90].map(|y| (0..1280).take_while(|x| picture.get_pixel(*x, y).0[0] < 128).count() as i64)
}

#[test]
fn in_virtual_time_frames_are_exact_and_repeatable() {
    let mut renderer = renderer();
    let mut job = PageJob::of_html(BARS);
    job.options.virtual_time = Some(500);
    job.captures = frames(200, 6);
    let reports: Vec<_> = (0..2).map(|_| complete(&mut renderer, &job)).collect();
    let seen: Vec<Vec<[i64; 5]>> =
        reports.iter().map(|report| report.shots.iter().map(|shot| lengths(&shot.bytes)).collect()).collect();
    println!("{seen:?}");
    for (report, seen) in reports.iter().zip(&seen) {
        assert_eq!(seen.len(), 6);
        for (index, (shot, bars)) in report.shots.iter().zip(seen).enumerate() {
            let at = (index * 200) as f64 / 1000.0;
            assert_eq!((shot.at, shot.wanted), (at, Some(at)));
            assert_eq!(shot.name, format!("frame-{:03}", index + 1));
            // Timers and clocks are the page's own time, which moves by what frames ask for and nothing else. What is drawn
            // sixty times in a second is behind them by less than a sixtieth.
            for bar in 0..5 {
                let (moved, wanted) = (bars[bar] - seen[0][bar], index as i64 * 20);
                let allowed = if bar < 3 { 0 } else { 2 };
                assert!((moved - wanted).abs() <= allowed, "bar {bar} of frame {index}: {seen:?}");
            }
        }
    }
}

#[test]
fn by_the_clock_frames_come_in_order_and_never_early() {
    let mut renderer = renderer();
    let mut job = site(BARS);
    job.captures = Captures {
        frames: Some(Frames { at: Some(vec![0, 250, 300, 900]), ..Frames::default() }),
        shots: vec![Shot::default()],
        ..Captures::default()
    };
    let report = complete(&mut renderer, &job);
    let names: Vec<&str> = report.shots.iter().map(|shot| shot.name.as_str()).collect();
    assert_eq!(names, ["frame-001", "frame-002", "frame-003", "frame-004", "page"]);
    assert!(report.shots[4].wanted.is_none());
    let frames = &report.shots[..4];
    let bars: Vec<[i64; 5]> = frames.iter().map(|shot| lengths(&shot.bytes)).collect();
    println!("{:?} {bars:?}", frames.iter().map(|shot| shot.at).collect::<Vec<_>>());
    assert!(frames.iter().all(|shot| shot.at >= shot.wanted.unwrap()), "{report:?}");
    // Everything that moves has moved from each to the next, and the animation was not brought to its end for a frame.
    for pair in bars.windows(2) {
        assert!((0..5).all(|bar| pair[0][bar] < pair[1][bar]), "{bars:?}");
    }
    assert!(bars.iter().all(|bars| bars[4] < 1000), "{bars:?}");
}

#[test]
fn frames_follow_the_last_action_and_end_at_the_deadline() {
    let mut renderer = renderer();
    let html = "<button style='width:100px' onclick='this.style.width = \"600px\"'>x</button>";
    let mut job = site(html);
    job.steps = vec![Step::Click { selector: "button".into(), count: 1 }];
    job.captures = frames(50, 2);
    let report = complete(&mut renderer, &job);
    let wide = |bytes: &[u8]| {
        let picture = image::load_from_memory(bytes).unwrap().to_rgb8();
        (0..1280).rev().find(|x| (8..30).any(|y| picture.get_pixel(*x, y).0 != [255; 3])).unwrap()
    };
    assert!(wide(&report.shots[0].bytes) > 590, "{}", wide(&report.shots[0].bytes));

    job.limits.wall = std::time::Duration::from_secs(2);
    job.captures = frames(60_000, 2);
    let report = renderer.render(&job).unwrap();
    let Ending::Deadline { during, responsive: true } = &report.ending else { panic!("{:?}", report.ending) };
    assert!(during.contains("frame 2 at 60000 ms"), "{during}");
    assert_eq!(report.shots.len(), 1, "what was taken is kept");

    job.captures = frames(0, 2);
    assert!(matches!(renderer.render(&job), Err(WebError::Job(why)) if why.contains("every")));
}
