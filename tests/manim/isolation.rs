//! The next job of a worker sees nothing of the last one.

use serde_json::json;

use crate::command::{lines, run_with};

const HEAD: &str =
    "from manim import *\nimport manim, os, pathlib, sys\n\n\nclass A(Scene):\n    def construct(self):\n";

/// Leaves traces wherever a program can.
const LEAVE: &str = "        config.background_color = RED
        Circle.set_default(color=GREEN)
        manim.TRACE = os.environ['TRACE'] = '1'
        for folder in ('/tmp', '/work', '/dev/shm', os.environ['HOME']):
            pathlib.Path(folder, 'trace').write_text('1')
        self.add(Circle(), MathTex('x'))
";
/// Tells what of it is to be seen.
const LOOK: &str = "        seen = [config.background_color == ManimColor(RED), Circle().color == ManimColor(GREEN)]
        seen += [hasattr(manim, 'TRACE'), 'TRACE' in os.environ, os.path.exists('media/Tex')]
        seen += [os.path.exists(folder + '/trace') for folder in ('/tmp', '/work', '/dev/shm', os.environ['HOME'])]
        print('SEEN', seen.count(True), len(seen))
        self.add(Circle())
";

#[test]
fn traces_of_a_job_end_with_it() {
    let row = |id: &str, code: &str| json!({"id": id, "runtime": "manim", "manim": {"quality": "low"}, "code": format!("{HEAD}{code}")});
    let both = format!("{LEAVE}{LOOK}");
    let rows = [row("both", &both), row("leave", LEAVE), row("look", LOOK), row("again", LOOK)];
    // One worker: the same zygote for all of them.
    let done = run_with(&lines(&rows), &["--workers", "1"]);
    let said = |id: &str| done.record(id)["stdout"]["text"].as_str().unwrap().to_owned();
    // The control: a program sees all traces of its own.
    assert!(said("both").contains("SEEN 9 9"), "{}", said("both"));
    assert_eq!(done.said("leave"), "ok");
    for id in ["look", "again"] {
        assert!(said(id).contains("SEEN 0 9"), "{id}: {}", said(id));
    }
}
