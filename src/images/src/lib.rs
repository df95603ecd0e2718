//! Builds the root file systems of runtimes from their definitions.
