//! Steps: clicks, text, choices, drags, keys, waits.

use std::time::Duration;

use glasshouse_web::{Area, Ending, PageJob, Shot, Step};

use super::{complete, renderer, said, site};

fn steps(text: &str) -> Vec<Step> {
    serde_json::from_str(text).unwrap()
}

fn page(html: &str, list: &str) -> PageJob {
    PageJob { steps: steps(list), ..PageJob::of_html(html) }
}

#[test]
fn a_form_is_filled_as_by_a_user() {
    let html = "<!DOCTYPE html><form onsubmit='console.log(\"submitted\"); return false'>
        <label>Name <input name=name value=old></label><textarea id=t></textarea><input type=range id=r min=0 max=10>
        <select id=s><option value=1>One</option><option value=2>Two</option></select>
        <input type=checkbox id=c><label for=c>Agree</label><input type=date id=d><div contenteditable id=e>was</div>
        <input type=number id=n><button>Send it</button></form>
        <script>for (const type of ['input', 'change', 'click', 'keydown']) addEventListener(type, (e) => {
          if (e.target.id || e.target.name) console.log(type + ' ' + (e.target.id || e.target.name) + (e.isTrusted ? '' : ' untrusted')) }, true)
        addEventListener('submit', () => console.log(['name','t','r','s','c','d','n'].map((id) => {
          const f = document.getElementById(id) || document.forms[0][id]; return f.type == 'checkbox' ? f.checked : f.value }).join('|') + '|' + e.textContent), true)</script>";
    let list = r##"[{"action":"fill","selector":"label=Name","value":"Ada"},{"action":"fill","selector":"#t","value":"two\nlines"},
        {"action":"fill","selector":"#r","value":"7"},{"action":"select","selector":"#s","values":["Two"]},
        {"action":"check","selector":"#c"},{"action":"check","selector":"#c"},{"action":"fill","selector":"#d","value":"2024-05-06"},
        {"action":"fill","selector":"#e","value":"is"},{"action":"fill","selector":"#n","value":"42"},
        {"action":"click","selector":"text=Send it"}]"##;
    let report = complete(&mut renderer(), &page(html, list));
    let lines = said(&report);
    assert!(lines.contains(&"Ada|two\nlines|7|2|true|2024-05-06|42|is"), "{lines:#?}");
    assert!(lines.contains(&"submitted"));
    assert_eq!(lines.iter().filter(|line| **line == "click c").count(), 1, "a box that is checked is left alone");
}

