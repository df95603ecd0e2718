//! Functions of Octave's own, and of the driver, that a zygote has read, kept for its jobs.
//!
//! Many scripts begin with `clear all`, after which Octave reads each function again when it is next used. The image is
//! read-only, so what it would read is what it had: it gets that.

use core::ffi::c_void;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::api::behind;
use crate::hooks::is_job;
use crate::text::Text;

const REAL: &core::ffi::CStr =
    c"_ZN6octave18load_fcn_from_fileERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES7_S7_S7_S7_b";
/// Where the functions are that never change.
const FOLDERS: [&[u8]; 2] = [b"/usr/share/octave/", b"/opt/glasshouse/driver/"];
const PLACES: usize = 2048;

/// Hashes of the names of files, and the functions that were read from them; 0 where there is none.
static NAMES: [AtomicU64; PLACES] = [const { AtomicU64::new(0) }; PLACES];
static FUNCTIONS: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];

/// What an `octave_value` points to: the address of its methods, and how many values point to it.
#[repr(C)]
struct Shared {
    methods: usize,
    count: AtomicU64,
}

/// `octave_value load_fcn_from_file (file, folder, class, package, name, autoload)`, which may throw.
#[unsafe(naked)]
#[unsafe(export_name = "_ZN6octave18load_fcn_from_fileERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES7_S7_S7_S7_b")]
extern "C" fn load_fcn_from_file() {
    core::arch::naked_asm!(
        "push rdi", "push rsi", "push rdx", "push rcx", "push r8", "push r9", "push r9",
        "call {find}",
        "pop r9", "pop r9", "pop r8", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        // Found: the value is in its place, which is what is returned.
        "2: mov rax, rdi",
        "ret",
        find = sym find,
    )
}

/// Null if the function was there and `value` has it; else what reads it.
extern "C" fn find(value: *mut usize, file: &Text) -> *const c_void {
    let real = behind(REAL);
    // SAFETY: Octave's own string.
    let name = unsafe { file.bytes() };
    if !FOLDERS.iter().any(|folder| name.starts_with(folder)) {
        return real;
    }
    let hash = hash(name);
    let place = place(hash);
    let kept = FUNCTIONS[place].load(Relaxed);
    if !is_job() || NAMES[place].load(Relaxed) != hash || kept == 0 {
        return if is_job() { real } else { read_and_keep as *const c_void };
    }
    // SAFETY: a value that `read_and_keep` has kept alive.
    unsafe {
        (*(kept as *const Shared)).count.fetch_add(1, Relaxed);
        value.write(kept);
    }
    core::ptr::null()
}

/// As the function that it stands for. In a zygote alone, which reads no file but those of the image, all of which can be read.
extern "C" fn read_and_keep(
    value: *mut usize,
    file: &Text,
    folder: &Text,
    class: &Text,
    package: &Text,
    name: &Text,
    autoload: bool,
) -> *mut usize {
    type Read = extern "C" fn(*mut usize, &Text, &Text, &Text, &Text, &Text, bool) -> *mut usize;
    // SAFETY: the function that Octave meant, with its arguments; afterwards `value` holds a value.
    unsafe {
        let read: Read = core::mem::transmute(behind(REAL));
        read(value, file, folder, class, package, name, autoload);
        let hash = hash(file.bytes());
        let place = place(hash);
        if NAMES[place].load(Relaxed) == 0 {
            let read = value.read();
            (*(read as *const Shared)).count.fetch_add(1, Relaxed);
            NAMES[place].store(hash, Relaxed);
            FUNCTIONS[place].store(read, Relaxed);
        }
    }
    value
}

/// FNV-1a, and never 0.
fn hash(name: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    name.iter().fold(0xcbf2_9ce4_8422_2325, mix) | 1
}

/// The place of this hash, or the first free one behind it; where all are taken, its own, which then stays another's.
fn place(hash: u64) -> usize {
    let first = (hash >> 32) as usize % PLACES;
    let of = |step: usize| (first + step) % PLACES;
    let fits = |place: &usize| matches!(NAMES[*place].load(Relaxed), found if found == hash || found == 0);
    (0..PLACES).map(of).find(fits).unwrap_or(first)
}
