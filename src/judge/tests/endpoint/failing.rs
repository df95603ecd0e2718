//! Servers that fail: what is tried again, what is waited for, what ends a run, and that nothing of it makes a score.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use glasshouse_judge::way::Way;

use super::server::{Reply, Request, Server, fails, says};
use super::{Came, GOOD, Settings, run, settings};

/// What is answered to the one bad sample's calls, by how many of them came before.
type Bad = fn(usize) -> Reply;
/// What is answered to all, and what is said of it.
type Wrong = (fn() -> Reply, &'static str);

/// Judges samples by a server that does `reply` to the number 1's calls, by how many of them came before, and well to others.
fn with_one_bad(samples: u64, settings_of: impl Fn(&str) -> Settings, reply: Bad) -> (Came, Vec<Request>) {
    let bad = Mutex::new(0);
    let server = Server::start(move |request, _| {
        if !request.text().contains("number 1.") {
            return says(GOOD);
        }
        let before = {
            let mut bad = bad.lock().unwrap();
            *bad += 1;
            *bad - 1
        };
        reply(before)
    });
    let came = run(&settings_of(&server.url), Way::Reasoned, samples);
    (came, server.asked())
}

#[test]
fn what_fails_once_is_asked_again() {
    let once: [Bad; 5] = [
        |before| if before == 0 { fails(500, "oh") } else { says(GOOD) },
        |before| if before == 0 { Reply::Cut } else { says(GOOD) },
        |before| if before == 0 { Reply::Hang(Duration::ZERO) } else { says(GOOD) },
        |before| if before == 0 { Reply::Say(200, Vec::new(), "<html>".to_owned()) } else { says(GOOD) },
        |before| if before == 0 { Reply::Say(200, Vec::new(), "{\"error\": \"busy\"}".to_owned()) } else { says(GOOD) },
    ];
    for reply in once {
        let (came, asked) = with_one_bad(3, settings, reply);
        assert_eq!((came.tally.judged, came.tally.faults, came.rewards.len()), (3, 0, 3), "{:?}", came.faults);
        assert_eq!((asked.len(), came.asked.calls, came.asked.again), (4, 4, 1));
    }
}

#[test]
fn what_fails_always_is_a_fault_of_one_sample() {
    let always: [(Bad, &str); 3] = [
        (|_| fails(500, "CUDA error"), "500 Internal Server Error: CUDA error (tried 3 times)"),
        (|_| Reply::Cut, "the connection was cut"),
        (|_| Reply::Say(200, Vec::new(), "{}".to_owned()), "no chat completion"),
    ];
    for (reply, why) in always {
        let (came, asked) = with_one_bad(4, settings, reply);
        assert_eq!((came.tally.judged, came.tally.faults, came.ended), (3, 1, None));
        assert!(came.faults[&1].contains(why), "{why}: {:?}", came.faults);
        assert_eq!((asked.len(), came.rewards.len()), (6, 3));
    }
}

#[test]
fn a_server_that_wants_time_is_given_it() {
    let (came, asked) = with_one_bad(2, settings, |before| match before {
        0 => Reply::Say(429, vec![("retry-after", "1".to_owned())], "slow down".to_owned()),
        1 => fails(503, "loading"),
        _ => says(GOOD),
    });
    assert_eq!((came.tally.judged, came.tally.faults, asked.len()), (2, 0, 4));
    assert!(asked[2].at - asked[1].at >= Duration::from_secs(1), "{:?}", asked[2].at - asked[1].at);
    // A date will do, too.
    let (came, asked) = with_one_bad(2, settings, |before| match before {
        0 => {
            let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(2));
            Reply::Say(429, vec![("retry-after", date)], String::new())
        }
        _ => says(GOOD),
    });
    assert_eq!((came.tally.judged, asked.len()), (2, 3));
    // A date has whole seconds.
    assert!(asked[2].at - asked[1].at >= Duration::from_millis(900), "{:?}", asked[2].at - asked[1].at);
}

#[test]
fn a_wait_beyond_patience_ends_the_run() {
    let (came, asked) = with_one_bad(3, settings, |_| {
        Reply::Say(429, vec![("retry-after", "3600".to_owned())], "{\"error\": {\"message\": \"quota\"}}".to_owned())
    });
    let ended = came.ended.unwrap();
    assert!(ended.contains("left alone for 3600 s") && ended.contains("quota"), "{ended}");
    assert_eq!((came.tally.judged, came.rewards.len(), came.faults.len(), asked.len()), (1, 1, 0, 2));
}

