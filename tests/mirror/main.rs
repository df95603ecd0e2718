//! How many real pages the mirror answers: every script that they ask for, followed through redirects and imports.
//!
//! Rows come from `GLASSHOUSE_PAGES`, else from `../shared/data/pages.jsonl` beside this repository; without either the test
//! says so. The mirror is made in the cache if it is not there, which needs the npm registry once.

#![allow(clippy::unwrap_used, reason = "a test stops where something fails")]

mod asked;
#[path = "../common/cache.rs"]
mod cache;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;

use glasshouse_images::Definition;
use glasshouse_images::mirror::{MirrorPlan, ensure_mirror, verify_mirror};
use glasshouse_web::mirror::{Mirror, Outcome};

use asked::{imports, resolve, scripts};
use cache::{cache, workspace};

/// Redirects that are followed for one address.
const REDIRECTS: usize = 5;
/// The share of pages that must be answered whole, in percent.
const ANSWERED: usize = 95;

/// What became of a script.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Loaded,
    /// The address is one that the real host answers with 404 as well: the version has no such file.
    AbsentThereToo,
    /// Why the mirror has no answer.
    Unanswered(String),
}

fn mirror() -> Mirror {
    let cache = cache();
    let definition = Definition::load(&workspace().join("images/web")).unwrap();
    let plan = MirrorPlan::of(&definition, &cache).unwrap().unwrap();
    let stored = ensure_mirror(&plan, &cache, &mut |line| eprintln!("{line}")).unwrap();
    assert_eq!(verify_mirror(&stored).unwrap(), Vec::<PathBuf>::new());
    Mirror::open(&stored.folder).unwrap()
}

/// What a script's address gets in the end, and the text and final address of what was loaded.
fn load(mirror: &Mirror, url: &str) -> (Fate, Option<(String, String)>) {
    let mut url = url.to_owned();
    for _ in 0..REDIRECTS {
        match mirror.answer(&url) {
            Outcome::Answer(answer) => match (answer.status, answer.header("location")) {
                (200, _) => {
                    let text = String::from_utf8_lossy(answer.body.bytes()).into_owned();
                    return (Fate::Loaded, Some((url, text)));
                }
                (302, Some(next)) => url = next.to_owned(),
                _ => return (Fate::AbsentThereToo, None),
            },
            Outcome::NotMirrored(lacking) => return (Fate::Unanswered(lacking.to_string()), None),
            Outcome::Unsupported(what) => return (Fate::Unanswered(what), None),
            Outcome::NotOurs => return (Fate::Unanswered("no host that the mirror stands for".to_owned()), None),
        }
    }
    (Fate::Unanswered("redirects without an end".to_owned()), None)
}

/// Every script that a page asks for, also through the modules that it imports, with its fate.
fn fates(mirror: &Mirror, page: &str) -> BTreeMap<String, Fate> {
    let (map, first) = scripts(page);
    let mut waiting: Vec<_> = first.into_iter().collect();
    let mut fates = BTreeMap::new();
    while let Some((url, is_module)) = waiting.pop() {
        if fates.contains_key(&url) {
            continue;
        }
        let (fate, loaded) = load(mirror, &url);
        fates.insert(url, fate);
        if let (true, Some((base, text))) = (is_module, loaded) {
            waiting.extend(imports(&text).iter().filter_map(|named| Some((resolve(named, &base, &map)?, true))));
        }
    }
    fates
}

#[test]
fn real_pages_get_every_script_that_they_ask_for() {
    let path =
        env::var_os("GLASSHOUSE_PAGES").map_or_else(|| workspace().join("../shared/data/pages.jsonl"), PathBuf::from);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("not run: there are no pages at {}; name a file of rows in GLASSHOUSE_PAGES", path.display());
        return;
    };
    let mirror = mirror();
    let (mut pages, mut loaded, mut answered) = (0, 0, 0);
    let mut rest: BTreeMap<(Fate, String), usize> = BTreeMap::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let fates = fates(&mirror, row["code"].as_str().expect("a row has code"));
        let kinds: BTreeSet<&Fate> = fates.values().collect();
        pages += 1;
        loaded += usize::from(kinds.iter().all(|fate| **fate == Fate::Loaded));
        answered += usize::from(!kinds.iter().any(|fate| matches!(fate, Fate::Unanswered(_))));
        for (url, fate) in fates.into_iter().filter(|(_, fate)| *fate != Fate::Loaded) {
            *rest.entry((fate, url)).or_default() += 1;
        }
    }
    let share = |count: usize| format!("{count} of {pages} pages ({:.1} %)", count as f64 * 100.0 / pages as f64);
    println!("every script loaded: {}", share(loaded));
    println!("every script loaded, or absent on the real host too: {}", share(answered));
    for ((fate, url), count) in &rest {
        let why = match fate {
            Fate::Unanswered(why) => why,
            _ => "404, as on the real host: this version has no such file",
        };
        println!("{count:4}  {url}  {why}");
    }
    assert!(pages > 0 && answered * 100 >= pages * ANSWERED, "{answered} of {pages}");
}
