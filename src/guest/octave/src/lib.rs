//! What Octave loads to be a zygote (images/octave/driver).
//!
//! One file that Octave meets twice. It is loaded ahead of Octave's own libraries (LD_PRELOAD), so that a few of their functions are
//! ours first ([`hooks`]): this tells when a script has come to its end and how, at a moment when its figures are still
//! there, which nothing in the language does; and functions that have
//! been read once are not read again ([`functions`]). And it is a MEX file, by which the driver reaches the calls of the jail library
//! ([`calls`]). Of its process it asks for MEX functions and a few of any libc (a test of the sandbox crate checks that).
//!
//! Nothing here may own anything: Octave's errors are C++ exceptions, which must not meet a frame of ours.
#![no_std]

mod api;
mod calls;
mod functions;
mod hooks;
mod text;
