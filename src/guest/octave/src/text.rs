//! C++'s strings.

use core::ffi::CStr;

/// libstdc++'s `std::string`, read only: where its bytes begin, how many there are, and room for short ones.
#[repr(C)]
pub struct Text {
    start: *const u8,
    length: usize,
    own: [usize; 2],
}

impl Text {
    /// A string of a text that lies elsewhere, for who only reads it.
    pub fn of(text: &CStr) -> Self {
        let bytes = text.to_bytes();
        Self { start: bytes.as_ptr(), length: bytes.len(), own: [bytes.len(), 0] }
    }

    /// Its bytes.
    ///
    /// # Safety
    /// It must be a string of C++'s, or made by [`Text::of`] of a text that is still there.
    pub unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: the caller vouches for it.
        unsafe { core::slice::from_raw_parts(self.start, self.length) }
    }
}
