//! What R loads to be a zygote (images/r/driver).
//!
//! The calls of the jail library in the form in which R's `.Call` reaches them ([`calls`]), and two of R's own pointers to
//! functions, through which any program that embeds R takes the console's place ([`console`]). Of its process it asks for
//! symbols of libR and no others (a test of the sandbox crate checks that).
//!
//! Nothing here may own anything: R leaves functions by longjmp(3).
#![no_std]

mod api;
mod calls;
mod console;
mod failure;
