//! The image tower against an oracle in Python: the same numbers in, the same vectors out, computed there in double
//! precision; and folders that hold something else. `GLASSHOUSE_CLIP_WHOLE=1` adds towers of ViT-B/32's size.

#![allow(clippy::unwrap_used)]

#[path = "../../score/tests/agreement/oracle.rs"]
#[allow(dead_code, reason = "the oracle of the scores, which has more to say")]
mod oracle;
#[path = "../../../tests/common/tiny_clip.rs"]
mod tiny_clip;

use std::env;
use std::fs;
use std::path::Path;

use glasshouse_embed::{Clip, EmbedError, numbers};
use glasshouse_score::picture::Picture;
use glasshouse_score::webcode2m::clip_similarities;
use oracle::Oracle;
use serde_json::{Value, json};
use tiny_clip::{Layout, Tiny, safetensors};

/// How far two vectors of length 1 may be apart: single precision against double.
const CLOSE: f64 = 1e-5;

/// Pictures of several shapes: dark and light, plain and restless.
fn pictures() -> Vec<Picture> {
    let sizes = [(64, 64), (200, 90), (70, 300), (1280, 720), (33, 32), (640, 2000)];
    let level = |x: usize, y: usize, channel: usize, kind: usize| match kind % 3 {
        0 => (x * 7 + y * 3 + channel * 40) as u8,
        1 => {
            if (x / 9 + y / 5) % 2 == 0 {
                250
            } else {
                10 + 20 * channel as u8
            }
        }
        _ => ((x * x + 31 * y + channel * 91) % 255) as u8,
    };
    let picture = |(kind, (width, height)): (usize, (usize, usize))| {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = pixels.flat_map(|(x, y)| [0, 1, 2].map(|channel| level(x, y, channel, kind))).collect();
        Picture::new(width, height, rgb).unwrap()
    };
    sizes.into_iter().enumerate().map(picture).collect()
}

