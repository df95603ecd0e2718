//! The same output, files and pictures as `octave-cli`'s.
//!
//! `cargo test` compares the scripts below. All rows of a file:
//!
//! ```sh
//! GLASSHOUSE_OCTAVE_ROWS=scripts.jsonl cargo test --release --test octave fidelity -- --nocapture
//! ```

use std::env;
use std::fs;

use image::RgbaImage;
use serde_json::{Value, json};

use crate::command::{Done, lines, run};
use crate::plain::octave;
use crate::root::{self, Plain};
use crate::words::first_difference;

const ALL: &str = "GLASSHOUSE_OCTAVE_ROWS";

/// Scripts of the usual kinds. What they leave open, the plain tool prints at their end (`PRINT`).
const SCRIPTS: [(&str, &str); 9] = [
    (
        "lines",
        "t = linspace(0, 4*pi, 200);\nplot(t, sin(t), 'r-', t, cos(t), 'b--', 'linewidth', 2);\n\
         legend('sin', 'cos'); xlabel('t'); ylabel('amplitude'); grid on; title('Waves');\nh = plot(t, t)\naxis([0 13 0 13]);",
    ),
    ("surf", "[x, y] = meshgrid(-2:0.2:2);\nz = x .* exp(-x.^2 - y.^2);\nsurf(x, y, z); colorbar; view(40, 30);"),
    (
        "contour",
        "[x, y, z] = peaks(30);\ncontourf(x, y, z, 8); colormap(jet(8)); caxis([-6 8]);\nfigure; mesh(z); shading interp;",
    ),
    (
        "bars",
        "clear all; close all; clc;\nbar([1 4 2; 3 2 5]); set(gca, 'xticklabel', {'a', 'b'});\nfigure(4); barh([3 1 2]); pie_of = [1 2 3]\nfigure(2); pie(pie_of);",
    ),
    (
        "histogram",
        "randn('twister', 3); x = randn(1, 500);\nhist(x, 20); hold on; errorbar([-1 0 1], [20 40 20], [3 4 5]); hold off",
    ),
    (
        "panels",
        "for k = 1:4\n  subplot(2, 2, k);\n  switch k\n    case 1, stem(1:5);\n    case 2, scatter(1:10, (1:10).^2, 20, 1:10);\n    \
         case 3, semilogy(1:5, 10.^(1:5));\n    case 4, imagesc(magic(5)); axis square\n  end\n  title(sprintf('panel %d', k));\nend",
    ),
    (
        "text",
        "plot(0:3, (0:3).^2, 'ko-', 'markerfacecolor', 'g');\ntitle('\\alpha_1 + \\beta^{2n} \\leq \\int x dx');\n\
         text(1, 4, '\\bf{bold} \\Omega'); xlabel('x_{max} [\\mum]'); fill([0 1 1], [6 6 8], 'y');",
    ),
    (
        "files",
        "plot3(sin(0:0.1:9), cos(0:0.1:9), 0:0.1:9);\nprint -dpng -r100 a.png\nprint('b.svg', '-dsvg'); print('c.pdf', '-dpdf');\n\
         saveas(gcf, 'd.jpg');\nimwrite(uint8(magic(16)), 'e.png');\nprint('f.png', '-dpng', '-S400,300');\nx = 3\nclose all",
    ),
    ("errors", "x = 1:3\nwarning('on the way');\npkg load statistics\nfprintf('%d\\n', x);\ny = x(7);\n"),
];

/// Prints what was left open, as somebody would who wants to see it.
const PRINT: &str = "\nfor every_figure = sort (get (0, 'children'))'\n\
     print (every_figure, sprintf ('left-%d.png', every_figure), '-dpng');\nend\n";

#[test]
fn output_files_and_pictures_are_those_of_octave() {
    let rows = rows();
    let done = run(&lines(&rows));
    let plain = root::of_each(&rows, |row| octave(&format!("{}{PRINT}", row["code"].as_str().unwrap())));
    let (mut differing, mut pictures) = (Vec::new(), 0);
    for (row, plain) in rows.iter().zip(&plain) {
        let id = row["id"].as_str().unwrap();
        match compare(&done, id, plain) {
            Ok(count) => pictures += count,
            Err(how) => differing.push(format!("{id}: {how}")),
        }
    }
    println!("{} scripts, {pictures} pictures compared", rows.len());
    assert!(differing.is_empty(), "{} scripts differ:\n{}", differing.len(), differing.join("\n"));
    assert!(pictures >= 10 || env::var_os(ALL).is_some(), "only {pictures} pictures were compared");
}

fn rows() -> Vec<Value> {
    if let Some(path) = env::var_os(ALL) {
        let text = fs::read_to_string(path).unwrap();
        return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    }
    SCRIPTS.map(|(id, code)| json!({"id": id, "runtime": "octave", "code": code})).into()
}

/// How many pictures are equal, or what is not.
fn compare(done: &Done, id: &str, plain: &Plain) -> Result<usize, String> {
    let record = done.record(id);
    if record["exit_code"].as_i64() != plain.status.map(i64::from) {
        return Err(format!("exit {}, plain {:?}; {}", record["exit_code"], plain.status, record["stderr"]["text"]));
    }
    for (name, plain) in [("stdout", &plain.stdout), ("stderr", &plain.stderr)] {
        let ours = record[name]["text"].as_str().unwrap();
        let (ours, plain) = (without_terminal(ours), without_terminal(plain));
        if ours != plain {
            return Err(format!("{name}: {}", first_difference(&ours, &plain)));
        }
    }
    let artifacts = record["artifacts"].as_array().unwrap();
    let mut pictures = 0;
    let mut written: Vec<&str> = Vec::new();
    for artifact in artifacts {
        let name = artifact["name"].as_str().unwrap();
        let of = match (artifact["origin"]["call"].as_str(), &artifact["facts"]["figure"]) {
            // Drawn of a file that is compared itself.
            (Some("file"), _) => continue,
            (Some("open"), figure) => format!("left-{figure}.png"),
            _ => name.to_owned(),
        };
        let Some(plain) = plain.files.get(&of) else { return Err(format!("{of} is not there")) };
        if of.ends_with(".png") {
            if decoded(&done.bytes(id, name)) != decoded(plain) {
                return Err(format!("{name} differs from {of}"));
            }
            pictures += 1;
        } else if without_dates(&done.bytes(id, name)) != without_dates(plain) {
            return Err(format!("{name} differs"));
        }
        written.push(name);
    }
    if written.len() != plain.files.len() && plain.status == Some(0) {
        return Err(format!("{written:?}, plain {:?}", plain.files.keys()));
    }
    Ok(pictures)
}

fn decoded(picture: &[u8]) -> RgbaImage {
    image::load_from_memory(picture).unwrap().to_rgba8()
}

/// What gnuplot says each time that a figure is shown, of which printing at the end makes one more.
fn without_terminal(text: &str) -> String {
    let signs = ["WARNING: Plotting with an 'unknown' terminal.", "No output will be generated."];
    text.lines().filter(|line| !signs.iter().any(|sign| line.starts_with(sign))).collect::<Vec<_>>().join("\n")
}

/// A document without the moment at which it was made, what is made of that, and the name of the file that it was made of.
fn without_dates(document: &[u8]) -> Vec<String> {
    let signs = ["CreationDate", "ModDate", "CreateDate", "ModifyDate", "/ID [", "uuid", "/tmp/oct-"];
    let text = String::from_utf8_lossy(document);
    text.lines().filter(|line| !signs.iter().any(|sign| line.contains(sign))).map(str::to_owned).collect()
}
