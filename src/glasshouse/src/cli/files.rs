//! Files of the user that a program or page finds beside itself.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::Failure;

/// Files are held in memory, and given to the sandbox whole.
const MOST_BYTES: u64 = 64 << 20;
const MOST_FILES: usize = 4096;

/// All plain, visible files below `folder`, as the column `files` of a row.
pub(super) fn below(folder: &Path) -> Result<Value, Failure> {
    let mut found = Map::new();
    let mut bytes = 0;
    add(folder, "", &mut found, &mut bytes)
        .map_err(|(path, error)| Failure::Input(format!("cannot read {path}: {error}; check --files")))?;
    Ok(Value::Object(found))
}

type Unread = (String, io::Error);

fn add(folder: &Path, prefix: &str, found: &mut Map<String, Value>, bytes: &mut u64) -> Result<(), Unread> {
    let unread = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| (path, error)
    };
    for entry in fs::read_dir(folder).map_err(unread(folder))? {
        let entry = entry.map_err(unread(folder))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type().map_err(unread(&path))?;
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            add(&path, &format!("{prefix}{name}/"), found, bytes)?;
        } else if kind.is_file() {
            *bytes += entry.metadata().map_err(unread(&path))?.len();
            if *bytes > MOST_BYTES || found.len() >= MOST_FILES {
                let message = format!("it holds more than {MOST_FILES} files or {} MiB", MOST_BYTES >> 20);
                return Err((folder.display().to_string(), io::Error::other(message)));
            }
            let content = fs::read(&path).map_err(unread(&path))?;
            found.insert(format!("{prefix}{name}"), json!({"base64": BASE64.encode(content)}));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_files_are_found_by_relative_path_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for name in ["x.css", "a/b/y.js", ".hidden"] {
            fs::write(folder.path().join(name), "z").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let found = below(folder.path()).unwrap();
        let mut names: Vec<&String> = found.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["a/b/y.js", "x.css"]);
        assert_eq!(found["x.css"]["base64"], BASE64.encode("z"));
        assert!(below(&folder.path().join("absent")).unwrap_err().to_string().contains("absent"));
    }
}
