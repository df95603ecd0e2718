//! Raw system calls of x86_64 Linux: no libc, so the library loads into any interpreter.

use core::arch::asm;

/// A system call with up to six arguments; a negative result is `-errno`.
///
/// # Safety
/// The arguments must be valid for the call `number`: pointers alive, of the right type and size.
pub unsafe fn syscall(number: i64, arguments: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: this is the kernel's calling convention on x86_64; the caller vouches for the arguments.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Calls the kernel with the arguments given, the rest being zero.
#[macro_export]
macro_rules! sys {
    ($number:expr $(, $argument:expr)* $(,)?) => {{
        let given = [$($argument as usize),*];
        let mut arguments = [0_usize; 6];
        let mut index = 0;
        while index < given.len() {
            arguments[index] = given[index];
            index += 1;
        }
        // SAFETY: every call site passes arguments that fit the call; pointers are to live objects.
        unsafe { $crate::syscall::syscall($number as i64, arguments) }
    }};
}
