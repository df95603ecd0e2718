//! What a program can see of the process that it runs in: what `octave-cli` shows, and nothing of another program.

use serde_json::{Value, json};

use crate::command::{lines, run_with};
use crate::plain::octave_with;
use crate::words::assert_alike;

/// Prints what Octave tells of itself. What must differ between two processes is left out: process ids, names of temporary files,
/// times; and what a job has by intention: its seed, and its own user.
const LOOK: &str = r#"
who
argv (), program_name (), program_invocation_name (), mfilename ("fullpath")
nargin
path ()
pwd ()
[dbstack().line]
lasterr (), lasterror ().stack, lastwarn ()
warning ()
autoload ()
isguirunning (), isdeployed (), graphics_toolkit (), available_graphics_toolkits ()
get (0, "children"), get (0, "currentfigure"), get (0, "default")
pkg list
names = {dir(".").name}
folder = {dir("~").name}
temporary = numel (dir ("/tmp")), tempdir ()
system ("env | grep -v '^OLDPWD=\\|^SHLVL=\\|^_=' | sort");
descriptors = numel (glob ("/proc/self/fd/*")), threads = numel (glob ("/proc/self/task/*"))
umask (0)
exist ("glasshouse_jail"), exist ("glasshouse_octave"), exist ("plot"), mislocked ("plot"), which plot
history_file (), history_size (), PS1 (), page_screen_output (), crash_dumps_octave_core (), max_recursion_depth ()
completion_matches ("glasshouse")
EDITOR (), PAGER (), EXEC_PATH (), OCTAVE_HOME (), versions = ver (); versions.Name
toc_without_tic = false; try, toc, catch, toc_without_tic = true; end, toc_without_tic
cputime () < 5, numel (rand ("twister"))
h = plot (1:3), gca (), gcf ()
get (h)
"#;

#[test]
fn a_program_sees_what_it_sees_under_octave() {
    let arguments = ["x", "y z"];
    let cases: [(&str, &str, &[&str]); 4] = [
        ("as it is", "1;\n", &[]),
        ("cleared", "clear all; close all\n", &[]),
        ("signal", "pkg load signal\n", &[]),
        ("arguments", "1;\n", &arguments),
    ];
    // Twice each: from a fresh zygote, and after other jobs in it.
    let row = |time: usize, (id, before, arguments): (&str, &str, &[&str])| {
        json!({
            "id": format!("{id}-{time}"), "runtime": "octave", "code": format!("{before}% {time}\n{LOOK}"), "args": arguments,
        })
    };
    let rows: Vec<Value> = (0..2).flat_map(|time| cases.map(|case| row(time, case))).collect();
    let done = run_with(&lines(&rows), &["--workers", "1"]);
    for (id, before, arguments) in cases {
        let plain = octave_with(&format!("{before}% 0\n{LOOK}"), arguments);
        assert_eq!(plain.status, Some(0), "{}", plain.stderr);
        for time in 0..2 {
            let record = done.record(&format!("{id}-{time}"));
            assert_eq!(record["verdict"], "ok", "{record}");
            assert_alike(record["stdout"]["text"].as_str().unwrap(), &plain.stdout, 200);
            assert_eq!(record["stderr"]["text"], plain.stderr);
        }
    }
}

/// Leaves something wherever a program can: in Octave, in files, in the environment.
const LITTER: &str = r#"
global litter
litter = 1;
kept = 2;
setenv ("LITTER", "1");
set (0, "defaultlinelinewidth", 7);
figure (3); plot (1:3);
addpath ("/tmp"); rmpath (fileparts (which ("hist")));
warning ("off", "all"); lasterr ("litter");
for place = {"/tmp", "/work", "/home/sample", "/dev/shm"}
  fclose (fopen ([place{1} "/litter"], "w"));
end
umask (77); rand ("twister", 9); rand ();
pkg load statistics
cd /tmp
"#;
const SEARCH: &str = r#"
global litter
printf ("%d %d [%s]\n", isempty (litter), exist ("kept"), getenv ("LITTER"));
printf ("%g %d %d\n", get (0, "defaultlinelinewidth"), numel (get (0, "children")), isempty (which ("hist")));
printf ("%d %d\n", isempty (strfind (path (), "/tmp")), isempty (strfind (path (), "statistics-")));
printf ("%s %d\n", warning ("query", "a:b").state, isempty (lasterr ()));
for place = {"/tmp", "/work", "/home/sample", "/dev/shm"}
  printf ("%d ", exist ([place{1} "/litter"], "file"));
end
printf ("%d %s %.6f\n", umask (0), pwd (), rand ());
"#;

#[test]
fn a_program_sees_nothing_of_the_one_before() {
    let both = format!("{LITTER}{SEARCH}");
    let seeded = |id: &str, code: &str| json!({"id": id, "runtime": "octave", "code": code, "seed": 5});
    let rows = [seeded("alone", SEARCH), seeded("both", &both), seeded("after", SEARCH)];
    let done = run_with(&lines(&rows[..2]), &["--workers", "1"]);
    let text = |record: &Value| record["stdout"]["text"].as_str().unwrap().to_owned();
    let (alone, both) = (text(done.record("alone")), text(done.record("both")));
    // What is left can be found by who looks for it.
    let words = |text: &str| -> Vec<String> { text.split([' ', '\n']).map(str::to_owned).collect() };
    let (clean, littered) = (words(alone.trim_end()), words(both.trim_end()));
    assert_eq!(clean.len(), littered.len(), "{alone}\n{both}");
    for (clean, littered) in clean.iter().zip(&littered).filter(|(clean, _)| !clean.is_empty()) {
        assert_ne!(clean, littered, "{alone}\n{both}");
    }
    let done = run_with(&lines(&rows[1..]), &["--workers", "1"]);
    assert_eq!(text(done.record("after")), alone);
}
