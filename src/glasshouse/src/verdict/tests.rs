//! Every verdict, every pair of verdicts, and the edges of each rule.

use glasshouse_capture::ErrorLink;
use glasshouse_model::{Artifact, ArtifactKind, CaptureKind, Cause, ErrorInfo, Limits, Origin, Usage, Verdict};
use glasshouse_sandbox::{Disk, Exit, Stop};

use super::{Evidence, TestOutcome, judge};

/// Evidence that owns its parts, so that cases can be put together.
#[derive(Clone)]
struct Case {
    exit: Exit,
    stop: Option<Stop>,
    oom_kills: u64,
    refused_forks: u64,
    disk: Disk,
    stdout_bytes: u64,
    error: Option<ErrorInfo>,
    chain: Vec<ErrorLink>,
    artifacts: Vec<Artifact>,
    missing: Option<&'static str>,
    capture: Vec<CaptureKind>,
    tests: TestOutcome,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            exit: Exit::Code(0),
            stop: None,
            oom_kills: 0,
            refused_forks: 0,
            disk: Disk::default(),
            stdout_bytes: 0,
            error: None,
            chain: Vec::new(),
            artifacts: Vec::new(),
            missing: None,
            capture: Vec::new(),
            tests: TestOutcome::NotJudged,
        }
    }
}

impl Case {
    fn judge(&self) -> (Verdict, Option<Cause>) {
        judge(&Evidence {
            exit: self.exit,
            stop: self.stop,
            oom_kills: self.oom_kills,
            refused_forks: self.refused_forks,
            disk: self.disk,
            usage: Usage::default(),
            limits: &Limits::default(),
            stdout_bytes: self.stdout_bytes,
            output_bytes: self.stdout_bytes,
            error: self.error.as_ref(),
            chain: &self.chain,
            artifacts: &self.artifacts,
            missing: self.missing,
            capture: &self.capture,
            tests: &self.tests,
        })
    }

    fn verdict(&self) -> Verdict {
        self.judge().0
    }

    fn code(&self) -> String {
        self.judge().1.map(|cause| cause.code).unwrap_or_default()
    }

    fn raised(kind: &str, errno: Option<i32>) -> Self {
        let mut case = Self { exit: Exit::Code(1), ..Self::default() };
        case.error =
            Some(ErrorInfo { kind: kind.into(), message: "why".into(), line: Some(3), ..ErrorInfo::default() });
        case.chain.push(ErrorLink { kind: kind.into(), errno });
        case
    }
}

fn picture(name: &str, kind: ArtifactKind) -> Artifact {
    Artifact {
        name: name.into(),
        kind,
        media_type: "image/png".into(),
        bytes: 10,
        hash: None,
        width: Some(2),
        height: Some(2),
        duration: None,
        frames: None,
        blank: Some(false),
        problem: None,
        origin: None,
        facts: None,
    }
}

/// Makes one verdict true of a case and leaves all else as it is.
fn afflict(case: &mut Case, verdict: Verdict) {
    match verdict {
        Verdict::MemoryLimitExceeded => case.oom_kills = 1,
        Verdict::TimeLimitExceeded => case.stop = Some(Stop::Wall),
        Verdict::ProcessLimitExceeded => case.refused_forks = 5,
        Verdict::OutputLimitExceeded => case.stop = case.stop.or(Some(Stop::Output)),
        Verdict::DiskLimitExceeded => case.disk.full = true,
        Verdict::Signaled => case.exit = Exit::Signal(11),
        Verdict::Denied => {
            if case.exit == Exit::Code(0) {
                case.exit = Exit::Code(1);
            }
            case.chain.push(ErrorLink { kind: "PermissionError".into(), errno: Some(libc::EACCES) });
        }
        Verdict::RuntimeError => {
            if case.exit == Exit::Code(0) {
                case.exit = Exit::Code(1);
            }
        }
        Verdict::InvalidArtifact => {
            let mut lie = picture("lie.png", ArtifactKind::Image);
            lie.problem = Some("is no picture".into());
            lie.blank = Some(true);
            case.artifacts.push(lie);
        }
        Verdict::NoArtifact => case.capture.push(CaptureKind::Text),
        Verdict::BlankArtifact => {
            let mut blank = picture("figure-1.png", ArtifactKind::Figure);
            blank.blank = Some(true);
            case.artifacts.push(blank);
        }
        Verdict::WrongAnswer => case.tests = TestOutcome::Failed(Cause::new("stdout", "test 1")),
        Verdict::Ok => {}
    }
}

