//! What is said to a server, and what is made of its answers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glasshouse_judge::store::Store;
use glasshouse_judge::way::Way;
use serde_json::{Value, json};

use super::server::{Reply, Request, Server, fails, says};
use super::{GOOD, Settings, picture, run, run_with, scores, settings};

#[test]
fn each_sample_is_one_call_where_the_judge_answers_in_form() {
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(30));
        says(GOOD)
    });
    let came =
        run(&Settings { concurrency: 4, key: Some("secret".into()), ..settings(&server.url) }, Way::Reasoned, 12);
    assert_eq!((came.tally.judged, came.tally.faults, came.ended), (12, 0, None));
    let asked = server.asked();
    assert_eq!(asked.len(), 12);
    assert!((2..=4).contains(&server.most()), "{}", server.most());
    assert_eq!((came.asked.calls, came.asked.again), (12, 0));
    assert_eq!((came.asked.prompt_tokens, came.asked.cached_tokens, came.asked.answer_tokens), (1200, 720, 84));
    for reward in came.rewards.values() {
        assert_eq!(scores(reward), [4.0, 2.0]);
        assert_eq!(reward.reasoning.as_deref(), Some("It is fine."));
        assert!(reward.spreads.is_empty());
        assert_eq!((reward.prompt_tokens, reward.answer_tokens), (100, 7));
    }
    let numbered = |request: &&Request, row: u64| request.text().contains(&format!("Draw number {row}."));
    for row in 0..12 {
        let request = asked.iter().find(|request| numbered(request, row)).unwrap();
        assert_eq!(request.path, "/v1/chat/completions");
        assert_eq!(request.headers["authorization"], "Bearer secret");
        assert_eq!(request.body["model"], "judge-1");
        assert_eq!(request.body["temperature"], 0);
        let messages = request.body["messages"].as_array().unwrap();
        // What comes first is the same for all, so that a server computes it once.
        assert_eq!((&messages[0], messages.len()), (&asked[0].body["messages"][0], 2));
        let url = messages[1]["content"][1]["image_url"]["url"].as_str().map(str::to_owned);
        let url = url.or_else(|| Some(messages[1]["content"][2]["image_url"]["url"].as_str()?.to_owned())).unwrap();
        let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, picture(row as u8).bytes());
    }
}

