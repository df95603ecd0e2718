//! Steps: what is done with a page, each within its deadline.

mod keys;
mod mouse;

use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::input::InsertTextParams;
use serde_json::{Value, json};

use crate::job::{PageJob, Step, Until};
use crate::page::{Gone, Halt, LATE, Page, Point, Thrown};

/// What a click waits for.
const READY: [&str; 4] = ["visible", "enabled", "stable", "hit"];

/// How a step ended that was not halted: done, or what stood in its way.
pub(crate) type Outcome = Thrown<()>;

/// Does one step other than taking a picture.
pub(crate) fn act(page: &mut Page, step: &Step, job: &PageJob, deadline: Instant) -> Result<Outcome, Halt> {
    let limits = &job.limits;
    let by = deadline.min(Instant::now() + limits.action);
    match step {
        Step::Goto { url } => {
            let by = deadline.min(Instant::now() + limits.navigation);
            let there = match page.go(url, by) {
                Ok(Gone::There) => page.reach(Until::Load, limits.idle, by),
                Ok(Gone::No(error)) => return Ok(Err(format!("{url}: {error}"))),
                Err(halt) => Err(halt),
            };
            in_time(there, deadline, || format!("{LATE}{url} was not loaded"))
        }
        Step::Click { selector, count } => click(page, selector, *count, by),
        Step::Hover { selector } => match page.sight(selector, &["visible", "stable", "hit"], by)? {
            Ok(point) => page.move_mouse(point.x, point.y, by).map(Ok),
            Err(why) => Ok(Err(why)),
        },
        Step::Drag { selector, to, by: distance } => drag(page, selector, to.as_deref(), *distance, by),
        Step::Fill { selector, value } => fill(page, selector, value, by),
        Step::Select { selector, values } => {
            let done = page.look::<bool>("select", selector, &["visible", "enabled"], &json!(values), by)?;
            settle(page, by).map(|()| done.map(|_| ()))
        }
        Step::Check { selector, checked } => check(page, selector, *checked, by),
        Step::Press { key, selector } => {
            if let Some(selector) = selector
                && let Err(why) = page.look::<bool>("focus", selector, &["visible"], &Value::Null, by)?
            {
                return Ok(Err(why));
            }
            let pressed = page.press(key, by)?;
            settle(page, by).map(|()| pressed)
        }
        Step::Wait { ms, selector, until } => wait(page, job, *ms, selector.as_deref(), *until, deadline),
        Step::Shot(_) => Ok(Ok(())),
    }
}

/// A halt at the step's own deadline is the step's end, not the job's.
fn in_time(done: Result<(), Halt>, deadline: Instant, late: impl FnOnce() -> String) -> Result<Outcome, Halt> {
    match done {
        Ok(()) => Ok(Ok(())),
        Err(Halt::Late) if Instant::now() < deadline => Ok(Err(late())),
        Err(halt) => Err(halt),
    }
}

/// After input: a navigation that it started is let come so far that the next step meets the new page.
fn settle(page: &mut Page, by: Instant) -> Result<(), Halt> {
    // One round trip through the page's main thread: what the input caused at once has been told by then.
    match page.run::<Value>("() => null", &[], by) {
        Ok(_) | Err(Halt::Late) => Ok(()),
        Err(halt) => Err(halt),
    }
}

fn click(page: &mut Page, selector: &str, count: u32, by: Instant) -> Result<Outcome, Halt> {
    let Point { x, y, .. } = match page.sight(selector, &READY, by)? {
        Ok(point) => point,
        Err(why) => return Ok(Err(why)),
    };
    page.move_mouse(x, y, by)?;
    for click in 1..=count.clamp(1, 10) {
        page.press_mouse(x, y, click, by)?;
        page.release_mouse(x, y, click, by)?;
    }
    settle(page, by).map(Ok)
}

fn drag(
    page: &mut Page,
    selector: &str,
    to: Option<&str>,
    distance: Option<(f64, f64)>,
    by: Instant,
) -> Result<Outcome, Halt> {
    let start = match page.sight(selector, &READY, by)? {
        Ok(point) => point,
        Err(why) => return Ok(Err(why)),
    };
    page.move_mouse(start.x, start.y, by)?;
    page.press_mouse(start.x, start.y, 1, by)?;
    let end = match (to, distance) {
        (Some(target), _) => match page.sight(target, &["visible", "stable"], by)? {
            Ok(point) => (point.x, point.y),
            Err(why) => {
                page.release_mouse(start.x, start.y, 1, by)?;
                return Ok(Err(why));
            }
        },
        (None, Some((right, down))) => (start.x + right, start.y + down),
        (None, None) => return Ok(Err("drag needs either \"to\" or \"by\"".to_owned())),
    };
    // In several moves, since some pages start a drag at the second one only.
    const MOVES: u32 = 5;
    for part in 1..=MOVES {
        let share = f64::from(part) / f64::from(MOVES);
        page.move_mouse(start.x + (end.0 - start.x) * share, start.y + (end.1 - start.y) * share, by)?;
    }
    page.release_mouse(end.0, end.1, 1, by)?;
    settle(page, by).map(Ok)
}

fn fill(page: &mut Page, selector: &str, value: &str, by: Instant) -> Result<Outcome, Halt> {
    let states = ["visible", "enabled", "editable"];
    match page.look::<String>("fill", selector, &states, &json!(value), by)? {
        Err(why) => return Ok(Err(why)),
        Ok(way) if way == "type" => {
            if value.is_empty() {
                let _ = page.press("Delete", by)?;
            } else {
                page.ask(&InsertTextParams::new(value), by)?;
            }
        }
        Ok(_) => {}
    }
    settle(page, by).map(Ok)
}

fn check(page: &mut Page, selector: &str, checked: bool, by: Instant) -> Result<Outcome, Halt> {
    let state = |page: &mut Page| page.look::<bool>("checked", selector, &[], &Value::Null, by);
    match state(page)? {
        Ok(now) if now == checked => return Ok(Ok(())),
        Ok(_) => {}
        Err(why) => return Ok(Err(why)),
    }
    if let Err(why) = click(page, selector, 1, by)? {
        return Ok(Err(why));
    }
    Ok(match state(page)? {
        Ok(now) if now == checked => Ok(()),
        Ok(_) => Err(format!("{selector}: the click did not change its state")),
        Err(why) => Err(why),
    })
}

fn wait(
    page: &mut Page,
    job: &PageJob,
    ms: Option<u64>,
    selector: Option<&str>,
    until: Option<Until>,
    deadline: Instant,
) -> Result<Outcome, Halt> {
    if let Some(ms) = ms {
        page.rest(Duration::from_millis(ms), deadline)?;
    }
    if let Some(selector) = selector {
        let by = deadline.min(Instant::now() + job.limits.action);
        if let Err(why) = page.look::<bool>("see", selector, &["visible"], &Value::Null, by)? {
            return Ok(Err(why));
        }
    }
    let Some(until) = until else { return Ok(Ok(())) };
    let by = deadline.min(Instant::now() + job.limits.navigation);
    in_time(page.reach(until, job.limits.idle, by), deadline, || format!("{LATE}the page did not come so far"))
}
