//! `glasshouse report`.

use super::Failure;
use super::args::ReportArgs;
use crate::report as page;

pub(super) fn report(args: &ReportArgs) -> Result<u8, Failure> {
    let path = page::write(&args.out)?;
    println!("{}", path.display());
    Ok(0)
}