#[test]
fn an_answer_that_is_missing_is_asked_for_in_its_form() {
    let server = Server::start(|request, _| match request.body.get("response_format") {
        None => says("The bars are right, the colours are dull."),
        Some(_) => says(r#"{"scores": {"good": 5, "clear": 3}}"#),
    });
    let came = run(&settings(&server.url), Way::Reasoned, 3);
    assert_eq!((came.tally.judged, came.tally.faults), (3, 0));
    let asked = server.asked();
    assert_eq!(asked.len(), 6);
    let format = &asked[1].body["response_format"];
    assert_eq!(format["type"], "json_schema");
    let scores_schema = &format["json_schema"]["schema"]["properties"]["scores"];
    assert_eq!(scores_schema["required"], json!(["good", "clear"]));
    let messages = asked[1].body["messages"].as_array().unwrap();
    assert_eq!(messages[2], json!({"role": "assistant", "content": "The bars are right, the colours are dull."}));
    assert!(messages[3]["content"].as_str().unwrap().contains(r#"{"scores": {"good": N, "clear": N}}"#));
    assert_eq!(scores(&came.rewards[&0]), [5.0, 3.0]);
    assert_eq!(came.rewards[&0].reasoning.as_deref(), Some("The bars are right, the colours are dull."));
    assert_eq!(came.rewards[&0].prompt_tokens, 200);
}

#[test]
fn what_a_server_refuses_is_not_asked_for_again() {
    let server = Server::start(|request, _| {
        let text = request.body.to_string();
        match ["chat_template_kwargs", "json_schema", "guided_json"].iter().find(|word| text.contains(**word)) {
            Some(word) => fails(422, &format!("unexpected field {word}")),
            None if request.body.get("response_format").is_none() => says("Hm."),
            None => says(r#"```json {"good": "4/5", "clear": 1} ```"#),
        }
    });
    let came = run(&settings(&server.url), Way::Reasoned, 3);
    assert_eq!((came.tally.judged, came.tally.faults), (3, 0));
    // The first: with and without settings of the template; schema, guided_json, and json_object. The others: two each.
    assert_eq!(server.asked().len(), 2 + 3 + 2 + 2);
    assert_eq!(server.asked()[4].body["response_format"], json!({"type": "json_object"}));
    assert_eq!(scores(&came.rewards[&2]), [4.0, 1.0]);
}

#[test]
fn nonsense_is_a_fault_and_no_score() {
    let server = Server::start(|request, _| match request.text().contains("number 1.") {
        true => says(r#"{"scores": {"good": 4, "clear": 9}}"#),
        false => says(GOOD),
    });
    let came = run(&settings(&server.url), Way::Reasoned, 3);
    assert_eq!((came.tally.judged, came.tally.faults, came.rewards.len()), (2, 1, 2));
    assert!(came.faults[&1].contains("\"clear\" is 9, not a whole number"), "{:?}", came.faults);
    // It was asked for once more, in its form.
    assert_eq!(server.asked().len(), 4);
}

/// An answer with how likely each digit was.
fn likely(good: &[(&str, f64)], clear: &[(&str, f64)]) -> Reply {
    let token = |text: &str, told: &[(&str, f64)]| {
        let top: Vec<Value> =
            told.iter().map(|(word, likely)| json!({"token": word, "logprob": likely.ln()})).collect();
        json!({"token": text, "logprob": 0.0, "top_logprobs": top})
    };
    let content = [
        token("{\"scores\": {\"good\":", &[]),
        token(" ", &[]),
        token(good[0].0, good),
        token(", \"clear\": ", &[]),
        token(clear[0].0, clear),
        token("}}", &[]),
    ];
    let text: String = content.iter().map(|token| token["token"].as_str().unwrap()).collect();
    let choice = json!({"message": {"content": text}, "logprobs": {"content": content}, "finish_reason": "stop"});
    Reply::Say(200, Vec::new(), json!({"choices": [choice]}).to_string())
}

#[test]
fn scores_alone_are_expectations_over_the_digits() {
    let server = Server::start(|_, _| likely(&[("4", 0.6), ("5", 0.2), ("no", 0.2)], &[("1", 0.5), ("2", 0.5)]));
    let came = run(&settings(&server.url), Way::ScoreOnly, 2);
    assert_eq!((came.tally.judged, server.asked().len()), (2, 2));
    let request = &server.asked()[0].body;
    assert_eq!((&request["logprobs"], &request["top_logprobs"]), (&json!(true), &json!(20)));
    assert_eq!(request["response_format"]["type"], "json_schema");
    let reward = &came.rewards[&1];
    let near = |one: f64, other: f64| assert!((one - other).abs() < 1e-9, "{one} {other}");
    near(reward.scores[0].value, 4.25);
    near(reward.scores[1].value, 1.5);
    near(reward.spreads[0].mass, 0.8);
    near(reward.spreads[1].entropy, 2_f64.ln());
    assert_eq!((reward.spreads[0].likeliest, reward.reasoning.as_ref()), (4, None));
}

#[test]
fn where_likelihoods_are_not_offered_no_other_measure_takes_their_place() {
    let scores_alone = r#"{"scores": {"good": 4, "clear": 2}}"#;
    let silent = Server::start(move |_, _| says(scores_alone));
    let refusing = Server::start(move |request, _| match request.body.get("logprobs") {
        Some(_) => fails(422, "logprobs: unsupported"),
        None => says(scores_alone),
    });
    // Refused in any of eight forms, and then taken without.
    for (server, calls, why) in [(silent, 1, "comes without logprobs"), (refusing, 9, "refuses logprobs (422")] {
        let came = run(&settings(&server.url), Way::ScoreOnly, 3);
        let ended = came.ended.unwrap();
        assert!(ended.contains(why) && ended.contains("--way reasoned"), "{ended}");
        assert_eq!((came.tally.judged, came.rewards.len(), came.faults.len()), (0, 0, 0));
        assert_eq!(server.asked().len(), calls);
    }
}

#[test]
fn a_sample_that_is_refused_is_alone_in_it() {
    let server = Server::start(|request, _| match request.text().contains("number 2.") {
        true => fails(400, "This model's maximum context length is 4096 tokens"),
        false => says(GOOD),
    });
    let came = run(&settings(&server.url), Way::Reasoned, 5);
    assert_eq!((came.tally.judged, came.tally.faults), (4, 1));
    assert!(came.faults[&2].contains("maximum context length"), "{:?}", came.faults);
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn what_was_judged_is_not_asked_about_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("rewards.sqlite")).unwrap();
    let failing = Server::start(|request, _| match request.text().contains("number 3.") {
        true => fails(400, "no"),
        false => says(GOOD),
    });
    let came = run_with(&mut store, &settings(&failing.url), Way::Reasoned, 5);
    assert_eq!((came.tally.judged, came.tally.faults), (4, 1));
    // At another address, the same model: the rest is asked about.
    let server = Server::start(|_, _| says(GOOD));
    let came = run_with(&mut store, &settings(&server.url), Way::Reasoned, 6);
    assert_eq!((came.tally.judged, came.tally.before, came.tally.faults, server.asked().len()), (2, 4, 0, 2));
    // Another model is another judge.
    let other = Settings { model: "judge-2".into(), ..settings(&server.url) };
    let came = run_with(&mut store, &other, Way::Reasoned, 6);
    assert_eq!((came.tally.judged, came.tally.before, server.asked().len()), (6, 0, 8));
}
