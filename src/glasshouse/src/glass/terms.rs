//! From a policy to what confines a sandbox.

use glasshouse_model::{Policy, Requirement};
use glasshouse_sandbox::{Terms, seccomp};

use super::GlassError;
use crate::resources::POLICIES;

/// Set to see what sandboxes say on the standard error.
const VERBOSE: &str = "GLASSHOUSE_VERBOSE";

/// What confines the jobs of a policy, and what must.
pub(super) fn terms(policy: &Policy, allow_missing: &[Requirement]) -> Result<Terms, GlassError> {
    Ok(Terms {
        seccomp: seccomp::compile(&policy.seccomp, profile(policy)?, profile_text)?,
        require: policy.require.clone(),
        allow_missing: allow_missing.to_vec(),
        verbose: std::env::var_os(VERBOSE).is_some(),
    })
}

pub(super) fn profile_text(name: &str) -> Option<&'static str> {
    POLICIES.get_file(format!("seccomp/{name}.toml")).and_then(|file| file.contents_utf8())
}

fn profile(policy: &Policy) -> Result<&'static str, GlassError> {
    profile_text(&policy.seccomp).ok_or_else(|| {
        let files = POLICIES.get_dir("seccomp").map(|folder| folder.files()).into_iter().flatten();
        let names = files.filter_map(|file| Some(file.path().file_stem()?.to_string_lossy().into_owned()));
        GlassError::NoProfile {
            policy: policy.name.clone(),
            profile: policy.seccomp.clone(),
            known: names.collect::<Vec<_>>().join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_profile_is_named_with_those_that_exist() {
        let mut policies = glasshouse_model::PolicySet::default();
        policies.add("p", "seccomp = \"lax\"").unwrap();
        let error = profile(&policies.get("p").unwrap()).unwrap_err().to_string();
        assert!(error.contains("\"lax\"") && error.contains("default"), "{error}");
    }
}
