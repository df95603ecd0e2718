//! Pictures against transformers' two processors, of which the one by torchvision is its own choice.

use std::fs;

use candle_core::{DType, Device};
use glasshouse_judge::model::{Grid, Model, Preparation};
use glasshouse_score::picture::Picture;
use serde_json::Value;

use super::oracle::{VISION, json, numbers, references};

#[test]
fn pictures_are_prepared_as_by_transformers() {
    let Some(folder) = references() else { return };
    // Both ways to write the settings down.
    for model in [VISION[0], VISION[3]] {
        let model = folder.join(model);
        let configuration = Model::open(&model, &Device::Cpu, DType::F32).unwrap().configuration().clone();
        let preparation = Preparation::read(&model, configuration.vision.as_ref().unwrap()).unwrap();
        let folder = folder.join("pictures");
        let cases: Vec<Value> = json(&folder.join("cases.json"));
        assert!(cases.len() >= 5);
        for case in cases {
            let side = |name: &str| case[name].as_u64().unwrap() as usize;
            let file = |name: &str| folder.join(case[name].as_str().unwrap());
            let picture = Picture::new(side("width"), side("height"), fs::read(file("rgb")).unwrap()).unwrap();
            let ours = preparation.prepare(&picture).unwrap();
            let [frames, height, width] = serde_json::from_value(case["grid"].clone()).unwrap();
            assert_eq!(ours.grid(), Grid { frames, height, width });
            for name in ["torchvision", "pillow"] {
                let theirs = numbers(&file(name));
                let (furthest, other) = apart(ours.numbers(), &theirs, &preparation);
                println!(
                    "{} x {}, {name}: {:.2} % differ, by {furthest:.3} at most",
                    side("width"),
                    side("height"),
                    other
                );
                let most = if name == "pillow" { 0.01 } else { 2.01 };
                assert!(furthest < most, "{name}: {furthest}");
                // A picture that lies otherwise would be seen: the next patch is another.
                let row = theirs.len() / ours.grid().patches();
                let moved = [&theirs[row..], &theirs[..row]].concat();
                assert!(apart(ours.numbers(), &moved, &preparation).0 > 20.0);
            }
        }
    }
}

/// Levels of 255 by which numbers differ at most, and the percentage that differ at all.
fn apart(ours: &[f32], theirs: &[f32], preparation: &Preparation) -> (f32, f32) {
    assert_eq!(ours.len(), theirs.len());
    let channel = preparation.frames * preparation.patch * preparation.patch;
    let levels = ours.iter().zip(theirs).enumerate().map(|(at, (one, other))| {
        let deviation = preparation.deviation[at / channel % 3];
        (one - other).abs() * deviation * 255.0
    });
    let (furthest, other) = levels
        .fold((0.0_f32, 0_usize), |(furthest, other), level| (furthest.max(level), other + usize::from(level > 0.5)));
    (furthest, 100.0 * other as f32 / ours.len() as f32)
}
