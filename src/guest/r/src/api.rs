//! The part of R's C interface that is used here ("Writing R Extensions", chapters 5, 6 and 8), and safe ways to use it.

use core::ffi::{c_char, c_int, c_uint, c_void};

/// A value of R's; the memory is R's.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Value(*mut c_void);

const INTEGERS: c_uint = 13;
const DOUBLES: c_uint = 14;
const LIST: c_uint = 19;
const BYTES: c_uint = 24;

/// R's pointer to what gives it the next line: prompt, buffer, its size, whether to remember the line. 0: no more lines.
pub type ReadConsole = unsafe extern "C" fn(*const c_char, *mut u8, c_int, c_int) -> c_int;
/// R's pointer to what ends it: what to save, exit status, whether to run `.Last`.
pub type CleanUp = unsafe extern "C" fn(c_uint, c_int, c_int);

/// R's pointer to what it calls on its way from an error to the top level, once it has printed the error and its warnings and before
/// it leaves any of the functions that led there.
pub type ResetConsole = unsafe extern "C" fn();

// Names are libR's.
#[allow(non_upper_case_globals, non_snake_case)]
unsafe extern "C" {
    pub static mut ptr_R_ReadConsole: Option<ReadConsole>;
    pub static mut ptr_R_CleanUp: Option<CleanUp>;
    pub static mut ptr_R_ResetConsole: Option<ResetConsole>;
    static R_NilValue: Value;
    static R_GlobalEnv: Value;
    static R_UnboundValue: Value;
    fn INTEGER(value: Value) -> *mut c_int;
    fn REAL(value: Value) -> *mut f64;
    fn RAW(value: Value) -> *mut u8;
    fn Rf_length(value: Value) -> c_int;
    fn STRING_ELT(value: Value, index: isize) -> Value;
    fn R_CHAR(value: Value) -> *const c_char;
    fn SET_VECTOR_ELT(list: Value, index: isize, value: Value) -> Value;
    fn Rf_allocVector(kind: c_uint, length: isize) -> Value;
    fn Rf_protect(value: Value) -> Value;
    fn Rf_unprotect(count: c_int);
    fn Rf_eval(call: Value, environment: Value) -> Value;
    fn R_PreserveObject(value: Value);
    fn R_MakeExternalPtrFn(function: *const c_void, tag: Value, kept: Value) -> Value;
    fn Rf_install(name: *const c_char) -> Value;
    fn SET_SYMVALUE(symbol: Value, value: Value);
    fn R_set_command_line_arguments(count: c_int, arguments: *const *const c_char);
    fn R_setStartTime();
    fn R_curErrorBuf() -> *const c_char;
}

// SAFETY, for all that follows: R calls this library in its only thread, with live values of the types that the driver
// passes; allocations are protected where another may follow.

impl Value {
    /// NULL.
    pub fn null() -> Self {
        unsafe { R_NilValue }
    }

    /// A vector of one integer.
    pub fn integer(value: i32) -> Self {
        let made = unsafe { Rf_allocVector(INTEGERS, 1) };
        made.integers()[0] = value;
        made
    }

    /// A vector of integers.
    pub fn integers_of(values: &[i32]) -> Self {
        let made = unsafe { Rf_allocVector(INTEGERS, values.len() as isize) };
        made.integers().copy_from_slice(values);
        made
    }

    /// A vector of doubles.
    pub fn doubles_of(values: &[f64]) -> Self {
        let made = unsafe { Rf_allocVector(DOUBLES, values.len() as isize) };
        made.doubles().copy_from_slice(values);
        made
    }

    /// A raw vector of this length, its contents left to be written.
    pub fn bytes_of_length(length: usize) -> Self {
        unsafe { Rf_allocVector(BYTES, length as isize) }
    }

    /// A list of two.
    pub fn pair(first: Self, second: impl FnOnce() -> Self) -> Self {
        unsafe {
            Rf_protect(first);
            let second = Rf_protect(second());
            let list = Rf_allocVector(LIST, 2);
            SET_VECTOR_ELT(list, 0, first);
            SET_VECTOR_ELT(list, 1, second);
            Rf_unprotect(2);
            list
        }
    }

    /// A list of functions, each as R's `.Call` takes it.
    pub fn functions(addresses: &[*const c_void]) -> Self {
        unsafe {
            let list = Rf_protect(Rf_allocVector(LIST, addresses.len() as isize));
            for (index, address) in addresses.iter().enumerate() {
                let pointer = R_MakeExternalPtrFn(*address, Rf_install(c"native symbol".as_ptr()), R_NilValue);
                SET_VECTOR_ELT(list, index as isize, pointer);
            }
            Rf_unprotect(1);
            list
        }
    }

    /// Elements of a vector.
    pub fn length(self) -> usize {
        unsafe { Rf_length(self) as usize }
    }

    /// The elements of an integer vector.
    pub fn integers<'v>(self) -> &'v mut [i32] {
        unsafe { core::slice::from_raw_parts_mut(INTEGER(self), self.length()) }
    }

    /// The first element of an integer vector.
    pub fn first(self) -> i32 {
        self.integers().first().copied().unwrap_or(-1)
    }

    /// The elements of a double vector.
    pub fn doubles<'v>(self) -> &'v mut [f64] {
        unsafe { core::slice::from_raw_parts_mut(REAL(self), self.length()) }
    }

    /// The elements of a raw vector.
    pub fn bytes<'v>(self) -> &'v mut [u8] {
        unsafe { core::slice::from_raw_parts_mut(RAW(self), self.length()) }
    }

    /// An element of a character vector, NUL-terminated.
    pub fn text(self, index: usize) -> *const c_char {
        unsafe { R_CHAR(STRING_ELT(self, index as isize)) }
    }

    /// Keeps it alive for good.
    pub fn keep(self) -> *mut c_void {
        unsafe { R_PreserveObject(self) };
        self.0
    }

    /// What [`Value::keep`] kept.
    pub fn kept(pointer: *mut c_void) -> Self {
        Self(pointer)
    }

    /// Evaluates a call. An error leaves this function, and all that called it, for R's top level.
    pub fn evaluate(self) -> Self {
        unsafe { Rf_eval(self, R_GlobalEnv) }
    }
}

/// Makes a name of the base environment as if nothing had ever been assigned to it.
pub fn unbind(name: &core::ffi::CStr) {
    unsafe { SET_SYMVALUE(Rf_install(name.as_ptr()), R_UnboundValue) };
}

/// Makes `arguments` those that R's `commandArgs()` gives. R makes copies.
pub fn set_command_line(arguments: &[*const c_char]) {
    unsafe { R_set_command_line_arguments(arguments.len() as c_int, arguments.as_ptr()) };
}

/// Makes this the moment from which R's `proc.time()` counts.
pub fn set_start_time() {
    unsafe { R_setStartTime() };
}

/// The text of the last error, as R prints it.
pub fn last_error() -> &'static [u8] {
    unsafe { core::ffi::CStr::from_ptr(R_curErrorBuf()).to_bytes() }
}
