//! The job's script in place of the driver's, in R's own main loop.
//!
//! R asks for its next line through a pointer of its own. The driver's script has one line, which installs this module; when
//! R then asks for the next, the driver serves as a zygote in there. In a forked child that call comes back once the
//! job is in its place and the script is R's descriptor, and from then on R's own function reads the script's lines: its parser
//! and top level run it as `Rscript` would, down to the exit status. Nothing is written here but a count of lines.
//!
//! R also resets its console and ends through pointers. An error that nothing caught comes to the first with all calls that led to
//! it still there, so the driver can tell what called what; the second tells that it was the end. A program cannot see that, as it
//! could see a handler or an option that a driver sets.

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::Relaxed};

use glasshouse_errands::own_pid;

use crate::api::{self, CleanUp, ReadConsole, ResetConsole, Value};
use crate::failure;

/// What R passes where an error ends it: nothing is saved, `.Last` is not run, the status is 1.
const WITHOUT_SAVING: c_uint = 3;

static READ: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static END: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static RESET: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static SERVE: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static TEST: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static REPORT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
static SERVED: AtomicBool = AtomicBool::new(false);
static TESTED: AtomicBool = AtomicBool::new(false);
static REPORTING: AtomicBool = AtomicBool::new(false);
static LINES: AtomicI32 = AtomicI32::new(0);
/// The job's main process; processes that it forks report nothing.
static JOB: AtomicI32 = AtomicI32::new(0);

/// Takes the console's place. The arguments are calls to be evaluated: what serves as a zygote and comes back in a job, what
/// runs a job's test code at the end of its script, what tells of an
/// error that nothing caught. NULL.
pub extern "C" fn r_install(serve: Value, test: Value, report: Value) -> Value {
    SERVE.store(serve.keep(), Relaxed);
    TEST.store(test.keep(), Relaxed);
    REPORT.store(report.keep(), Relaxed);
    // SAFETY: R has one thread, and has set both pointers before it reads its first line.
    unsafe {
        READ.store(api::ptr_R_ReadConsole.map_or(core::ptr::null_mut(), |read| read as *mut c_void), Relaxed);
        END.store(api::ptr_R_CleanUp.map_or(core::ptr::null_mut(), |end| end as *mut c_void), Relaxed);
        RESET.store(api::ptr_R_ResetConsole.map_or(core::ptr::null_mut(), |reset| reset as *mut c_void), Relaxed);
        api::ptr_R_ReadConsole = Some(read);
        api::ptr_R_ResetConsole = Some(reset);
        api::ptr_R_CleanUp = Some(end);
    }
    Value::null()
}

/// Says that this process is a job's.
pub(crate) fn claim() {
    JOB.store(own_pid(), Relaxed);
}

/// The number of lines that R has read of the job's script.
pub extern "C" fn r_lines() -> Value {
    Value::integer(LINES.load(Relaxed))
}

unsafe extern "C" fn read(prompt: *const c_char, buffer: *mut u8, length: c_int, remember: c_int) -> c_int {
    if !SERVED.swap(true, Relaxed) {
        Value::kept(SERVE.load(Relaxed)).evaluate();
        // What the driver's own line left.
        [c".Last.value", c"last.warning", c".Traceback"].iter().for_each(|name| api::unbind(name));
    }
    // SAFETY: the pointer that R had.
    let original: ReadConsole = unsafe { core::mem::transmute(READ.load(Relaxed)) };
    // SAFETY: R's own arguments.
    let more = unsafe { original(prompt, buffer, length, remember) };
    if more == 0 {
        if !TESTED.swap(true, Relaxed) {
            Value::kept(TEST.load(Relaxed)).evaluate();
        }
        return 0;
    }
    // SAFETY: R's function leaves a NUL-terminated line.
    let line = unsafe { core::ffi::CStr::from_ptr(buffer.cast()) }.to_bytes();
    // A line that is longer than R's buffer comes in pieces.
    LINES.fetch_add(i32::from(line.last() == Some(&b'\n')), Relaxed);
    more
}

unsafe extern "C" fn reset() {
    // An error in the report itself comes here as well, and is the end of it.
    if own_pid() == JOB.load(Relaxed) && !REPORTING.swap(true, Relaxed) {
        let error = api::last_error();
        if failure::leaves_no_room(error) || Value::kept(REPORT.load(Relaxed)).evaluate().first() != 1 {
            failure::report(error, LINES.load(Relaxed));
        }
        REPORTING.store(false, Relaxed);
    }
    // SAFETY: the pointer that R had.
    unsafe {
        let original: ResetConsole = core::mem::transmute(RESET.load(Relaxed));
        original();
    }
}

unsafe extern "C" fn end(save: c_uint, status: c_int, run_last: c_int) {
    if save == WITHOUT_SAVING && status == 1 && run_last == 0 && own_pid() == JOB.load(Relaxed) {
        failure::publish();
    }
    // SAFETY: the pointer that R had, and R's own arguments.
    unsafe {
        let original: CleanUp = core::mem::transmute(END.load(Relaxed));
        original(save, status, run_last);
    }
}
