//! Rows in, records out: formats, shards, journal, resume.
