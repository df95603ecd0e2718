//! Takes files out of a run, checks them under limits, stores them by content hash.
