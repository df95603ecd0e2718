//! Mirrors made with a program in npm's place, which copies archives that the tests made.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::definition::Definition;
use crate::mirror::Library;
use crate::mirror::tarball::tests::tarball;
use crate::spec::tests::SMALL;

/// A cache, and a registry of two versions of one package.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for version in ["1.0.0", "1.2.0"] {
            let description = format!("{{\"name\": \"@x/lib\", \"version\": \"{version}\"}}");
            let archive = tarball(&[
                ("package.json", description.as_bytes()),
                ("a.js", version.as_bytes()),
                ("a.js.map", b"left out"),
            ]);
            fs::write(dir.path().join(format!("{version}.tgz")), archive).unwrap();
        }
        // `npm pack ... --pack-destination FOLDER -- SPEC...`: the newest version for a range.
        let program = r#"#!/bin/sh
for last; do :; done
case $last in
@x/lib@1.0.0) version=1.0.0 ;;
@x/lib@*) version=1.2.0 ;;
*) echo "404 $last" >&2; exit 1 ;;
esac
cp "$(dirname "$0")/$version.tgz" "$5"
"#;
        let path = dir.path().join("npm");
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn plan(&self, lock: &str) -> MirrorPlan {
        let runtime = SMALL
            .replace("interpreter = \"/usr/bin/sh\"", "browser = \"/usr/bin/sh\"")
            .replace("script = \"main.sh\"", "page = \"index.html\"");
        let runtime = format!("{runtime}\n[mirror]\nlock = \"m.lock\"\ntables = \"m.toml\"\n");
        let files = [("runtime.toml", runtime.as_str()), ("m.lock", lock), ("m.toml", "tables")];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
        let definition = Definition::from_files("tiny", &files).unwrap();
        MirrorPlan::of(&definition, &self.cache()).unwrap().unwrap()
    }

    /// A lock of one version with the archive's own hash, or a wrong one.
    fn lock(&self, version: &str, is_right: bool) -> String {
        let right = tarball::integrity(&self.dir.path().join(format!("{version}.tgz"))).unwrap();
        let hash = if is_right { right } else { "sha512-AAAA".to_owned() };
        format!("[keep.\"*\"]\nnever = [\"*.map\"]\n[packages.\"@x/lib\"]\n\"{version}\" = \"{hash}\"\n")
    }

    fn ensure(&self, plan: &MirrorPlan) -> Result<StoredMirror, ImageError> {
        let program = self.dir.path().join("npm");
        ensure_with(plan, &self.cache(), &mut |_| {}, &move |scratch, _, _| Ok(Npm::at(&program, scratch)))
    }

    fn add(&self, plan: &MirrorPlan, specs: &[&str]) -> Result<Vec<Added>, ImageError> {
        let program = self.dir.path().join("npm");
        let specs: Vec<String> = specs.iter().map(|spec| (*spec).to_owned()).collect();
        let lock = MirrorPlan::added("tiny", &self.cache());
        add_with(plan, &self.cache(), &lock, &specs, &mut |_| {}, &move |scratch, _, _| Ok(Npm::at(&program, scratch)))
    }
}

#[test]
fn a_mirror_is_fetched_once_and_holds_what_the_rules_keep() {
    let bench = Bench::new();
    let plan = bench.plan(&bench.lock("1.0.0", true));
    assert_eq!(find_mirror(&plan, &bench.cache()), None);
    let mirror = bench.ensure(&plan).unwrap();
    let library = Library::open(&mirror.folder).unwrap();
    let release = &library.releases("@x/lib")[0];
    assert_eq!(release.read("a.js").unwrap().unwrap(), b"1.0.0");
    assert!(!release.has("a.js.map") && release.leaves_out("a.js.map"));
    assert_eq!((library.tables(), library.digest()), ("tables", plan.digest()));
    // With no npm at all the second time is as good.
    fs::remove_file(bench.dir.path().join("npm")).unwrap();
    assert_eq!(bench.ensure(&plan).unwrap(), mirror);
}

#[test]
fn an_archive_with_another_hash_is_refused_and_leaves_no_mirror() {
    let bench = Bench::new();
    let plan = bench.plan(&bench.lock("1.0.0", false));
    let error = bench.ensure(&plan).unwrap_err().to_string();
    assert!(error.contains("not the lock's hash") && error.contains("mirror add npm:@x/lib@1.0.0"), "{error}");
    assert_eq!(find_mirror(&plan, &bench.cache()), None);
}

#[test]
fn what_is_added_belongs_to_the_next_mirror_and_changes_its_address() {
    let bench = Bench::new();
    let lock = bench.lock("1.0.0", true);
    let before = bench.plan(&lock);
    let added = bench.add(&before, &["npm:@x/lib@^1.0"]).unwrap();
    assert_eq!(added, [Added { name: "@x/lib".into(), version: "1.2.0".into(), is_new: true }]);
    assert!(!bench.add(&before, &["npm:@x/lib@^1.0"]).unwrap()[0].is_new);
    let after = bench.plan(&lock);
    assert_ne!(after.digest(), before.digest());
    let library = Library::open(&bench.ensure(&after).unwrap().folder).unwrap();
    let versions: Vec<&str> = library.releases("@x/lib").iter().map(|release| release.version()).collect();
    assert_eq!(versions, ["1.0.0", "1.2.0"]);
}

#[test]
fn what_the_registry_lacks_is_an_error_that_shows_its_words() {
    let bench = Bench::new();
    let plan = bench.plan(&bench.lock("1.0.0", true));
    let error = bench.add(&plan, &["npm:other@1.0.0"]).unwrap_err().to_string();
    assert!(error.contains("404 other@1.0.0") && error.contains("npm view"), "{error}");
    let error = bench.add(&plan, &["npm:../x"]).unwrap_err().to_string();
    assert!(error.contains("names no package"), "{error}");
}

#[test]
fn damage_is_found() {
    let bench = Bench::new();
    let mirror = bench.ensure(&bench.plan(&bench.lock("1.0.0", true))).unwrap();
    assert_eq!(verify_mirror(&mirror).unwrap(), Vec::<PathBuf>::new());
    let pack = fs::read_dir(bench.cache().join("packages")).unwrap().flatten().map(|entry| entry.path());
    let pack = pack.into_iter().find(|path| path.extension().is_some_and(|end| end == "pack")).unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&pack, bytes).unwrap();
    assert_eq!(verify_mirror(&mirror).unwrap().len(), 1);
}
