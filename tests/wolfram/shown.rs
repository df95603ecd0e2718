//! What expressions gave, graphics as documents and pictures, frames of demonstrations.

use serde_json::{Value, json};

use crate::DONE;

fn results(id: &str) -> Vec<Value> {
    DONE.artifact(id, "results.json")["facts"]["results"].as_array().unwrap().clone()
}

#[test]
fn each_expression_is_told_with_its_line_its_forms_and_its_messages() {
    let seen = results("results");
    let of = |key: &str| seen.iter().map(|one| one[key].clone()).collect::<Value>();
    assert_eq!(of("line"), json!([3, 5, 6, 7, 8]));
    assert_eq!(of("number"), json!([1, 2, 3, 4, 5]));
    assert_eq!(of("input_form"), json!(["5", null, "25 + a", "ComplexInfinity", "{a -> b, \"text\"}"]));
    assert_eq!(seen[2]["out"], "25 + a");
    assert_eq!(seen[3]["messages"][0]["name"], "Power::infy");
    assert!(seen[3]["messages"][0]["text"].as_str().unwrap().starts_with("Infinite expression"));
    // The file says the same.
    let file: Value = serde_json::from_slice(&DONE.bytes("results", "results.json")).unwrap();
    assert_eq!(file["results"], Value::Array(seen));
    assert_eq!(file["left_out"], 0);
    let names: Value = results("messages").iter().map(|one| one["messages"][0]["name"].clone()).collect();
    assert_eq!(names, json!(["Take::take", "Part::partw", null]));
}

#[test]
fn what_an_expression_shows_is_a_document_and_its_picture() {
    assert_eq!(DONE.names("plot"), ["figure-1.png", "figure-1.svg", "results.json"]);
    let document = String::from_utf8(DONE.bytes("plot", "figure-1.svg")).unwrap();
    assert!(document.starts_with("<svg") && document.contains("polyline"), "{document}");
    let (width, height) = DONE.size("plot", "figure-1.png");
    // Mathics makes plots about 434 wide, and drawings have two pixels to a point.
    assert!((640..660).contains(&width) && (400..430).contains(&height), "{width} x {height}");
    let origin = &DONE.artifact("plot", "figure-1.png")["origin"];
    assert_eq!((&origin["call"], &origin["line"]), (&json!("result"), &json!(1)));
    let calls = |id: &str| -> Value {
        let artifacts = DONE.record(id)["artifacts"].as_array().unwrap();
        let figures = artifacts.iter().filter(|one| one["kind"] == "figure");
        figures.map(|one| one["origin"]["call"].clone()).collect()
    };
    assert_eq!(results("graphics")[0]["figures"], json!(["figure-1", "figure-2"]));
    assert_eq!(results("shown-twice")[2]["figures"], json!(["figure-1"]));
    assert_eq!(calls("graphics"), json!(["result", "result", "Print", "result"]));
    assert_eq!(DONE.size("graphics", "figure-4.png"), (2, 2));
    assert_eq!(calls("export"), json!(["Export", "file"]));
    assert_eq!(DONE.artifact("export", "figure-1.png")["origin"]["path"], "plot.png");
    // Colours, so that the picture is that of the graphic: a red disk on white.
    let picture = DONE.picture("graphics", "figure-1.png");
    let centre = picture.get_pixel(picture.width() / 2, picture.height() / 2);
    assert_eq!(centre.0, [255, 0, 0, 255]);
    assert_eq!(picture.get_pixel(0, 0).0, [255; 4]);
}

#[test]
fn three_dimensional_graphics_are_drawn_here_and_say_so() {
    for name in ["figure-1", "figure-2"] {
        assert_eq!(DONE.artifact("three-dimensions", &format!("{name}.png"))["facts"]["drawn_by"], "glasshouse");
    }
    // A red ball in the middle, lit from the right, in an empty box.
    let ball = DONE.picture("three-dimensions", "figure-2.png");
    let (width, height) = ball.dimensions();
    let at = |x: u32, y: u32| ball.get_pixel(x, y).0;
    let [red, green, blue, _] = at(width / 2, height / 2);
    assert!(red > 60 && green < 10 && blue < 10, "{red} {green} {blue}");
    assert!(at(width * 5 / 8, height / 2)[0] > at(width * 3 / 8, height / 2)[0]);
    assert_eq!(at(1, 1), [255; 4]);
}

#[test]
fn manipulate_and_animate_are_frames_over_their_parameters() {
    let frames = |id: &str| -> Vec<Value> {
        let shown = results(id).into_iter().find(|one| !one["demonstrations"].is_null());
        shown.unwrap()["demonstrations"][0]["frames"].as_array().unwrap().clone()
    };
    let values = |id: &str, name: &str| -> Vec<String> {
        frames(id).iter().map(|one| one["values"][name].as_str().unwrap().to_owned()).collect()
    };
    let seen = values("manipulate", "a");
    assert_eq!((seen.len(), seen[0].as_str(), seen[7].as_str()), (8, "1.", "3."));
    let names = DONE.names("manipulate");
    for number in 1..=8 {
        for form in ["svg", "png"] {
            let name = format!("frames/manipulate-1-{number:03}.{form}");
            assert!(names.contains(&name.as_str()), "{name} is not among {names:?}");
        }
    }
    // The parameter moves: no two frames are alike, and what the engine shows of the whole, a plot without a value, is none.
    let pictures: std::collections::BTreeSet<Vec<u8>> =
        (1..=8).map(|number| DONE.bytes("manipulate", &format!("frames/manipulate-1-{number:03}.png"))).collect();
    assert_eq!(pictures.len(), 8);
    assert!(!names.contains(&"figure-1.png"), "{names:?}");
    assert_eq!(frames("manipulate")[7]["figures"], json!(["frames/manipulate-1-008"]));
    // A body that the engine cannot evaluate without a value ends nothing, whatever was cleared.
    assert_eq!(frames("animate-of-list").len(), 8);
    assert!(DONE.names("animate-of-list").contains(&"frames/animate-1-008.png"));
    assert_eq!(values("animate", "r"), ["1", "2", "3"]);
    let told: Vec<Value> = frames("manipulate-of-text").iter().map(|one| one["out"].clone()).collect();
    let cube = "1 + 3*x + 3*x^2 + x^3";
    // The first parameter moves while the second stands at its first value, then the other way round.
    assert_eq!(told, ["1 + x", "1 + 2*x + x^2", cube, "1 + x", "1 + x"]);
}