#[test]
fn actions_wait_until_their_element_is_ready() {
    let html = "<!DOCTYPE html><div id=over style='position:fixed;inset:0;z-index:9'></div><script>
        setTimeout(() => document.body.insertAdjacentHTML('beforeend', '<button id=b disabled style=\"position:absolute;top:3000px\">b</button>'), 100);
        setTimeout(() => b.disabled = false, 200); setTimeout(() => over.remove(), 300);
        addEventListener('click', (e) => console.log('clicked ' + e.target.id))</script>";
    let report = complete(&mut renderer(), &page(html, r##"[{"action":"click","selector":"#b"}]"##));
    assert_eq!(said(&report), ["clicked b"]);
}

#[test]
fn what_stands_in_the_way_is_named() {
    let mut renderer = renderer();
    for (html, step, reason) in [
        ("<p>x", r##"{"action":"click","selector":"#none"}"##, "#none: no such element"),
        ("<button id=b disabled>b</button>", r##"{"action":"click","selector":"#b"}"##, "the element is disabled"),
        ("<button id=b style='display:none'>b</button>", r##"{"action":"click","selector":"#b"}"##, "not visible"),
        (
            "<button id=b>b</button><div id=o style='position:fixed;inset:0'></div>",
            r##"{"action":"click","selector":"#b"}"##,
            "<div#o> lies over the element",
        ),
        ("<input id=i readonly>", r##"{"action":"fill","selector":"#i","value":"x"}"##, "cannot be edited"),
        (
            "<style>@keyframes a{to{transform:translateX(999px)}}button{animation:a 5s infinite}</style><button id=b>b</button>",
            r##"{"action":"click","selector":"#b"}"##,
            "moving",
        ),
        (
            "<select id=s><option>a</select>",
            r##"{"action":"select","selector":"#s","values":["z"]}"##,
            "there is no option z",
        ),
    ] {
        let mut job = page(html, &format!("[{step}]"));
        job.limits.action = Duration::from_millis(700);
        let report = renderer.render(&job).unwrap();
        let Ending::Step { index: 0, message, late: true } = &report.ending else {
            panic!("{html}: {:?}", report.ending)
        };
        assert!(message.contains(reason), "{html}: {message}");
    }
    for (step, reason) in [
        (r##"{"action":"click","selector":"a[["}"##, "cannot be understood"),
        (r##"{"action":"press","key":"Hyper+x"}"##, "is no modifier"),
        (r##"{"action":"fill","selector":"p","value":"x"}"##, "not a field"),
        (r##"{"action":"goto","url":"https://nowhere.example/"}"##, "NAME_NOT_RESOLVED"),
    ] {
        let report = renderer.render(&page("<p>x", &format!("[{step}]"))).unwrap();
        let Ending::Step { message, late: false, .. } = &report.ending else { panic!("{step}: {:?}", report.ending) };
        assert!(message.contains(reason), "{step}: {message}");
    }
}

#[test]
fn mouse_and_keys_do_what_a_user_does() {
    let html = "<!DOCTYPE html><div id=box style='position:absolute;left:100px;top:100px;width:50px;height:50px;background:red'></div>
        <div id=goal style='position:absolute;left:400px;top:300px;width:50px;height:50px'></div><input id=i>
        <script>let held; box.onmousedown = () => held = true; addEventListener('mousemove', (e) => { if (held) {
          box.style.left = e.clientX - 25 + 'px'; box.style.top = e.clientY - 25 + 'px' } });
        addEventListener('mouseup', () => { held = false; console.log('at ' + box.style.left + ' ' + box.style.top) });
        goal.onmouseenter = () => console.log('over goal'); goal.ondblclick = () => console.log('double');
        i.onkeydown = (e) => console.log('key ' + (e.ctrlKey ? 'ctrl ' : '') + e.key); i.oninput = () => console.log('value ' + i.value)</script>";
    let list = r##"[{"action":"drag","selector":"#box","by":[100,50]},{"action":"drag","selector":"#box","to":"#goal"},
        {"action":"press","selector":"#i","key":"a"},{"action":"press","key":"Shift+B"},{"action":"press","key":"Control+a"},
        {"action":"press","key":"Delete"},{"action":"press","key":"Enter"}]"##;
    let report = complete(&mut renderer(), &page(html, list));
    let lines = said(&report);
    assert!(lines.contains(&"at 200px 150px") && lines.contains(&"at 400px 300px"), "{lines:#?}");
    let keys: Vec<_> =
        lines.iter().filter(|line| line.starts_with("key") || line.starts_with("value")).copied().collect();
    let expected = [
        "key a",
        "value a",
        "key Shift",
        "key B",
        "value aB",
        "key Control",
        "key ctrl a",
        "key Delete",
        "value ",
        "key Enter",
    ];
    // Holding Control is itself told with ctrlKey set.
    let keys: Vec<_> = keys.iter().map(|line| line.replace("ctrl Control", "Control")).collect();
    assert_eq!(keys, expected);

    let html = "<button id=b onmouseenter='console.log(\"over\")' ondblclick='console.log(\"double\")'>b</button>";
    let list = r##"[{"action":"hover","selector":"#b"},{"action":"click","selector":"#b","count":2}]"##;
    assert_eq!(said(&complete(&mut renderer(), &page(html, list))), ["over", "double"]);
}

#[test]
fn steps_go_from_page_to_page_and_take_pictures_on_the_way() {
    let mut job = site("<a href='next.html'>go on</a>");
    job.files.insert(
        "next.html".into(),
        b"<title>next</title><p id=late hidden>there</p><script>setTimeout(() => late.hidden = false, 200)</script>"
            .to_vec(),
    );
    job.steps = steps(
        r##"[{"action":"shot","name":"before"},{"action":"click","selector":"text=go on"},
        {"action":"wait","selector":"#late"},{"action":"shot","name":"after","area":{"element":"#late"}},
        {"action":"wait","until":"networkidle"},{"action":"goto","url":"index.html"},{"action":"wait","ms":10}]"##,
    );
    job.captures.shots = vec![Shot { area: Area::Viewport, ..Shot::default() }];
    let report = complete(&mut renderer(), &job);
    let names: Vec<_> = report.shots.iter().map(|shot| shot.name.as_str()).collect();
    assert_eq!(names, ["before", "after", "page"]);
    assert!(report.shots.windows(2).all(|pair| pair[0].at < pair[1].at));
    assert!(report.url.ends_with("/index.html"));
}
