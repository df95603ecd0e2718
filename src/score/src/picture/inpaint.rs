//! OpenCV 5.0's `INPAINT_TELEA` with radius 3, to the bit: parts of a picture painted over from their surroundings, from the outside
//! in, in the order of a front that marches at constant speed (Telea 2004).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Picture;

const RADIUS: isize = 3;
/// The time at which the front reaches what it has not reached yet.
const FAR: f32 = 1e6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Known,
    Band,
    Inside,
    /// Known, and its time will get the other sign.
    Change,
}

/// `picture` with the pixels painted over for which `masked` (column, row) holds. A picture of a single row or column
/// stays as it is: OpenCV reads beside it.
pub fn inpaint(picture: &Picture, masked: impl Fn(usize, usize) -> bool) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    if width < 2 || height < 2 {
        return picture.clone();
    }
    let mut mask = Grid::new(width, height, State::Known);
    for y in 0..height {
        for x in 0..width {
            if masked(x, y) {
                mask.set(x + 1, y + 1, State::Inside);
            }
        }
    }
    let band = mask.grown(|grid, x, y| {
        [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)].iter().any(|&(dx, dy)| grid.near(x, y, dx, dy) == State::Inside)
    });
    let mut times = Grid::new(width, height, FAR);
    let mut front = Front::default();
    for y in 1..=height {
        for x in 1..=width {
            if band.get(x, y) == State::Inside {
                times.set(x, y, 0.0);
                front.push(x, y, 0.0);
            }
        }
    }
    march_outwards(&mask, &band, &mut times, front.clone());
    let mut painter = Painter { state: mask, times, picture: picture.clone() };
    painter.march_inwards(front);
    painter.picture
}

/// Values of the picture's pixels and of a margin of one pixel around them; pixels count from 1.
#[derive(Clone)]
struct Grid<T> {
    width: usize,
    height: usize,
    values: Vec<T>,
}

impl<T: Copy> Grid<T> {
    fn new(width: usize, height: usize, value: T) -> Self {
        Grid { width, height, values: vec![value; (width + 2) * (height + 2)] }
    }

    fn get(&self, x: usize, y: usize) -> T {
        self.values[y * (self.width + 2) + x]
    }

    fn set(&mut self, x: usize, y: usize, value: T) {
        self.values[y * (self.width + 2) + x] = value;
    }
}

impl Grid<State> {
    /// The state of a pixel's neighbour; outside everything is known.
    fn near(&self, x: usize, y: usize, dx: isize, dy: isize) -> State {
        let (x, y) = (x as isize + dx, y as isize + dy);
        let inside = x >= 0 && y >= 0 && x < self.width as isize + 2 && y < self.height as isize + 2;
        if inside { self.get(x as usize, y as usize) } else { State::Known }
    }

    /// The pixels outside the mask, margin left out, that `reached` says the mask reaches.
    fn grown(&self, reached: impl Fn(&Self, usize, usize) -> bool) -> Self {
        let mut grown = Grid::new(self.width, self.height, State::Known);
        for y in 1..=self.height {
            for x in 1..=self.width {
                if self.get(x, y) != State::Inside && reached(self, x, y) {
                    grown.set(x, y, State::Inside);
                }
            }
        }
        grown
    }
}

/// Pixels by the time at which the front reaches them, the ones that came first before others of the same time.
#[derive(Clone, Default)]
struct Front {
    waiting: BTreeMap<Key, (usize, usize)>,
    count: u64,
}

#[derive(Clone, Copy, PartialEq)]
struct Key(f32, u64);

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Front {
    fn push(&mut self, x: usize, y: usize, time: f32) {
        self.count += 1;
        self.waiting.insert(Key(time, self.count), (x, y));
    }

    fn pop(&mut self) -> Option<(usize, usize)> {
        self.waiting.pop_first().map(|(_, place)| place)
    }
}

/// Above, left, below, right: the order in which the front spreads.
fn neighbours(x: usize, y: usize) -> [(usize, usize); 4] {
    [(x, y.wrapping_sub(1)), (x.wrapping_sub(1), y), (x, y + 1), (x + 1, y)]
}

/// When the front reaches a pixel, by its four pairs of neighbours.
fn arrival(state: &Grid<State>, times: &Grid<f32>, x: usize, y: usize) -> f32 {
    let by = |(ax, ay): (usize, usize), (bx, by): (usize, usize)| {
        let (a, b) = (f64::from(times.get(ax, ay)), f64::from(times.get(bx, by)));
        let known = |x, y| state.get(x, y) != State::Inside;
        let time = match (known(ax, ay), known(bx, by)) {
            (true, true) if (a - b).abs() < 1.0 => (a + b + (2.0 - (a - b) * (a - b)).sqrt()) * 0.5,
            (true, true) | (false, false) => 1.0 + a.min(b),
            (true, false) => 1.0 + a,
            (false, true) => 1.0 + b,
        };
        time as f32
    };
    let (above, left, below, right) = ((x, y - 1), (x - 1, y), (x, y + 1), (x + 1, y));
    by(above, left).min(by(below, left)).min(by(above, right).min(by(below, right)))
}

/// Gives the pixels around the mask negative times, by how far they are from it.
fn march_outwards(mask: &Grid<State>, band: &Grid<State>, times: &mut Grid<f32>, mut front: Front) {
    let around = |grid: &Grid<State>, x, y| {
        (-RADIUS..=RADIUS).any(|dy| (-RADIUS..=RADIUS).any(|dx| grid.near(x, y, dx, dy) == State::Inside))
    };
    let mut state = mask.grown(around);
    for (state, band) in state.values.iter_mut().zip(&band.values) {
        if *band == State::Inside {
            *state = State::Known;
        }
    }
    while let Some((x, y)) = front.pop() {
        state.set(x, y, State::Change);
        for (x, y) in neighbours(x, y) {
            if x > 0 && y > 0 && state.get(x, y) == State::Inside {
                let time = arrival(&state, times, x, y);
                times.set(x, y, time);
                state.set(x, y, State::Band);
                front.push(x, y, time);
            }
        }
    }
    for (time, state) in times.values.iter_mut().zip(&state.values) {
        if *state == State::Change {
            *time = -*time;
        }
    }
}