fn write(picture: &Picture, path: &Path) {
    let file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(file, picture.width() as u32, picture.height() as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(picture.bytes()).unwrap();
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn unit(vector: &[f64]) -> Vec<f64> {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    vector.iter().map(|value| value / length).collect()
}

#[test]
fn pictures_become_torchvisions_numbers() {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picture.png");
    for (at, picture) in pictures().iter().enumerate() {
        write(picture, &file);
        for side in [32, 224] {
            let theirs = floats(&oracle.ask(&json!({"ask": "clip_numbers", "picture": file, "side": side})).unwrap());
            let ours: Vec<f64> = numbers(picture, side).unwrap().into_iter().map(f64::from).collect();
            assert!(ours == theirs, "picture {at}, side {side}");
        }
    }
}

#[test]
fn vectors_are_those_of_the_oracle() {
    let Some(mut oracle) = Oracle::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let usual = Tiny::default();
    let openai = Tiny { layout: Layout::OpenAi, width: 128, heads: 2, ..usual };
    let mut towers = vec![
        usual,
        Tiny { activation: "gelu", seed: 2, ..usual },
        Tiny { image: 32, patch: 8, width: 40, layers: 5, heads: 5, vector: 56, seed: 3, ..usual },
        openai,
        Tiny { seed: 4, layers: 2, vector: 64, ..openai },
    ];
    if env::var_os("GLASSHOUSE_CLIP_WHOLE").is_some() {
        // As large as the one that the published evaluation takes: 88 million weights, a gigabyte in Python.
        let whole = Tiny { image: 224, patch: 32, width: 768, layers: 12, heads: 12, vector: 512, seed: 6, ..usual };
        towers.push(whole);
        towers.push(Tiny { layout: Layout::OpenAi, ..whole });
    }
    let pictures = pictures();
    let files: Vec<_> = (0..pictures.len()).map(|at| folder.path().join(format!("{at}.png"))).collect();
    pictures.iter().zip(&files).for_each(|(picture, file)| write(picture, file));
    let shown: Vec<&Picture> = pictures.iter().collect();
    let mut farthest: f64 = 0.0;
    for (at, tiny) in towers.iter().enumerate() {
        let home = folder.path().join(format!("model-{at}"));
        tiny.write(&home);
        let clip = Clip::open(&home).unwrap();
        let ours = clip.vectors(&shown).unwrap();
        let mut theirs = Vec::new();
        for (file, ours) in files.iter().zip(&ours) {
            let vector =
                unit(&floats(&oracle.ask(&json!({"ask": "clip_vector", "folder": home, "picture": file})).unwrap()));
            let ours = unit(&ours.iter().copied().map(f64::from).collect::<Vec<_>>());
            assert_eq!(ours.len(), tiny.vector);
            let apart = ours.iter().zip(&vector).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart <= CLOSE, "{tiny:?}, {}: {apart}", file.display());
            farthest = farthest.max(apart);
            theirs.push(vector);
        }
        // What the scores take from it, and that the pictures are not all one to the model.
        let pairs: Vec<[&Picture; 2]> = (1..shown.len()).map(|other| [shown[0], shown[other]]).collect();
        let alike = clip_similarities(&clip, &pairs).unwrap();
        for (alike, theirs_of) in alike.iter().zip(&theirs[1..]) {
            let cosine: f64 = theirs[0].iter().zip(theirs_of).map(|(a, b)| a * b).sum();
            assert!((alike - cosine).abs() <= CLOSE, "{tiny:?}: {alike} {cosine}");
        }
        assert!(alike.iter().any(|alike| *alike < 0.95), "{alike:?}");
    }
    println!("{} towers, {} pictures: at most {farthest:.1e} from double precision", towers.len(), pictures.len());
}

#[test]
fn a_batch_is_its_pictures_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    Tiny::default().write(folder.path());
    let clip = Clip::open(folder.path()).unwrap();
    let pictures = pictures();
    let many: Vec<&Picture> = pictures.iter().cycle().take(37).collect();
    let together = clip.vectors(&many).unwrap();
    for (picture, vector) in many.iter().zip(&together) {
        let alone = clip.vectors(&[picture]).unwrap().remove(0);
        let apart = alone.iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart <= 1e-5, "{apart}");
    }
    assert!(clip.vectors(&[]).unwrap().is_empty());
}

#[test]
fn parts_of_a_checkpoint_are_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let tiny = Tiny::default();
    tiny.write(&whole);
    let tensors = tiny.tensors();
    let (first, second) = tensors.split_at(tensors.len() / 2);
    fs::create_dir_all(&parts).unwrap();
    let mut map = serde_json::Map::new();
    for (name, part) in [("model-1.safetensors", first), ("model-2.safetensors", second)] {
        fs::write(parts.join(name), safetensors(&part.to_vec(), false)).unwrap();
        map.extend(part.iter().map(|(tensor, ..)| (tensor.clone(), json!(name))));
    }
    fs::write(parts.join("model.safetensors.index.json"), json!({"weight_map": map}).to_string()).unwrap();
    fs::write(parts.join("config.json"), tiny.config().to_string()).unwrap();
    let pictures = pictures();
    let vector = |home: &Path| Clip::open(home).unwrap().vectors(&[&pictures[1]]).unwrap();
    assert_eq!(vector(&whole), vector(&parts));
    // Weights tell each other apart.
    let other = folder.path().join("other");
    Tiny { seed: 9, ..tiny }.write(&other);
    let digest = |home: &Path| Clip::open(home).unwrap().digest();
    assert!(digest(&whole) == digest(&whole) && digest(&whole) != digest(&other));
}

#[test]
fn a_models_shape_names_it() {
    let folder = tempfile::tempdir().unwrap();
    Tiny::default().write(folder.path());
    let mut shape = Clip::open(folder.path()).unwrap().shape();
    assert_eq!(shape.name(), None);
    assert!(shape.to_string().contains("3 layers 48 wide"), "{shape}");
    (shape.image, shape.patch, shape.width, shape.layers, shape.vector) = (224, 32, 768, 12, 512);
    assert_eq!(shape.to_string(), "CLIP ViT-B/32");
}