#[test]
fn every_verdict_is_reached() {
    for verdict in Verdict::ALL {
        let mut case = Case::default();
        afflict(&mut case, verdict);
        assert_eq!(case.verdict(), verdict);
        assert_eq!(case.judge().1.is_none(), verdict == Verdict::Ok, "{verdict}");
    }
}

#[test]
fn of_two_the_earlier_one_holds() {
    for (place, first) in Verdict::ALL.into_iter().enumerate() {
        for second in Verdict::ALL.into_iter().skip(place + 1) {
            // Tests are judged only where the program itself came to its end.
            let impossible = second == Verdict::WrongAnswer && matches!(first, Verdict::Denied | Verdict::RuntimeError);
            if impossible {
                continue;
            }
            let mut case = Case::default();
            afflict(&mut case, first);
            afflict(&mut case, second);
            assert_eq!(case.verdict(), first, "{first} and {second}");
            let mut case = Case::default();
            afflict(&mut case, second);
            afflict(&mut case, first);
            assert_eq!(case.verdict(), first, "{second} and {first}");
        }
    }
}

#[test]
fn time_tells_the_clock_from_the_processor() {
    let wall = Case { stop: Some(Stop::Wall), exit: Exit::Signal(9), ..Case::default() };
    let cpu = Case { stop: Some(Stop::Cpu), exit: Exit::Signal(9), ..Case::default() };
    let kernel = Case { exit: Exit::Signal(24), ..Case::default() };
    assert_eq!((wall.verdict(), wall.code().as_str()), (Verdict::TimeLimitExceeded, "wall"));
    assert_eq!((cpu.verdict(), cpu.code().as_str()), (Verdict::TimeLimitExceeded, "cpu"));
    assert_eq!((kernel.verdict(), kernel.code().as_str()), (Verdict::TimeLimitExceeded, "cpu"));
}

#[test]
fn what_a_failed_program_says_counts_only_if_it_failed() {
    let cases = [
        ("MemoryError", None, Verdict::MemoryLimitExceeded, "allocation"),
        ("numpy._core._exceptions._ArrayMemoryError", None, Verdict::MemoryLimitExceeded, "allocation"),
        ("OSError", Some(libc::ENOSPC), Verdict::DiskLimitExceeded, "no_room"),
        ("OSError", Some(libc::EDQUOT), Verdict::DiskLimitExceeded, "no_room"),
        ("OSError", Some(libc::ENETUNREACH), Verdict::Denied, "network"),
        ("OSError", Some(libc::EAFNOSUPPORT), Verdict::Denied, "network"),
        ("socket.gaierror", Some(-3), Verdict::Denied, "network"),
        ("OSError", Some(libc::EROFS), Verdict::Denied, "filesystem"),
        ("PermissionError", Some(libc::EPERM), Verdict::Denied, "syscall"),
        ("OSError", Some(libc::ENOSYS), Verdict::Denied, "syscall"),
        ("FileNotFoundError", Some(libc::ENOENT), Verdict::RuntimeError, "FileNotFoundError"),
        ("ConnectionRefusedError", Some(libc::ECONNREFUSED), Verdict::RuntimeError, "ConnectionRefusedError"),
        ("KeyError", None, Verdict::RuntimeError, "KeyError"),
        ("SystemExit", None, Verdict::RuntimeError, "exit_status"),
    ];
    for (kind, errno, verdict, code) in cases {
        let mut case = Case::raised(kind, errno);
        assert_eq!((case.verdict(), case.code().as_str()), (verdict, code), "{kind} {errno:?}");
        case.exit = Exit::Code(0);
        assert_eq!(case.verdict(), Verdict::Ok, "{kind} {errno:?} with status 0 is a forgery or was caught");
    }
}

#[test]
fn a_program_that_could_not_be_read_failed_whatever_its_status() {
    for kind in ["Syntax::sntxf", "Get::noopen", "Needs::nocont"] {
        let case = Case { exit: Exit::Code(0), ..Case::raised(kind, None) };
        assert_eq!((case.verdict(), case.code().as_str()), (Verdict::RuntimeError, kind));
    }
    for kind in ["SyntaxError", "Power::infy", "Get::other"] {
        let case = Case { exit: Exit::Code(0), ..Case::raised(kind, None) };
        assert_eq!(case.verdict(), Verdict::Ok, "{kind}");
    }
}

#[test]
fn a_denial_deep_in_the_chain_is_found() {
    let mut case = Case::raised("URLError", None);
    case.chain.push(ErrorLink { kind: "gaierror".into(), errno: Some(-3) });
    assert_eq!((case.verdict(), case.code().as_str()), (Verdict::Denied, "network"));
}

