//! The part of the MEX interface that is used here (Octave's manual, appendix A.2), and safe ways to use it.

use core::ffi::{c_char, c_int, c_void};

/// An array of Octave's; the memory is Octave's.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Array(*mut c_void);

/// `mxUINT8_CLASS`
const BYTES: c_int = 9;
const REAL: c_int = 0;
/// `RTLD_NEXT`: the next library after this one that has the name.
const NEXT: *mut c_void = usize::MAX as *mut c_void;

// Names are Octave's and the C library's.
#[allow(non_snake_case)]
unsafe extern "C" {
    fn mxGetNumberOfElements(array: Array) -> usize;
    fn mxGetData(array: Array) -> *mut c_void;
    fn mxCreateDoubleMatrix(rows: isize, columns: isize, complexity: c_int) -> Array;
    fn mxCreateNumericMatrix(rows: isize, columns: isize, class: c_int, complexity: c_int) -> Array;
    fn fflush(stream: *mut c_void) -> c_int;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *const c_void;
}

// What the comments on safety below rest on: Octave calls this library in one thread, with live arrays of the types that the driver passes.

impl Array {
    /// A row of doubles.
    pub fn doubles_of(values: &[f64]) -> Self {
        // SAFETY: any size can be asked for.
        let made = unsafe { mxCreateDoubleMatrix(1, values.len() as isize, REAL) };
        made.doubles().copy_from_slice(values);
        made
    }

    /// A number.
    pub fn number(value: isize) -> Self {
        Self::doubles_of(&[value as f64])
    }

    /// A row of zero bytes of this length.
    pub fn bytes_of_length(length: usize) -> Self {
        // SAFETY: any size can be asked for.
        unsafe { mxCreateNumericMatrix(1, length as isize, BYTES, REAL) }
    }

    /// The elements of an array of doubles.
    pub fn doubles<'a>(self) -> &'a mut [f64] {
        // SAFETY: the array is of doubles.
        unsafe { self.elements() }
    }

    /// The elements of an array of bytes (uint8).
    pub fn bytes<'a>(self) -> &'a mut [u8] {
        // SAFETY: the array is of bytes.
        unsafe { self.elements() }
    }

    /// # Safety
    /// The array's elements must be of this type.
    unsafe fn elements<'a, T>(self) -> &'a mut [T] {
        // SAFETY: a live array.
        let (length, start) = unsafe { (mxGetNumberOfElements(self), mxGetData(self)) };
        // SAFETY: that many elements begin there; an array without elements may have no memory.
        if length == 0 { &mut [] } else { unsafe { core::slice::from_raw_parts_mut(start.cast(), length) } }
    }

    /// The first element of an array of doubles, as a whole number; -1 if there is none.
    pub fn first(self) -> i32 {
        self.doubles().first().map_or(-1, |value| *value as i32)
    }
}

/// Where the function of this name is that this library's own stands before; null if there is none.
pub fn behind(name: &core::ffi::CStr) -> *const c_void {
    // SAFETY: the name is NUL-terminated.
    unsafe { dlsym(NEXT, name.as_ptr()) }
}

/// Writes out what the C library still holds of what was written.
pub fn flush() {
    // SAFETY: null means all streams.
    unsafe { fflush(core::ptr::null_mut()) };
}