/// What `change` leaves of a good folder, and what is said of it.
fn refusal(change: impl FnOnce(&Path, Tiny)) -> String {
    let folder = tempfile::tempdir().unwrap();
    Tiny::default().write(folder.path());
    change(folder.path(), Tiny::default());
    match Clip::open(folder.path()) {
        Ok(_) => panic!("a model was made of it"),
        Err(error) => error.to_string(),
    }
}

fn without(home: &Path, name: &str) {
    fs::remove_file(home.join(name)).unwrap();
}

fn config(home: &Path, key: &str, value: Value) {
    let mut config = Tiny::default().config();
    config["vision_config"][key] = value;
    fs::write(home.join("config.json"), config.to_string()).unwrap();
}

#[test]
fn what_is_no_model_is_named_with_the_next_step() {
    const WEIGHTS: &str = "model.safetensors";
    let said = |change: fn(&Path, Tiny), words: &[&str]| {
        let error = refusal(change);
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    };
    said(|home, _| without(home, WEIGHTS), &["no weights", "must hold model.safetensors"]);
    said(
        |home, _| fs::rename(home.join(WEIGHTS), home.join("pytorch_model.bin")).unwrap(),
        &["pytorch_model.bin", "not read", "safetensors.torch.save_file"],
    );
    said(|home, _| fs::rename(home.join(WEIGHTS), home.join("ViT-B-32.pt")).unwrap(), &["ViT-B-32.pt", "torch.jit"]);
    said(
        |home, _| {
            fs::copy(home.join(WEIGHTS), home.join("a.safetensors")).unwrap();
            fs::rename(home.join(WEIGHTS), home.join("b.safetensors")).unwrap();
        },
        &["2 safetensors files"],
    );
    said(|home, _| fs::write(home.join(WEIGHTS), "<html>not found</html>").unwrap(), &["not a whole safetensors file"]);
    said(
        |home, _| {
            let whole = fs::read(home.join(WEIGHTS)).unwrap();
            fs::write(home.join(WEIGHTS), &whole[..whole.len() - 100]).unwrap();
        },
        &["not a whole safetensors file", "fetch it again"],
    );
    said(|home, _| without(home, "config.json"), &["config.json"]);
    said(|home, _| fs::write(home.join("config.json"), "{").unwrap(), &["config.json", "EOF"]);
    said(|home, _| config(home, "hidden_size", json!(64)), &["hidden_size 64", "48"]);
    said(|home, _| config(home, "num_hidden_layers", json!(12)), &["num_hidden_layers 12"]);
    said(|home, _| config(home, "num_attention_heads", json!(7)), &["7 heads"]);
    said(|home, _| config(home, "num_attention_heads", json!(0)), &["0 heads"]);
    said(|home, _| config(home, "hidden_act", json!("relu")), &["relu"]);
    said(
        |home, tiny| {
            let mut tensors = tiny.tensors();
            tensors.retain(|(name, ..)| name != "visual_projection.weight");
            fs::write(home.join(WEIGHTS), safetensors(&tensors, false)).unwrap();
        },
        &["has no visual_projection.weight", "projection"],
    );
    said(
        |home, tiny| {
            let mut tensors = tiny.tensors();
            let norm = tensors.iter_mut().find(|(name, ..)| name.ends_with("post_layernorm.bias")).unwrap();
            (norm.1, norm.2) = (vec![7], vec![0.0; 7]);
            fs::write(home.join(WEIGHTS), safetensors(&tensors, false)).unwrap();
        },
        &["vision_model.post_layernorm.bias", "[7]", "[48]"],
    );
    said(
        |home, _| {
            let index = json!({"weight_map": {"a": "../model.safetensors"}});
            fs::write(home.join("model.safetensors.index.json"), index.to_string()).unwrap();
        },
        &["outside of its folder"],
    );
    let gone = Clip::open(Path::new("no-such-folder")).err().unwrap();
    assert!(matches!(gone, EmbedError::Read { .. }), "{gone}");
}
