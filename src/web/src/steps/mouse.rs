//! The mouse.

use std::time::Instant;

use chromiumoxide_cdp::cdp::browser_protocol::input::{
    DispatchMouseEventParams, DispatchMouseEventPointerType, DispatchMouseEventType, MouseButton,
};

use crate::page::{Halt, Page};

/// The bit of the left button among those that are held.
const LEFT: i64 = 1;

impl Page {
    /// Moves the mouse to a point of the window, in CSS pixels.
    pub(crate) fn move_mouse(&mut self, x: f64, y: f64, by: Instant) -> Result<(), Halt> {
        let held = if self.mouse_down { LEFT } else { 0 };
        self.mouse(DispatchMouseEventType::MouseMoved, x, y, held, 0, by)
    }

    /// Presses the left button; `count` says which click in a row this is.
    pub(crate) fn press_mouse(&mut self, x: f64, y: f64, count: u32, by: Instant) -> Result<(), Halt> {
        self.mouse_down = true;
        self.mouse(DispatchMouseEventType::MousePressed, x, y, LEFT, count, by)
    }

    /// Releases the left button.
    pub(crate) fn release_mouse(&mut self, x: f64, y: f64, count: u32, by: Instant) -> Result<(), Halt> {
        self.mouse_down = false;
        self.mouse(DispatchMouseEventType::MouseReleased, x, y, 0, count, by)
    }

    fn mouse(
        &mut self,
        kind: DispatchMouseEventType,
        x: f64,
        y: f64,
        held: i64,
        count: u32,
        by: Instant,
    ) -> Result<(), Halt> {
        let moved = kind == DispatchMouseEventType::MouseMoved;
        let mut event = DispatchMouseEventParams::new(kind, x, y);
        event.button = Some(if moved && held == 0 { MouseButton::None } else { MouseButton::Left });
        event.buttons = Some(held);
        event.click_count = Some(i64::from(count));
        event.pointer_type = Some(DispatchMouseEventPointerType::Mouse);
        self.ask(&event, by).map(|_| ())
    }
}
