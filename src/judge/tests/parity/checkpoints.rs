//! Checkpoints that are not whole, and ones in which a tensor is another.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use glasshouse_judge::ModelError;
use glasshouse_judge::model::Model;
use serde_json::{Value, json};

use super::oracle::{TEXT, references};

/// The names of the files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect()
}

/// A copy of a checkpoint, without what the references have beside it.
fn copy(folder: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|end| end != "f32") {
            fs::copy(&entry, to.path().join(entry.file_name().unwrap())).unwrap();
        }
    }
    to
}

/// Calls `check` with a copy of the checkpoint in which every other number of one tensor is a hundredth larger, for each
/// tensor in turn. (Larger by the same everywhere, queries and keys would not show behind Qwen3's norms.)
pub(crate) fn each_changed(folder: &Path, mut check: impl FnMut(&str, &Path)) {
    let changed = copy(folder);
    for path in files(changed.path()) {
        let bytes = fs::read(&path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        for (name, entry) in header.iter().filter(|(name, _)| *name != "__metadata__") {
            assert_eq!(entry["dtype"], "F32");
            let at = |end: usize| 8 + length + entry["data_offsets"][end].as_u64().unwrap() as usize;
            let mut other = bytes.clone();
            for number in other[at(0)..at(1)].as_chunks_mut().0.iter_mut().step_by(2) {
                *number = (f32::from_le_bytes(*number) * 1.01).to_le_bytes();
            }
            fs::write(&path, other).unwrap();
            check(name, changed.path());
        }
        fs::write(&path, bytes).unwrap();
    }
}

fn open(folder: &Path) -> Result<Model, ModelError> {
    Model::open(folder, &Device::Cpu, DType::F32)
}

/// Changes a JSON file of a folder.
fn change(path: PathBuf, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// What opening says after a copy was spoilt.
fn why(model: &str, spoil: impl FnOnce(&Path)) -> Option<(ModelError, String)> {
    let folder = copy(&references()?.join(model));
    assert!(open(folder.path()).is_ok());
    spoil(folder.path());
    let error = open(folder.path()).err().unwrap();
    let text = error.to_string();
    Some((error, text))
}

#[test]
fn a_missing_shard_is_named() {
    let shard = "model-00002-of-";
    let remove = |folder: &Path| {
        let path = files(folder).into_iter().find(|path| path.to_string_lossy().contains(shard)).unwrap();
        fs::remove_file(path).unwrap();
    };
    let Some((error, text)) = why("nested-untied", remove) else { return };
    assert!(matches!(error, ModelError::MissingShard { .. }), "{text}");
    assert!(text.contains(shard) && text.contains("fetch that file again"), "{text}");
}

#[test]
fn a_wrong_shape_is_named_with_both_shapes() {
    let widen = |folder: &Path| {
        change(folder.join("config.json"), |config| config["text_config"]["intermediate_size"] = json!(100));
    };
    let Some((error, text)) = why("nested-untied", widen) else { return };
    assert!(matches!(error, ModelError::WrongShape { .. }), "{text}");
    assert!(text.contains("mlp.gate_proj.weight") && text.contains("[96, 64]") && text.contains("[100, 64]"), "{text}");
}

#[test]
fn a_missing_tensor_is_named() {
    let deepen = |folder: &Path| change(folder.join("config.json"), |config| config["num_hidden_layers"] = json!(4));
    let Some((error, text)) = why(TEXT[0], deepen) else { return };
    assert!(matches!(error, ModelError::MissingTensor { .. }), "{text}");
    assert!(text.contains("model.layers.3."), "{text}");
}

#[test]
fn a_cut_file_is_no_model() {
    let cut = |folder: &Path| {
        let path = folder.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let Some((error, text)) = why("flat-tied", cut) else { return };
    assert!(matches!(error, ModelError::Malformed { .. }), "{text}");
    assert!(text.contains("model.safetensors: not a whole safetensors file"), "{text}");
}

#[test]
fn other_architectures_and_settings_are_refused() {
    for (model, key, value, expected) in [
        (TEXT[0], "model_type", json!("llama"), "model_type \"llama\" is not known"),
        (TEXT[0], "use_sliding_window", json!(true), "use_sliding_window is true"),
        (TEXT[0], "hidden_act", json!("gelu"), "hidden_act is gelu"),
        ("flat-untied", "rope_scaling", json!({"type": "yarn", "factor": 4.0}), "rope_type is yarn"),
        ("flat-untied", "num_key_value_heads", json!(4), "6 heads of queries cannot share 4"),
        ("flat-untied", "vision_config", json!(null), "config.json: "),
    ] {
        let spoil = |folder: &Path| change(folder.join("config.json"), |config| config[key] = value.clone());
        let Some((_, text)) = why(model, spoil) else { return };
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_folder_without_weights_says_what_it_should_hold() {
    let remove = |folder: &Path| fs::remove_file(folder.join("model.safetensors")).unwrap();
    let Some((error, text)) = why("flat-tied", remove) else { return };
    assert!(matches!(error, ModelError::NoWeights(_)), "{text}");
    assert!(text.contains("model.safetensors.index.json"), "{text}");
}
