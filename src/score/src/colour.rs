//! How far two colours are apart: CIEDE2000 as colormath 3.0 computes it.

/// A colour of sRGB, each channel from 0 to 255; means of colours have fractions.
pub type Rgb = [f64; 3];

const D65: [f64; 3] = [0.95047, 1.0, 1.08883];
const TO_XYZ: [[f64; 3]; 3] =
    [[0.412424, 0.357579, 0.180464], [0.212656, 0.715158, 0.0721856], [0.0193324, 0.119193, 0.950444]];
const DARK: f64 = 216.0 / 24389.0;

/// 1 for equal colours down to 0 for those at least 100 apart.
pub fn likeness(one: Rgb, other: Rgb) -> f64 {
    (1.0 - difference(one, other) / 100.0).max(0.0)
}

/// CIEDE2000. Where two hues are more than 180 degrees apart, colormath adds 360 to their sum whichever way round
/// they lie, which moves the result by about 1e-5 from the textbook's.
pub fn difference(one: Rgb, other: Rgb) -> f64 {
    let ([l1, a1, b1], [l2, a2, b2]) = (lab(one), lab(other));
    let seventh = |c: f64| (c.powi(7) / (c.powi(7) + 25.0_f64.powi(7))).sqrt();
    let mean_chroma = (a1.hypot(b1) + a2.hypot(b2)) / 2.0;
    let stretch = 1.0 + 0.5 * (1.0 - seventh(mean_chroma));
    let (a1, a2) = (stretch * a1, stretch * a2);
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let (lightness, chroma) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let far = (h1 - h2).abs() > 180.0;
    let mean_hue = (if far { 360.0 } else { 0.0 } + h1 + h2) / 2.0;
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(mean_hue - 30.0) + 0.24 * cos(2.0 * mean_hue) + 0.32 * cos(3.0 * mean_hue + 6.0)
        - 0.2 * cos(4.0 * mean_hue - 63.0);
    let turn = h2 - h1 + if far { 360.0 } else { 0.0 } - if far && h2 > h1 { 720.0 } else { 0.0 };
    let off = (lightness - 50.0).powi(2);
    let light = (l2 - l1) / (1.0 + 0.015 * off / (20.0 + off).sqrt());
    let colourful = (c2 - c1) / (1.0 + 0.045 * chroma);
    let hues = 2.0 * (c2 * c1).sqrt() * (turn.to_radians() / 2.0).sin() / (1.0 + 0.015 * chroma * t);
    let rotation = 30.0 * (-((mean_hue - 275.0) / 25.0).powi(2)).exp();
    let turned = -2.0 * seventh(chroma) * (2.0 * rotation.to_radians()).sin();
    (light.powi(2) + colourful.powi(2) + hues.powi(2) + turned * colourful * hues).sqrt()
}

fn hue(a: f64, b: f64) -> f64 {
    let degrees = b.atan2(a).to_degrees();
    if degrees < 0.0 { degrees + 360.0 } else { degrees }
}

fn lab(rgb: Rgb) -> [f64; 3] {
    let linear = rgb.map(|channel| {
        let value = channel / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let dot = |row: [f64; 3]| row.iter().zip(linear).map(|(factor, value)| factor * value).sum::<f64>().max(0.0);
    let [x, y, z] = [0, 1, 2].map(|axis| {
        let value = dot(TO_XYZ[axis]) / D65[axis];
        if value > DARK { value.powf(1.0 / 3.0) } else { 7.787 * value + 16.0 / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}
