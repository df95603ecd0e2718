//! Builds the root file systems of runtimes from their definitions.
//!
//! A definition is a folder under `images/`; the image built from it lies in the cache under a name that ends in
//! its digest, so that a changed definition is another image and an unchanged one is built once. What is built
//! does not depend on who builds: root and ordinary users take the same steps.
//!
//! ```no_run
//! use std::path::Path;
//! # fn main() -> Result<(), glasshouse_images::ImageError> {
//! let definition = glasshouse_images::Definition::load(Path::new("images/python"))?;
//! let image = glasshouse_images::ensure(&definition, Path::new("cache"), &mut |line| eprintln!("{line}"))?;
//! println!("{}", image.root.display());
//! # Ok(())
//! # }
//! ```

mod apt;
mod archive;
mod build;
mod command;
mod definition;
mod error;
mod inside;
mod manifest;
pub mod mirror;
mod sources;
mod spec;
mod store;
mod unpack;
mod wheels;

pub use archive::{pack, verify_archive};
pub use build::ensure;
pub use definition::Definition;
pub use error::ImageError;
pub use manifest::VerifyReport;
pub use spec::{Debian, Drive, Home, Package, RuntimeSpec, Sources, Wheels};
pub use store::{Image, ImageInfo, Listed, find, list, verify};
