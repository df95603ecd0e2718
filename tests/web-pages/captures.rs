//! Pictures, documents and trees.

use std::io::Cursor;

use glasshouse_web::{Answerer, Area, Captures, Ending, Format, PageJob, Rect, Shot, Step, Viewport};
use image::{DynamicImage, Rgba};
use serde_json::Value;

use super::{complete, files, renderer, site};

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap().decode().unwrap()
}

fn shot(name: &str, area: Area) -> Shot {
    Shot { name: name.into(), area, ..Shot::default() }
}

const SQUARES: &str = "<!DOCTYPE html><style>body{margin:0;height:2000px;background:#fff}div{position:absolute;width:100px}
    #red{left:10px;top:20px;height:50px;background:#f00}#blue{left:10px;top:1500px;height:100px;background:#00f}
    #high{left:300px;top:0;height:100vh;background:#0a0}</style><div id=red></div><div id=blue></div><div id=high></div>";

#[test]
fn pictures_show_the_page_the_window_an_element_or_a_clip() {
    let mut renderer = renderer();
    let mut job = PageJob::of_html(SQUARES);
    job.captures.shots = vec![
        shot("page", Area::FullPage),
        shot("window", Area::Viewport),
        shot("clip", Area::Clip(Rect { x: 0.0, y: 10.0, width: 40.0, height: 30.0 })),
        // The last one, since the window is scrolled to it.
        shot("element", Area::Element("#blue".into())),
    ];
    let report = complete(&mut renderer, &job);
    let pictures: Vec<_> = report.shots.iter().map(|shot| decoded(&shot.bytes).to_rgba8()).collect();
    let sizes: Vec<_> = pictures.iter().map(|picture| picture.dimensions()).collect();
    assert_eq!(sizes, [(1280, 2000), (1280, 720), (40, 30), (100, 100)]);
    assert!(report.shots.iter().zip(&sizes).all(|(shot, size)| (shot.width, shot.height) == *size));
    let red = Rgba([255, 0, 0, 255]);
    assert_eq!((pictures[0][(15, 25)], pictures[1][(15, 25)], pictures[2][(15, 15)]), (red, red, red));
    assert!(pictures[3].pixels().all(|pixel| *pixel == Rgba([0, 0, 255, 255])));
    let green = pictures[0].enumerate_pixels().filter(|(x, _, pixel)| *x == 350 && pixel.0 == [0, 170, 0, 255]).count();
    assert_eq!(green, 720, "100vh stays the window's height");
}

#[test]
fn formats_scale_darkness_and_transparency() {
    let mut renderer = renderer();
    let dark = "<script>console.log([innerWidth, outerWidth, outerHeight, screen.width, devicePixelRatio].join())</script><style>:root{color-scheme:light dark}@media(prefers-color-scheme:dark){#x{background:#123456}}</style>
        <div id=x style='width:50px;height:50px'></div>";
    let mut job = PageJob::of_html(dark);
    job.viewport = Viewport { width: 400, height: 300, scale: 2.0, dark: true };
    let area = Area::Viewport;
    job.captures.shots = vec![
        Shot { format: Format::Jpeg, ..shot("jpeg", area.clone()) },
        Shot { format: Format::Webp, ..shot("webp", area.clone()) },
        shot("element", Area::Element("#x".into())),
    ];
    let report = complete(&mut renderer, &job);
    assert_eq!(super::said(&report), ["400,400,300,400,2"]);
    assert!(report.shots[0].bytes.starts_with(&[0xff, 0xd8]));
    assert_eq!(&report.shots[1].bytes[8..12], b"WEBP");
    for shot in &report.shots[..2] {
        assert_eq!((shot.width, shot.height), (800, 600));
        let picture = decoded(&shot.bytes);
        assert_eq!((picture.width(), picture.height()), (800, 600));
    }
    let element = decoded(&report.shots[2].bytes).to_rgba8();
    assert_eq!((element.dimensions(), element[(9, 9)]), ((100, 100), Rgba([0x12, 0x34, 0x56, 255])));

    let mut job = PageJob::of_html("<p>x");
    job.captures.shots[0].transparent = true;
    let report = complete(&mut renderer, &job);
    assert_eq!(decoded(&report.shots[0].bytes).to_rgba8()[(600, 600)].0[3], 0);
    let report = complete(&mut renderer, &PageJob::of_html("<p>x"));
    assert_eq!(
        decoded(&report.shots[0].bytes).to_rgba8()[(600, 600)],
        Rgba([255; 4]),
        "the next page is not transparent"
    );
}

#[test]
fn animations_stand_still_and_the_caret_is_hidden() {
    let mut renderer = renderer();
    let html = "<style>@keyframes a{from{left:0}to{left:500px}}div{position:relative;width:50px;height:50px;background:red}
        #once{animation:a 60s forwards}#always{animation:a 60s infinite;left:100px}</style><div id=once></div><div id=always></div>
        <input autofocus value=''>";
    let first = complete(&mut renderer, &PageJob::of_html(html));
    let second = complete(&mut renderer, &PageJob::of_html(html));
    assert_eq!(first.shots[0].bytes, second.shots[0].bytes);
    let picture = decoded(&first.shots[0].bytes).to_rgba8();
    let red = Rgba([255, 0, 0, 255]);
    assert_eq!((picture[(520, 30)], picture[(120, 80)]), (red, red), "at its end, and as without the animation");
}