struct Painter {
    state: Grid<State>,
    times: Grid<f32>,
    picture: Picture,
}

impl Painter {
    fn march_inwards(&mut self, mut front: Front) {
        while let Some((x, y)) = front.pop() {
            self.state.set(x, y, State::Known);
            for (x, y) in neighbours(x, y) {
                if x > 0 && y > 0 && self.state.get(x, y) == State::Inside {
                    let time = arrival(&self.state, &self.times, x, y);
                    self.times.set(x, y, time);
                    self.paint(x, y);
                    self.state.set(x, y, State::Band);
                    front.push(x, y, time);
                }
            }
        }
    }

    fn known(&self, x: usize, y: usize) -> bool {
        self.state.get(x, y) != State::Inside
    }

    /// The slope of the time between two neighbours of a pixel.
    fn slope(&self, before: (usize, usize), own: (usize, usize), after: (usize, usize)) -> f32 {
        let time = |(x, y)| self.times.get(x, y);
        match (self.known(before.0, before.1), self.known(after.0, after.1)) {
            (true, true) => (time(after) - time(before)) * 0.5,
            (false, true) => time(after) - time(own),
            (true, false) => time(own) - time(before),
            (false, false) => 0.0,
        }
    }

    /// A pixel from the known ones around it.
    fn paint(&mut self, x: usize, y: usize) {
        let slope = (self.slope((x - 1, y), (x, y), (x + 1, y)), self.slope((x, y - 1), (x, y), (x, y + 1)));
        let mut sums = [Sums::default(); 3];
        for k in y.saturating_sub(3).max(1)..=(y + 3).min(self.picture.height) {
            for l in x.saturating_sub(3).max(1)..=(x + 3).min(self.picture.width) {
                let (right, down) = (x as f32 - l as f32, y as f32 - k as f32);
                let length = right * right + down * down;
                if length > (RADIUS * RADIUS) as f32 || !self.known(l, k) {
                    continue;
                }
                let near = (1.0 / (f64::from(length) * f64::from(length).sqrt())) as f32;
                let wait = self.times.get(l, k) - self.times.get(x, y);
                let level = (1.0 / (1.0 + f64::from(wait.abs()))) as f32;
                let direction = right * slope.0 + down * slope.1;
                let direction = if f64::from(direction.abs()) <= 0.01 { 0.000_001 } else { direction };
                let weight = (near * level * direction).abs();
                for (channel, sums) in sums.iter_mut().enumerate() {
                    sums.add(weight, self.light(l, k, channel), (right, down));
                }
            }
        }
        let at = ((y - 1) * self.picture.width + x - 1) * 3;
        for (channel, sums) in sums.iter().enumerate() {
            self.picture.rgb[at + channel] = sums.byte();
        }
    }

    /// A known pixel's value and its slopes to the right and down, as OpenCV takes them: at the picture's edges they
    /// are those of the pixel next to it, and where both neighbours are known the slope is doubled, not halved.
    fn light(&self, l: usize, k: usize, channel: usize) -> (f32, f32, f32) {
        let (width, height) = (self.picture.width, self.picture.height);
        let value = |x: usize, y: usize| i32::from(self.picture.rgb[(y * width + x) * 3 + channel]);
        let (km, kp) = (k - 1 + usize::from(k == 1), k - 1 - usize::from(k == height));
        let (lm, lp) = (l - 1 + usize::from(l == 1), l - 1 - usize::from(l == width));
        let across = match (self.known(l - 1, k), self.known(l + 1, k)) {
            (true, true) => 2 * (value(lp + 1, km) - value(lm - 1, km)),
            (false, true) => value(lp + 1, km) - value(lm, km),
            (true, false) => value(lp, km) - value(lm - 1, km),
            (false, false) => 0,
        };
        let down = match (self.known(l, k - 1), self.known(l, k + 1)) {
            (true, true) => 2 * (value(lm, kp + 1) - value(lm, km - 1)),
            (false, true) => value(lm, kp + 1) - value(lm, km),
            (true, false) => value(lm, kp) - value(lm, km - 1),
            (false, false) => 0,
        };
        (value(l - 1, k - 1) as f32, across as f32, down as f32)
    }
}

/// What the known pixels add up to, for one channel.
#[derive(Clone, Copy)]
struct Sums {
    light: f32,
    across: f32,
    down: f32,
    weight: f32,
}

impl Default for Sums {
    fn default() -> Self {
        Sums { light: 0.0, across: 0.0, down: 0.0, weight: 1e-20 }
    }
}

impl Sums {
    fn add(&mut self, weight: f32, (light, across, down): (f32, f32, f32), (right, below): (f32, f32)) {
        self.light += weight * light;
        self.across -= weight * (across * right);
        self.down -= weight * (down * below);
        self.weight += weight;
    }

    fn byte(&self) -> u8 {
        let slope = f64::from(self.across * self.across + self.down * self.down).sqrt() + f64::from(1e-20_f32);
        let light = f64::from(self.light / self.weight);
        let value = (light + f64::from(self.across + self.down) / slope + 0.5) as f32;
        value.round_ties_even().clamp(0.0, 255.0) as u8
    }
}
