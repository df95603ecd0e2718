//! A profile in the format of container engines, which compile it themselves for a whole container.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ProfileError, ProfileFile, merged, names};

/// Permission denied: what calls get that a profile does not name.
const EPERM: u16 = 1;

/// The profile `name` from its text as an engine takes it; `find` gives the text of the profile that it extends.
///
/// Rules about arguments are left out: a call that has some is let through. They are the job's own filter's business.
///
/// # Errors
/// As [`super::compile`].
pub fn for_engine<'a>(name: &str, text: &str, find: impl Fn(&str) -> Option<&'a str>) -> Result<String, ProfileError> {
    let all = merged(name, text, find, answers)?;
    let mut calls: BTreeMap<Option<u16>, Vec<&str>> = BTreeMap::new();
    for (call, answer) in &all {
        calls.entry(*answer).or_default().push(call);
    }
    let groups: Vec<Value> = calls.into_iter().map(|(answer, calls)| group(answer, &calls)).collect();
    let profile = json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}],
        "syscalls": groups,
    });
    Ok(profile.to_string())
}

fn group(answer: Option<u16>, calls: &[&str]) -> Value {
    match answer {
        None => json!({"names": calls, "action": "SCMP_ACT_ALLOW"}),
        Some(error) => json!({"names": calls, "action": "SCMP_ACT_ERRNO", "errnoRet": error}),
    }
}

/// What each call of a profile gets: let through, or this error.
fn answers(name: &str, file: &ProfileFile) -> Result<BTreeMap<String, Option<u16>>, ProfileError> {
    let unknown = |kind, word: &str| ProfileError::Unknown { name: name.to_owned(), kind, word: word.to_owned() };
    let mut answers = BTreeMap::new();
    let allowed = file.allow.iter().flat_map(|group| &group.calls);
    for call in allowed.chain(file.argument.iter().map(|rule| &rule.call)) {
        names::call(call).ok_or_else(|| unknown("system call", call))?;
        answers.insert(call.clone(), None);
    }
    for group in &file.refused {
        let error = names::error(&group.error).ok_or_else(|| unknown("error", &group.error))?;
        for call in &group.calls {
            names::call(call).ok_or_else(|| unknown("system call", call))?;
            answers.insert(call.clone(), Some(error));
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("../../../../policies/seccomp/default.toml");
    const CONTAINER: &str = include_str!("../../../../policies/container/seccomp.toml");

    /// What the engine answers to a call.
    fn answer(profile: &Value, call: &str) -> String {
        let groups = profile["syscalls"].as_array().unwrap();
        let holds = |group: &&Value| group["names"].as_array().unwrap().iter().any(|name| name == call);
        let found: Vec<&Value> = groups.iter().filter(holds).collect();
        assert!(found.len() < 2, "{call} is answered twice");
        found.first().map_or("default", |group| group["action"].as_str().unwrap()).to_owned()
    }

    #[test]
    fn a_container_may_what_a_worker_needs_and_little_else() {
        let text = for_engine("container", CONTAINER, |name| (name == "default").then_some(DEFAULT)).unwrap();
        let profile: Value = serde_json::from_str(&text).unwrap();
        for call in ["read", "unshare", "clone3", "mount", "pivot_root", "setns", "socket", "prlimit64"] {
            assert_eq!(answer(&profile, call), "SCMP_ACT_ALLOW", "{call}");
        }
        assert_eq!(answer(&profile, "io_uring_setup"), "SCMP_ACT_ERRNO");
        for call in ["bpf", "ptrace", "keyctl", "kexec_load", "init_module", "open_by_handle_at", "chroot"] {
            assert_eq!(answer(&profile, call), "default", "{call}");
        }
        assert!(for_engine("container", CONTAINER, |_| None).unwrap_err().to_string().contains("\"default\""));
    }
}