#[test]
fn the_document_comes_as_text_and_as_trees() {
    let mut renderer = renderer();
    let mut job = PageJob::of_html(
        "<!DOCTYPE html><title>Tree</title><h1 class='a b' style='color:#ff0000'>Hello <b>there</b></h1><button disabled>Go</button>
         <p hidden>unseen</p><script>document.body.append('later')</script>",
    );
    job.captures = Captures {
        frames: None,
        shots: Vec::new(),
        html: true,
        tree: Some(vec!["color".into(), "font-weight".into()]),
        accessibility: true,
    };
    let report = complete(&mut renderer, &job);
    let html = report.html.unwrap();
    assert!(
        html.value.starts_with("<!DOCTYPE html><html>") && html.value.contains("later") && !html.cut,
        "{}",
        html.value
    );
    assert_eq!(report.title, "Tree");
    let tree = report.tree.unwrap().value;
    let nodes = tree["documents"][0]["nodes"].as_array().unwrap();
    let named = |name: &str| nodes.iter().find(|node| node["name"] == name).unwrap();
    assert_eq!(named("H1")["styles"]["color"], "rgb(255, 0, 0)");
    assert_eq!(named("H1")["attributes"]["class"], "a b");
    assert_eq!(named("B")["styles"]["font-weight"], "900");
    assert!(named("H1")["box"][3].as_f64().unwrap() > 10.0);
    assert!(named("P").get("box").is_none(), "what is not shown has no box");
    let shown: Vec<&str> = nodes.iter().filter_map(|node| node["text"].as_str()).collect();
    assert!(shown.contains(&"there") && !shown.contains(&"unseen"), "{shown:?}");
    let tree = report.accessibility.unwrap().value;
    let button = tree["nodes"].as_array().unwrap().iter().find(|node| node["role"] == "button").unwrap().clone();
    assert_eq!((&button["name"], &button["properties"]["disabled"]), (&Value::from("Go"), &Value::from(true)));
}

#[test]
fn own_files_are_served_and_every_request_is_listed() {
    let mut renderer = renderer();
    let mut job = site(
        "<link rel=stylesheet href='css/a.css'><script type=module src='a.mjs'></script><img src='https://x.example/p.png'>",
    );
    job.files.extend(files(&[
        ("css/a.css", "@import 'b.css'; body{color:red}"),
        ("css/b.css", "p{}"),
        ("a.mjs", "import './b.mjs'"),
        ("b.mjs", "console.log('module')"),
    ]));
    let report = complete(&mut renderer, &job);
    let mut seen: Vec<_> = report
        .requests
        .iter()
        .map(|request| {
            (
                request.url.trim_start_matches("http://page.localhost/"),
                request.kind.as_str(),
                request.by,
                request.status,
            )
        })
        .collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            ("a.mjs", "script", Answerer::Files, Some(200)),
            ("b.mjs", "script", Answerer::Files, Some(200)),
            ("css/a.css", "stylesheet", Answerer::Files, Some(200)),
            ("css/b.css", "stylesheet", Answerer::Files, Some(200)),
            ("https://x.example/p.png", "image", Answerer::Nobody, None),
            ("index.html", "document", Answerer::Files, Some(200)),
        ]
    );
    assert_eq!(super::said(&report), ["module"]);
}

#[test]
fn chance_and_time_are_repeatable_when_asked_for() {
    let mut renderer = renderer();
    let html = "<script>console.log([Math.random(), Math.random(), Date.now(), new Date().getFullYear(), typeof Date(), \
        new Date(5).getTime(), new Date() instanceof Date, performance.now()].join(' '))</script>";
    let mut job = PageJob::of_html(html);
    let free: Vec<_> = (0..2).map(|_| complete(&mut renderer, &job).console[0].text.clone()).collect();
    assert_ne!(free[0], free[1]);
    job.options.seed = Some(7);
    job.options.clock = Some(1_000_000_000_000);
    let bound: Vec<_> = (0..2).map(|_| complete(&mut renderer, &job).console[0].text.clone()).collect();
    assert_eq!(bound[0], bound[1]);
    assert!(bound[0].ends_with(" 1000000000000 2001 string 5 true 0"), "{bound:?}");
    job.options.seed = Some(8);
    assert_ne!(complete(&mut renderer, &job).console[0].text, bound[0]);
}

#[test]
fn virtual_time_runs_ahead() {
    let mut renderer = renderer();
    let mut job = PageJob::of_html(
        "<p>early<script>setTimeout(() => { document.querySelector('p').textContent = 'late' }, 3600000)</script>",
    );
    job.options.virtual_time = Some(4_000_000);
    job.captures.html = true;
    let report = complete(&mut renderer, &job);
    assert!(report.html.unwrap().value.contains("late"));
}

#[test]
fn a_picture_of_what_is_not_there_says_so() {
    let mut renderer = renderer();
    let mut job = PageJob::of_html("<p>x");
    job.limits.action = std::time::Duration::from_millis(300);
    job.steps = vec![Step::Shot(shot("none", Area::Element("#none".into())))];
    let report = renderer.render(&job).unwrap();
    let Ending::Step { index: 0, message, late: true } = &report.ending else { panic!("{:?}", report.ending) };
    assert!(message.contains("#none: no such element"), "{message}");
}
