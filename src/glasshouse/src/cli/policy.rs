//! `glasshouse policy`.

use super::Failure;
use super::args::{PolicyAction, PolicyArgs};
use crate::policies::{self, PoliciesError};

pub(super) fn policy(args: &PolicyArgs) -> Result<u8, Failure> {
    let folder = args.policies.as_deref();
    match &args.action {
        PolicyAction::List => list(&policies::load(folder)?)?,
        PolicyAction::Show { name } => {
            let policy = policies::load(folder)?.get(name).map_err(PoliciesError::from)?;
            print!("{}", policy.show());
        }
        PolicyAction::Check { file } => {
            let policy = policies::check(file, folder)?;
            println!("{} is whole; with everything it inherits:\n\n{}", file.display(), policy.show());
        }
    }
    Ok(0)
}

fn list(set: &glasshouse_model::PolicySet) -> Result<(), Failure> {
    let width = set.names().map(str::len).max().unwrap_or_default();
    for name in set.names() {
        let policy = set.get(name).map_err(PoliciesError::from)?;
        println!("{name:width$}  {}", policy.description);
    }
    Ok(())
}