#[test]
fn a_refused_file_is_named() {
    let mut case = Case::raised("PermissionError", Some(libc::EACCES));
    case.error =
        Some(ErrorInfo { message: "[Errno 13] Permission denied: '/etc/hosts'".into(), ..ErrorInfo::default() });
    let (verdict, cause) = case.judge();
    let cause = cause.unwrap();
    assert_eq!((verdict, cause.code.as_str()), (Verdict::Denied, "filesystem"));
    assert!(cause.message.contains("/etc/hosts"), "{}", cause.message);
}

#[test]
fn one_picture_with_content_is_enough() {
    let mut case = Case::default();
    afflict(&mut case, Verdict::BlankArtifact);
    case.artifacts.push(picture("plot.png", ArtifactKind::Image));
    assert_eq!(case.verdict(), Verdict::Ok);
    // A picture that nobody looked at may have content, so it is not called blank.
    case.artifacts[1].blank = None;
    assert_eq!(case.verdict(), Verdict::Ok);
}

#[test]
fn a_frame_that_no_film_has_is_told_in_its_own_words() {
    let case = Case { missing: Some("frames.at: 9 s is past the end"), ..Case::default() };
    let (verdict, cause) = case.judge();
    assert_eq!((verdict, cause.unwrap().message.as_str()), (Verdict::NoArtifact, "frames.at: 9 s is past the end"));
}

#[test]
fn a_film_is_blank_only_if_all_of_it_is() {
    let shown = |call: &str, blank: bool| Artifact {
        origin: Some(Origin { call: call.to_owned(), ..Origin::default() }),
        blank: Some(blank),
        ..picture("shown.png", ArtifactKind::Image)
    };
    let film = |blank: bool| Artifact {
        facts: Some(serde_json::json!({ "blank": blank })),
        media_type: "video/mp4".into(),
        blank: None,
        ..picture("film.mp4", ArtifactKind::Video)
    };
    let judged = |artifacts: Vec<Artifact>| Case { artifacts, ..Case::default() }.verdict();
    assert_eq!(judged(vec![shown("last_frame", true), film(false)]), Verdict::Ok);
    assert_eq!(judged(vec![shown("frame", true), shown("last_frame", true), film(true)]), Verdict::BlankArtifact);
    assert_eq!(judged(vec![shown("render", true), shown("last_frame", true), film(false)]), Verdict::Ok);
    assert_eq!(judged(vec![shown("render", true)]), Verdict::BlankArtifact);
}

#[test]
fn each_capture_is_asked_for() {
    let mut table = picture("table.csv", ArtifactKind::File);
    table.blank = None;
    let mut gif = picture("a.gif", ArtifactKind::Video);
    gif.media_type = "image/gif".into();
    let mut facts = picture("figure-1.png", ArtifactKind::Figure);
    facts.facts = Some(serde_json::json!({}));
    let mut results = picture("results.json", ArtifactKind::File);
    results.origin = Some(Origin { call: "results".into(), ..Origin::default() });
    let cases: [(CaptureKind, Vec<Artifact>, bool); 9] = [
        (CaptureKind::Image, vec![table.clone()], false),
        (CaptureKind::Image, vec![picture("figure-1.png", ArtifactKind::Figure)], true),
        (CaptureKind::Image, vec![gif.clone()], true),
        (CaptureKind::Video, vec![picture("a.png", ArtifactKind::Image)], false),
        (CaptureKind::Video, vec![gif], true),
        (CaptureKind::File, vec![picture("figure-1.png", ArtifactKind::Figure)], false),
        (CaptureKind::File, vec![results], false),
        (CaptureKind::File, vec![table], true),
        (CaptureKind::Facts, vec![facts], true),
    ];
    for (kind, artifacts, present) in cases {
        let case = Case { capture: vec![kind], artifacts, ..Case::default() };
        let expected = if present { Verdict::Ok } else { Verdict::NoArtifact };
        assert_eq!(case.verdict(), expected, "{kind:?}");
    }
    let text = Case { capture: vec![CaptureKind::Text], stdout_bytes: 1, ..Case::default() };
    assert_eq!(text.verdict(), Verdict::Ok);
}

#[test]
fn a_failed_test_is_no_runtime_error() {
    let mut case = Case { exit: Exit::Code(1), ..Case::default() };
    afflict(&mut case, Verdict::WrongAnswer);
    assert_eq!(case.verdict(), Verdict::WrongAnswer);
}
