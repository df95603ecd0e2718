//! From rules to the instructions of the kernel's filter machine (classic BPF).

use std::collections::BTreeMap;

use super::{Action, Check, Test};

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const KILL_PROCESS: u32 = 0x8000_0000;

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
const OFFSET_ARGUMENTS: u32 = 16;
const ARCHITECTURE_X86_64: u32 = 0xc000_003e;
/// Numbers from here on are the x32 ABI, a second door to the same calls.
const X32_BIT: u32 = 0x4000_0000;

/// A seccomp program, ready for the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Program(Vec<[u8; 8]>);

impl Program {
    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no instructions (there always are).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The instructions as the kernel reads them (`struct sock_filter[]`).
    pub fn bytes(&self) -> Vec<u8> {
        self.0.concat()
    }
}

fn instruction(code: u16, if_true: u8, if_false: u8, value: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..2].copy_from_slice(&code.to_ne_bytes());
    bytes[2] = if_true;
    bytes[3] = if_false;
    bytes[4..].copy_from_slice(&value.to_ne_bytes());
    bytes
}

fn refuse(error: u16) -> [u8; 8] {
    instruction(RETURN, 0, 0, ERRNO | u32::from(error))
}

/// Assembles the program: the architecture, then a binary search among ranges of equal action.
pub(super) fn assemble(rules: &BTreeMap<u32, Action>) -> Program {
    let mut code = vec![
        instruction(LOAD, 0, 0, OFFSET_ARCHITECTURE),
        instruction(JUMP_EQUAL, 1, 0, ARCHITECTURE_X86_64),
        // 32-bit calls have other numbers; no program of the image makes them by accident.
        instruction(RETURN, 0, 0, KILL_PROCESS),
        instruction(LOAD, 0, 0, OFFSET_NUMBER),
        instruction(JUMP_AT_LEAST, 0, 1, X32_BIT),
        refuse(libc::ENOSYS as u16),
    ];
    code.extend(search(&ranges(rules)));
    Program(code)
}

/// A first number and what happens from it up to the next range.
type Range<'a> = (u32, &'a Action);

const UNLISTED: Action = Action::Refuse(libc::EPERM as u16);

fn ranges(rules: &BTreeMap<u32, Action>) -> Vec<Range<'_>> {
    let mut ranges: Vec<Range<'_>> = vec![(0, &UNLISTED)];
    let mut add = |first: u32, action| match ranges.last_mut() {
        Some(last) if last.0 == first => last.1 = action,
        Some(last) if last.1 == action => {}
        _ => ranges.push((first, action)),
    };
    for (number, action) in rules {
        add(*number, action);
        if !rules.contains_key(&(number + 1)) {
            add(number + 1, &UNLISTED);
        }
    }
    ranges
}

/// Code that acts on the accumulator's number, which lies in `ranges`.
fn search(ranges: &[Range<'_>]) -> Vec<[u8; 8]> {
    let [(_, action)] = ranges else {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let (low_code, high_code) = (search(low), search(high));
        // A conditional jump reaches 255 instructions; an unconditional one any number.
        let mut code =
            vec![instruction(JUMP_AT_LEAST, 0, 1, high[0].0), instruction(JUMP, 0, 0, low_code.len() as u32)];
        code.extend(low_code);
        code.extend(high_code);
        return code;
    };
    act(action)
}

fn act(action: &Action) -> Vec<[u8; 8]> {
    match action {
        Action::Allow => vec![instruction(RETURN, 0, 0, ALLOW)],
        Action::Refuse(error) => vec![refuse(*error)],
        Action::Check(checks) => {
            let mut code: Vec<_> = checks.iter().flat_map(check).collect();
            code.push(instruction(RETURN, 0, 0, ALLOW));
            code
        }
    }
}

/// Falls through if the check holds, else returns its error.
fn check(check: &Check) -> Vec<[u8; 8]> {
    let mut code = vec![
        instruction(LOAD, 0, 0, OFFSET_ARGUMENTS + 8 * u32::from(check.index)),
        instruction(AND, 0, 0, check.mask),
    ];
    match &check.test {
        Test::NoneOf(bits) => code.extend([instruction(JUMP_ANY_BIT, 0, 1, *bits), refuse(check.error)]),
        Test::In(values) => {
            for (index, value) in values.iter().enumerate() {
                // Over the remaining comparisons and the refusal.
                code.push(instruction(JUMP_EQUAL, (values.len() - index) as u8, 0, *value));
            }
            code.push(refuse(check.error));
        }
        Test::NotIn(values) => {
            for value in values {
                code.extend([instruction(JUMP_EQUAL, 0, 1, *value), refuse(check.error)]);
            }
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would, for one call.
    fn run(program: &Program, architecture: u32, number: u32, arguments: [u32; 2]) -> u32 {
        let mut accumulator = 0;
        let mut at = 0;
        loop {
            let [a, b, if_true, if_false, rest @ ..] = program.0[at];
            let value = u32::from_ne_bytes(rest);
            at += 1;
            let mut branch = |holds: bool| at += usize::from(if holds { if_true } else { if_false });
            match u16::from_ne_bytes([a, b]) {
                LOAD => {
                    accumulator = match value {
                        OFFSET_NUMBER => number,
                        OFFSET_ARCHITECTURE => architecture,
                        offset => arguments[(offset - OFFSET_ARGUMENTS) as usize / 8],
                    };
                }
                AND => accumulator &= value,
                JUMP => at += value as usize,
                JUMP_EQUAL => branch(accumulator == value),
                JUMP_AT_LEAST => branch(accumulator >= value),
                JUMP_ANY_BIT => branch(accumulator & value != 0),
                RETURN => return value,
                other => panic!("unknown instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn every_number_gets_its_own_rule() {
        let check = |index, mask, test, error| Check { index, mask, test, error };
        let rules: BTreeMap<u32, Action> = (0..400)
            .filter(|number| number % 7 != 3)
            .map(|number| {
                let action = match number % 5 {
                    0 => Action::Refuse(38),
                    1 => Action::Check(vec![
                        check(0, u32::MAX, Test::NoneOf(0x30), 1),
                        check(1, 0xf, Test::In(vec![1, 2]), 2),
                        check(1, u32::MAX, Test::NotIn(vec![0x12]), 3),
                    ]),
                    _ => Action::Allow,
                };
                (number, action)
            })
            .collect();
        let program = assemble(&rules);
        let call = |number, arguments| run(&program, ARCHITECTURE_X86_64, number, arguments);
        for number in 0..500 {
            let clean = call(number, [0, 1]);
            match rules.get(&number) {
                None => assert_eq!(clean, ERRNO | libc::EPERM as u32, "{number}"),
                Some(Action::Refuse(_)) => assert_eq!(clean, ERRNO | 38),
                Some(Action::Allow) => assert_eq!(clean, ALLOW),
                Some(Action::Check(_)) => {
                    assert_eq!(clean, ALLOW);
                    assert_eq!(call(number, [0x10, 1]), ERRNO | 1);
                    assert_eq!(call(number, [0, 3]), ERRNO | 2);
                    assert_eq!(call(number, [0, 0x12]), ERRNO | 3);
                    assert_eq!(call(number, [0, 0x22]), ALLOW);
                }
            }
        }
        assert_eq!(run(&program, 0x4000_0003, 1, [0, 0]), KILL_PROCESS);
        assert_eq!(call(X32_BIT + 2, [0, 0]), ERRNO | libc::ENOSYS as u32);
    }
}
