//! Each kind of address against a small mirror that the tests make.

use std::sync::LazyLock;

use glasshouse_images::mirror::assemble;

use super::{Answer, Lacking, Mirror, Origin, Outcome};

const TABLES: &str = r#"
[hosts]
"cdn.jsdelivr.net" = "jsdelivr"
"unpkg.com" = "unpkg"
"cdnjs.cloudflare.com" = "table"
"polyfill.io" = "empty"
"fonts.googleapis.com" = "fonts"
"fonts.gstatic.com" = "font-files"
"placehold.co" = "placehold"
"esm.sh" = "unsupported"
[addresses]
"cdnjs.cloudflare.com/ajax/libs/three.js/r{r}/{path}" = "three@0.{r}.0/build/{path}"
"cdnjs.cloudflare.com/ajax/libs/p5.js/{v}/{path}" = "p5@{v}/lib/{path}"
"cdnjs.cloudflare.com/ajax/libs/old.js/{path}" = "gone"
"#;

const UNICODE: &[u8] = br#"{"cyrillic": "U+0400-045F", "latin": "U+0000-00FF"}"#;

static MIRROR: LazyLock<(tempfile::TempDir, Mirror)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let p5: [(&str, &[u8]); 2] = [("package.json", br#"{"main": "./lib/p5.js"}"#), ("lib/p5.js", b"p5()")];
    let three: [(&str, &[u8]); 3] = [
        ("package.json", br#"{"main": "build/three.js", "module": "build/three.module.js"}"#),
        ("build/three.js", b"T"),
        ("build/three.min.js", b"t"),
    ];
    let bvh: [(&str, &[u8]); 2] = [
        ("package.json", br#"{"peerDependencies": {"three": ">= 0.100"}}"#),
        ("build/index.js", b"import {A} from 'three'; import './b.js';"),
    ];
    let lora: [(&str, &[u8]); 4] = [
        ("unicode.json", UNICODE),
        ("files/lora-latin-400-normal.woff2", b"wOF2 latin"),
        ("files/lora-cyrillic-400-normal.woff2", b"wOF2 cyrillic"),
        ("files/lora-latin-700-italic.woff2", b"wOF2 italic"),
    ];
    let inter: [(&str, &[u8]); 2] = [("unicode.json", UNICODE), ("files/inter-latin-wght-normal.woff2", b"wOF2 inter")];
    let packages: [(&str, &str, glasshouse_images::mirror::Files<'_>); 8] = [
        ("p5", "1.4.0", &p5),
        ("p5", "1.10.0", &p5),
        ("p5", "2.0.0-beta.1", &p5),
        ("three", "0.128.0", &three),
        ("three", "0.160.1", &three),
        ("@x/bvh", "0.5.0", &bvh),
        ("@fontsource/lora", "5.0.0", &lora),
        ("@fontsource-variable/inter", "5.1.0", &inter),
    ];
    let mirror = Mirror::open(&assemble(dir.path(), TABLES, &packages).unwrap().folder).unwrap();
    (dir, mirror)
});

fn ask(url: &str) -> Outcome {
    Mirror::answer(&MIRROR.1, url)
}

fn answer(url: &str) -> Answer {
    match ask(url) {
        Outcome::Answer(answer) => answer,
        other => panic!("{url}: {other:?}"),
    }
}

fn text(url: &str) -> String {
    let answer = answer(url);
    assert_eq!(answer.status, 200, "{url}");
    String::from_utf8(answer.body.bytes().to_vec()).unwrap()
}

/// The version that an address comes to.
fn version(url: &str) -> String {
    match answer(url).origin {
        Origin::Package { version, .. } => version,
        other => panic!("{url}: {other:?}"),
    }
}

fn location(url: &str) -> String {
    let answer = answer(url);
    assert_eq!((answer.status, &answer.origin), (302, &Origin::Redirect), "{url}");
    answer.header("location").unwrap().to_owned()
}

fn lacks(url: &str, name: &str, version: &str) {
    let lacking = Lacking::Package { name: name.into(), version: version.into() };
    assert_eq!(ask(url), Outcome::NotMirrored(lacking), "{url}");
}

#[test]
fn jsdelivr_serves_exact_versions_ranges_and_the_newest() {
    let base = "https://cdn.jsdelivr.net/npm";
    assert_eq!(text(&format!("{base}/p5@1.4.0/lib/p5.js?x=1#y")), "p5()");
    for (range, expected) in
        [("@1", "1.10.0"), ("@1.4", "1.4.0"), ("@^1.4", "1.10.0"), ("@latest", "1.10.0"), ("", "1.10.0")]
    {
        assert_eq!(version(&format!("{base}/p5{range}/lib/p5.js")), expected, "{range}");
    }
    assert_eq!(version(&format!("{base}/p5@2.0.0-beta.1/lib/p5.js")), "2.0.0-beta.1");
    assert_eq!(version(&format!("{base}//p5@1.4/lib/p5.js")), "1.4.0");
}

#[test]
fn jsdelivr_serves_default_files_and_minifies() {
    let base = "https://cdn.jsdelivr.net/npm";
    // The package's main file has a minified one beside it.
    assert_eq!(text(&format!("{base}/three@0.128.0")), "t");
    let minified = answer(&format!("{base}/p5@1.4.0/lib/p5.min.js"));
    let expected =
        Origin::Package { name: "p5".into(), version: "1.4.0".into(), path: "lib/p5.js".into(), minified_there: true };
    assert_eq!((minified.status, minified.origin), (200, expected));
}

#[test]
fn headers_let_any_page_run_and_read_the_answer() {
    let answer = answer("https://cdn.jsdelivr.net/npm/p5@1.4.0/lib/p5.js");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("content-type"), Some("application/javascript; charset=utf-8"));
}

#[test]
fn a_file_that_the_package_lacks_is_a_404() {
    for url in [
        "https://cdn.jsdelivr.net/npm/p5@1.4.0/dist/p5.js",
        "https://unpkg.com/p5@1.4.0/dist/p5.js",
        "https://cdnjs.cloudflare.com/ajax/libs/three.js/r128/controls/OrbitControls.js",
        "https://cdnjs.cloudflare.com/ajax/libs/old.js/x.js",
    ] {
        let answer = answer(url);
        assert_eq!((answer.status, answer.origin), (404, Origin::Absent), "{url}");
    }
}

#[test]
fn packages_and_versions_outside_the_lock_are_named() {
    lacks("https://cdn.jsdelivr.net/npm/d3@7.8.5/dist/d3.min.js", "d3", "7.8.5");
    lacks("https://cdn.jsdelivr.net/npm/three@0.150.0/build/three.js", "three", "0.150.0");
    lacks("https://unpkg.com/@a/b/c.js", "@a/b", "latest");
    lacks("https://cdnjs.cloudflare.com/ajax/libs/three.js/r99/three.js", "three", "0.99.0");
    lacks("https://fonts.googleapis.com/css2?family=Open+Sans", "@fontsource/open-sans", "latest");
    let unknown = ask("https://cdnjs.cloudflare.com/ajax/libs/other/1.0.0/a.js");
    let expected = Lacking::Address("cdnjs.cloudflare.com/ajax/libs/other/1.0.0/a.js".into());
    assert_eq!(unknown, Outcome::NotMirrored(expected));
}

#[test]
fn what_needs_a_builder_is_unsupported_and_other_hosts_are_not_ours() {
    for url in [
        "https://cdn.jsdelivr.net/npm/p5@1.4.0/+esm",
        "https://cdn.jsdelivr.net/combine/npm/p5@1.4.0,npm/three@0.128.0",
        "https://cdn.jsdelivr.net/npm/p5@1.4.0/lib/",
        "https://unpkg.com/p5@1.4.0/?meta",
        "https://esm.sh/three",
    ] {
        assert!(matches!(ask(url), Outcome::Unsupported(_)), "{url}: {:?}", ask(url));
    }
    for url in ["https://example.com/a.js", "data:text/plain,x", "https://cdn.jsdelivr.net/npm/../../etc/passwd"] {
        assert_eq!(ask(url), Outcome::NotOurs, "{url}");
    }
}

#[test]
fn unpkg_redirects_to_what_is_exact() {
    assert_eq!(location("https://unpkg.com/p5"), "https://unpkg.com/p5@1.10.0/lib/p5.js");
    assert_eq!(location("https://unpkg.com/p5@1.4/lib/p5.js"), "https://unpkg.com/p5@1.4.0/lib/p5.js");
    assert_eq!(location("https://unpkg.com/p5@1.4.0/lib/p5"), "https://unpkg.com/p5@1.4.0/lib/p5.js");
    assert_eq!(text("https://unpkg.com/p5@1.4.0/lib/p5.js"), "p5()");
}

#[test]
fn unpkg_modules_import_addresses() {
    let url = "https://unpkg.com/@x/bvh@0.5.0/build/index.js";
    assert_eq!(text(url), "import {A} from 'three'; import './b.js';");
    let expected = "import {A} from 'https://unpkg.com/three@>=%200.100?module'; import './b.js?module';";
    assert_eq!(text(&format!("{url}?module")), expected);
    assert_eq!(version("https://unpkg.com/three@0.160.1/build/three.js"), "0.160.1");
    let range = location("https://unpkg.com/three@>=%200.100/build/three.js?module");
    assert_eq!(range, "https://unpkg.com/three@0.160.1/build/three.js?module");
}

#[test]
fn cdnjs_goes_by_the_tables() {
    assert_eq!(text("https://cdnjs.cloudflare.com/ajax/libs/three.js/r128/three.min.js"), "t");
    assert_eq!(text("http://cdnjs.cloudflare.com/ajax/libs/p5.js/1.4.0/p5.min.js"), "p5()");
}

#[test]
fn polyfills_are_empty_scripts() {
    let answer = answer("https://polyfill.io/v3/polyfill.min.js?features=es6");
    assert_eq!((answer.status, answer.body.bytes().len(), answer.origin), (200, 0, Origin::Generated));
}

#[test]
fn style_sheets_name_files_that_are_answered() {
    let sheet = text("https://fonts.googleapis.com/css2?family=Lora:ital,wght@0,400;1,700&display=swap");
    assert_eq!(sheet.matches("@font-face").count(), 3, "{sheet}");
    for part in ["font-family: 'Lora'", "font-style: italic", "font-weight: 700", "font-display: swap", "U+0400-045F"] {
        assert!(sheet.contains(part), "{part}: {sheet}");
    }
    let urls: Vec<&str> = sheet.split("url(").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let bodies: Vec<String> = urls.iter().map(|url| text(url)).collect();
    assert_eq!(bodies, ["wOF2 cyrillic", "wOF2 latin", "wOF2 italic"]);
    assert_eq!(answer(urls[0]).header("content-type"), Some("font/woff2"));
}

#[test]
fn ranges_of_weights_take_the_variable_font() {
    let sheet = text("https://fonts.googleapis.com/css2?family=Inter:wght@100..900");
    assert!(sheet.contains("font-weight: 100 900;") && sheet.contains("inter-latin-wght-normal.woff2"), "{sheet}");
}

#[test]
fn a_sheet_with_one_family_of_two_says_what_it_lacks() {
    let answer = answer("https://fonts.googleapis.com/css?family=Lora:400|Nowhere+Sans:700");
    assert!(std::str::from_utf8(answer.body.bytes()).unwrap().contains("'Lora'"));
    assert_eq!(
        answer.lacking,
        [Lacking::Package { name: "@fontsource/nowhere-sans".into(), version: "latest".into() }]
    );
    let nothing = ask("https://fonts.googleapis.com/css2");
    assert!(matches!(nothing, Outcome::Answer(Answer { status: 400, .. })), "{nothing:?}");
}

#[test]
fn pictures_are_made_for_the_hosts_of_the_tables() {
    assert!(text("https://placehold.co/60x40").starts_with("<svg"));
}

#[test]
fn the_real_tables_make_sense() {
    let text = include_str!("../../../../images/web/mirror.toml");
    super::Tables::parse(text).unwrap();
}