#[test]
fn a_call_that_takes_too_long_is_given_up() {
    let brief = |url: &str| Settings { timeout: Duration::from_secs(1), retries: 4, ..settings(url) };
    let (came, asked) = with_one_bad(3, brief, |_| Reply::Hang(Duration::from_secs(3)));
    assert_eq!((came.tally.judged, came.tally.faults, came.ended), (2, 1, None));
    assert!(came.faults[&1].contains("no answer within 1 s (--timeout)"), "{:?}", came.faults);
    // Not five times: it has had its whole time twice.
    assert_eq!(asked.len(), 4);
    // A server that has never answered is not asked about all samples.
    let server = Server::start(|_, _| Reply::Hang(Duration::from_secs(3)));
    let came = run(&brief(&server.url), Way::Reasoned, 5);
    assert!(came.ended.unwrap().contains("no answer within 1 s"));
    assert_eq!((server.asked().len(), came.faults.len(), came.rewards.len()), (2, 0, 0));
}

#[test]
fn what_is_wrong_with_the_whole_is_said_at_once() {
    let elsewhere = || Reply::Say(308, vec![("location", "https://example.org/v1".to_owned())], String::new());
    let wrong: [Wrong; 4] = [
        (|| fails(401, "Incorrect API key"), "401 Unauthorized: Incorrect API key; --api-key-env names"),
        (|| fails(403, "not you"), "forbids it: 403 Forbidden: not you"),
        (
            || fails(404, "The model `judge-1` does not exist"),
            "`judge-1` does not exist; the URL is the one that ends in /v1",
        ),
        (elsewhere, "to https://example.org/v1"),
    ];
    for (reply, why) in wrong {
        let server = Server::start(move |_, _| reply());
        let came = run(&Settings { concurrency: 8, ..settings(&server.url) }, Way::Reasoned, 40);
        let ended = came.ended.unwrap();
        assert!(ended.contains(why) && ended.contains(&server.url), "{ended}");
        assert_eq!((server.asked().len(), came.faults.len(), came.rewards.len()), (1, 0, 0));
    }
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_private() {
    // It hears what is no HTTP, and says so.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let came = run(&settings(&url), Way::Reasoned, 3);
    let ended = came.ended.unwrap();
    assert!(ended.contains("no TLS with the server") && ended.contains("SSL_CERT_FILE"), "{ended}");
    assert_eq!((came.asked.calls, came.faults.len(), came.rewards.len()), (1, 0, 0));
}

#[test]
fn a_server_that_fails_at_everything_ends_the_run() {
    let once = |url: &str| Settings { retries: 0, ..settings(url) };
    let server = Server::start(|_, _| fails(500, "oh"));
    let came = run(&once(&server.url), Way::Reasoned, 40);
    assert!(came.ended.unwrap().contains("8 samples in a row failed"));
    // The eighth has no fault: it is not to blame.
    assert_eq!((server.asked().len(), came.faults.len(), came.rewards.len()), (8, 7, 0));

    let server = Server::start(|_, _| fails(400, "this model takes no pictures"));
    let came = run(&once(&server.url), Way::Reasoned, 40);
    assert!(
        came.ended.unwrap().contains("refuses whatever it is asked: 400 Bad Request: this model takes no pictures")
    );
    // Each with and without settings of the template.
    assert_eq!((server.asked().len(), came.faults.len(), came.rewards.len()), (64, 31, 0));
}

#[test]
fn a_server_that_is_not_there_is_waited_for_and_then_not() {
    // A port where nobody listens.
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    };
    let before = Instant::now();
    let patient = Settings { patience: Duration::from_secs(2), concurrency: 4, ..settings(&url) };
    let came = run(&patient, Way::Reasoned, 9);
    let ended = came.ended.unwrap();
    assert!(ended.contains("nothing was to be had of the server for 2 s") && ended.contains("refused"), "{ended}");
    assert_eq!((came.faults.len(), came.rewards.len()), (0, 0));
    assert!(before.elapsed() >= Duration::from_secs(2));

    // It comes back in time: nothing is lost.
    let server = Server::start(|_, before| if before < 2 { fails(503, "starting") } else { says(GOOD) });
    let came = run(&Settings { retries: 0, ..settings(&server.url) }, Way::Reasoned, 3);
    assert_eq!((came.tally.judged, came.tally.faults, came.ended, server.asked().len()), (3, 0, None, 5));
}

#[test]
fn what_is_no_address_is_said() {
    use glasshouse_judge::endpoint::Endpoint;
    use glasshouse_judge::rubric::{Layout, Rubric};
    use glasshouse_judge::way::Manner;

    let manner = Manner { way: Way::Reasoned, layout: Layout::RubricFirst, reasoning: 1 };
    for wrong in ["localhost:8000", "", "http://", "ftp://host/v1", "http://a b/v1"] {
        let error = Endpoint::new(&settings(wrong), Rubric::read(super::RUBRIC).unwrap(), manner).err().unwrap();
        assert!(error.to_string().contains("ends in /v1"), "{error}");
    }
}
