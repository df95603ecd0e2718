//! Functions of Octave's libraries that are called here first, by their names in the object files of Octave 7.
//!
//! Octave's main function reads its start-up files, then the script, then shuts down, and closes all figures before the first
//! function that a program could have registered for the end (`interpreter::shutdown`). So the driver is called before all of that. How
//! the script ended is what `interpreter::execute_command_line_file` gives back; `exit` lets it give back nothing.
//!
//! What Octave does last is to free all functions that it has read, one by one, which takes as long as a small script: that is left to
//! the kernel. Figures are closed, functions registered for the end called and variables cleared before, as ever.
//!
//! Where the real function may throw it is jumped to and not called, so that no frame of ours lies between it and who catches.

use core::arch::naked_asm;
use core::ffi::{CStr, c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::Relaxed};

use glasshouse_errands::own_pid;
use glasshouse_jail::sys;

use crate::api::{behind, flush};
use crate::text::Text;

/// The job's main process; processes that it forks report nothing. 0: there is no job yet.
static JOB: AtomicI32 = AtomicI32::new(0);
/// What Octave made of the script: 0, another number if an error ended it, negative while it has not come back.
static SCRIPT: AtomicI32 = AtomicI32::new(-1);
static ENDED: AtomicBool = AtomicBool::new(false);
/// The driver is at work at the script's end.
static ENDING: AtomicBool = AtomicBool::new(false);
/// Octave is freeing what it has.
static FREEING: AtomicBool = AtomicBool::new(false);
/// The exit status in place of Octave's; negative: Octave's.
static STATUS: AtomicI32 = AtomicI32::new(-1);
/// What Octave's thread for signals is to call.
static HANDLER: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// What is evaluated when the script has come to its end. Names that the script's variables may have are not used.
const END: &CStr =
    c"try, builtin ('addpath', '/opt/glasshouse/driver'); builtin ('glasshouse_end'); catch, end_try_catch";
/// Marks the current figure as one that a file shows, in a property that no property list shows and that mouse clicks are for.
const MARK: &CStr = c"try, set (get (0, 'currentfigure'), '__rotate_mode__', \
    setfield (get (get (0, 'currentfigure'), '__rotate_mode__'), 'printed', true)); catch, end_try_catch";
/// What draws a figure, for the screen or, with more arguments than one, into a file.
const DRAW: &CStr = c"__gnuplot_drawnow__";

/// From now on this process is the job.
pub fn begin() {
    JOB.store(own_pid(), Relaxed);
    let start = behind(c"octave_create_interrupt_watcher_thread");
    if !start.is_null() {
        // SAFETY: Octave's own function, with Octave's own argument.
        unsafe {
            let start: extern "C" fn(*mut c_void) = core::mem::transmute(start);
            start(HANDLER.load(Relaxed));
        }
    }
}

/// Whether the script ended by an error that nothing caught, and whether it called `exit`.
pub fn ending() -> [f64; 2] {
    let script = SCRIPT.load(Relaxed);
    [script > 0, script < 0].map(|fact| f64::from(u8::from(fact)))
}

/// Makes `status` what the process leaves with when Octave has shut down.
pub fn leave_with(status: i32) {
    STATUS.store(status, Relaxed);
}

/// Whether this process is the job.
pub fn is_job() -> bool {
    own_pid() == JOB.load(Relaxed)
}

/// Evaluates code that throws nothing, in the scope that is current.
fn evaluate(interpreter: *mut c_void, code: &CStr) {
    type Evaluate = extern "C" fn(*mut c_void, *mut c_void, &Text, bool, &mut c_int, c_int);
    let evaluate =
        behind(c"_ZN6octave11interpreter11eval_stringERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEbRii");
    if evaluate.is_null() {
        return;
    }
    let (mut results, mut status) = ([0_usize; 32], 0);
    // SAFETY: `octave_value_list interpreter::eval_string (const std::string&, bool, int&, int)`. The list, which takes less than half
    // of its place here, has no values and is left to itself.
    unsafe {
        let evaluate: Evaluate = core::mem::transmute(evaluate);
        evaluate(results.as_mut_ptr().cast(), interpreter, &Text::of(code), true, &mut status, 0);
    }
}

/// Octave starts a thread that waits for signals. A zygote must not have it; its children get it when they begin.
#[unsafe(no_mangle)]
pub extern "C" fn octave_create_interrupt_watcher_thread(handler: *mut c_void) {
    HANDLER.store(handler, Relaxed);
}

/// `void interpreter::shutdown ()`: throws nothing.
///
/// # Safety
/// Called by Octave.
#[unsafe(export_name = "_ZN6octave11interpreter8shutdownEv")]
pub unsafe extern "C" fn shutdown(interpreter: *mut c_void) {
    if is_job() && !ENDED.swap(true, Relaxed) {
        ENDING.store(true, Relaxed);
        evaluate(interpreter, END);
        ENDING.store(false, Relaxed);
        FREEING.store(true, Relaxed);
    }
    let real = behind(c"_ZN6octave11interpreter8shutdownEv");
    // SAFETY: the function that Octave meant, with its argument.
    unsafe {
        let real: extern "C" fn(*mut c_void) = core::mem::transmute(real);
        real(interpreter);
    }
}

/// `int cli_application::execute ()`, which is all that Octave's `main` calls: throws nothing.
///
/// # Safety
/// Called by Octave.
#[unsafe(export_name = "_ZN6octave15cli_application7executeEv")]
pub unsafe extern "C" fn execute(application: *mut c_void) -> c_int {
    let real = behind(c"_ZN6octave15cli_application7executeEv");
    // SAFETY: the function that Octave meant, with its argument.
    let status = unsafe {
        let real: extern "C" fn(*mut c_void) -> c_int = core::mem::transmute(real);
        real(application)
    };
    if is_job() {
        flush();
        let own = STATUS.load(Relaxed);
        sys!(libc::SYS_exit_group, if own >= 0 { own } else { status });
    }
    status
}

/// `void symbol_table::clear_functions (bool)`
///
/// # Safety
/// Called by Octave.
#[unsafe(export_name = "_ZN6octave12symbol_table15clear_functionsEb")]
pub unsafe extern "C" fn clear_functions(table: *mut c_void, force: bool) {
    if !FREEING.load(Relaxed) {
        let real = behind(c"_ZN6octave12symbol_table15clear_functionsEb");
        // SAFETY: the function that Octave meant, with its arguments.
        unsafe {
            let real: extern "C" fn(*mut c_void, bool) = core::mem::transmute(real);
            real(table, force);
        }
    }
}

/// `void symbol_table::cleanup ()`
///
/// # Safety
/// Called by Octave.
#[unsafe(export_name = "_ZN6octave12symbol_table7cleanupEv")]
pub unsafe extern "C" fn cleanup(table: *mut c_void) {
    if !FREEING.load(Relaxed) {
        let real = behind(c"_ZN6octave12symbol_table7cleanupEv");
        // SAFETY: the function that Octave meant, with its argument.
        unsafe {
            let real: extern "C" fn(*mut c_void) = core::mem::transmute(real);
            real(table);
        }
    }
}

/// `int interpreter::execute_command_line_file ()`: reads and runs the script; its status is not 0 if an error ended it. `exit` throws,
/// so this frame says how it is unwound.
#[unsafe(naked)]
#[unsafe(export_name = "_ZN6octave11interpreter25execute_command_line_fileEv")]
extern "C" fn execute_command_line_file() {
    naked_asm!(
        ".cfi_startproc",
        "push rdi",
        ".cfi_def_cfa_offset 16",
        "call {real}",
        "mov rdi, [rsp]",
        "call rax",
        "mov [rip + {status}], eax",
        "pop rdi",
        ".cfi_def_cfa_offset 8",
        "ret",
        ".cfi_endproc",
        real = sym real_execute_command_line_file,
        status = sym SCRIPT,
    )
}

extern "C" fn real_execute_command_line_file() -> *const c_void {
    behind(c"_ZN6octave11interpreter25execute_command_line_fileEv")
}

/// `void interpreter::quit (int, bool, bool)`, which throws what unwinds the script.
#[unsafe(naked)]
#[unsafe(export_name = "_ZN6octave11interpreter4quitEibb")]
extern "C" fn quit() {
    naked_asm!(
        "push rdi", "push rsi", "push rdx", "push rcx", "push rcx",
        "mov edi, esi",
        "call {note}",
        "pop rcx", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "jmp rax",
        note = sym note_quit,
    )
}

extern "C" fn note_quit(status: c_int) -> *const c_void {
    if ENDING.load(Relaxed) && is_job() {
        // In a row's test code: what it throws would have to go through frames of ours.
        sys!(libc::SYS_exit_group, status);
    }
    behind(c"_ZN6octave11interpreter4quitEibb")
}

/// `octave_value_list feval (const char *, const octave_value_list&, int)`: by it the gnuplot toolkit has figures drawn.
#[unsafe(naked)]
#[unsafe(export_name = "_ZN6octave5fevalEPKcRK17octave_value_listi")]
extern "C" fn feval() {
    naked_asm!(
        "push rdi", "push rsi", "push rdx", "push rcx", "push rcx",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "call {note}",
        "pop rcx", "pop rcx", "pop rdx", "pop rsi", "pop rdi",
        "jmp rax",
        note = sym note_feval,
    )
}

extern "C" fn note_feval(name: *const i8, arguments: *const [usize; 2]) -> *const c_void {
    // SAFETY: the name is NUL-terminated; an octave_value_list begins with a std::vector, hence with pointers to the first
    // value, each of which is a pointer, and behind the last.
    let (name, count) = unsafe { (CStr::from_ptr(name), ((*arguments)[1] - (*arguments)[0]) / size_of::<usize>()) };
    if name == DRAW && count > 1 && is_job() {
        mark();
    }
    behind(c"_ZN6octave5fevalEPKcRK17octave_value_listi")
}

fn mark() {
    let find = behind(c"_ZN6octave19__get_interpreter__ERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");
    if !find.is_null() {
        // SAFETY: `interpreter& __get_interpreter__ (const std::string&)`, which throws only where there is none.
        let interpreter = unsafe {
            let find: extern "C" fn(&Text) -> *mut c_void = core::mem::transmute(find);
            find(&Text::of(DRAW))
        };
        evaluate(interpreter, MARK);
    }
}
