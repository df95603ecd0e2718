//! Pixels of placeholder pictures.

use font8x8::legacy::BASIC_LEGACY;
use image::codecs::jpeg::JpegEncoder;

/// Side of a letter of the typeface, in pixels.
const LETTER: u32 = 8;
/// JPEG quality of photographs, as photo services use.
const QUALITY: u8 = 80;

/// Names of colours that addresses use, as CSS defines them.
const NAMES: [(&str, u32); 21] = [
    ("black", 0x00_00_00),
    ("white", 0xff_ff_ff),
    ("red", 0xff_00_00),
    ("green", 0x00_80_00),
    ("blue", 0x00_00_ff),
    ("yellow", 0xff_ff_00),
    ("orange", 0xff_a5_00),
    ("purple", 0x80_00_80),
    ("pink", 0xff_c0_cb),
    ("gray", 0x80_80_80),
    ("grey", 0x80_80_80),
    ("lightgray", 0xd3_d3_d3),
    ("darkgray", 0xa9_a9_a9),
    ("brown", 0xa5_2a_2a),
    ("cyan", 0x00_ff_ff),
    ("teal", 0x00_80_80),
    ("navy", 0x00_00_80),
    ("gold", 0xff_d7_00),
    ("silver", 0xc0_c0_c0),
    ("lightblue", 0xad_d8_e6),
    ("transparent", 0xff_ff_ff),
];

/// Whether `text` is a colour as placeholder services take it.
pub(super) fn is_colour(text: &str) -> bool {
    is_hexadecimal(text) || NAMES.iter().any(|(name, _)| text.eq_ignore_ascii_case(name))
}

/// Whether `text` is a colour of three or six hexadecimal digits.
pub(super) fn is_hexadecimal(text: &str) -> bool {
    matches!(text.len(), 3 | 6) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Red, green and blue of a colour that [`is_colour`] takes; grey for others.
pub(super) fn colour(text: &str) -> [u8; 3] {
    let value = match u32::from_str_radix(text, 16) {
        Ok(value) if text.len() == 6 => value,
        // 09f is short for 0099ff.
        Ok(value) if text.len() == 3 => {
            [8, 4, 0].iter().fold(0, |sum, shift| (sum << 8) | (((value >> shift) & 0xf) * 0x11))
        }
        _ => NAMES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map_or(0x80_80_80, |(_, value)| *value),
    };
    let [_, red, green, blue] = value.to_be_bytes();
    [red, green, blue]
}

/// A PNG of one colour with words in its middle. Width and height in pixels; colours of ground and words.
pub(super) fn label(width: u32, height: u32, [back, fore]: [[u8; 3]; 2], text: &str) -> Vec<u8> {
    // Two colours: one bit for each pixel.
    let stride = width.div_ceil(8) as usize;
    let mut bits = vec![0_u8; stride * height as usize];
    let lines: Vec<&str> = text.split('\n').collect();
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(1).max(1) as u32;
    let fits = (width * 4 / 5 / (longest * LETTER)).min(height * 4 / 5 / (lines.len() as u32 * LETTER));
    // A fifth of the height, or what fits; never so small that it could not be read.
    let scale = (height / 5 / LETTER).min(fits).max(1);
    let top = i64::from(height) / 2 - i64::from(lines.len() as u32 * LETTER * scale) / 2;
    for (row, line) in lines.iter().enumerate() {
        let left = i64::from(width) / 2 - i64::from(line.chars().count() as u32 * LETTER * scale) / 2;
        for (column, letter) in line.chars().enumerate() {
            let glyph = BASIC_LEGACY.get(letter as usize).unwrap_or(&BASIC_LEGACY['?' as usize]);
            for at in 0..LETTER * LETTER * scale * scale {
                let (x, y) = (at % (LETTER * scale), at / (LETTER * scale));
                if glyph[(y / scale) as usize] >> (x / scale) & 1 == 0 {
                    continue;
                }
                let x = left + i64::from(column as u32 * LETTER * scale + x);
                let y = top + i64::from(row as u32 * LETTER * scale + y);
                if (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y) {
                    bits[y as usize * stride + x as usize / 8] |= 0x80 >> (x % 8);
                }
            }
        }
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_palette([back, fore].concat());
    // Writing to memory cannot fail, and the sizes fit by the lines above.
    if let Ok(mut writer) = encoder.write_header() {
        let _ = writer.write_image_data(&bits);
    }
    out
}

/// A JPEG that looks like a landscape from afar: a sky, hills and a sun, all decided by `seed`.
pub(super) fn photograph(width: u32, height: u32, seed: &str, grey: bool) -> Vec<u8> {
    let hash = *blake3::hash(seed.as_bytes()).as_bytes();
    let mut state = hash.iter().copied().cycle();
    let mut unit = || f32::from(state.next().unwrap_or(0)) / 255.0;
    let (hue, sun, tall, wide, shift) = (unit(), (unit(), unit()), unit(), unit(), unit() * 6.0);
    let ground = [0.2 + unit() * 0.3, 0.3 + unit() * 0.3, 0.2 + unit() * 0.2];
    let sky = [0.4 + hue * 0.5, 0.6 + hue * 0.2, 0.95 - hue * 0.4];
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for row in 0..height {
        let y = row as f32 / height as f32;
        for column in 0..width {
            let x = column as f32 / width as f32;
            let ridge =
                0.6 + (0.05 + tall * 0.1) * ((x * (4.0 + wide * 6.0) + shift).sin() + 0.4 * (x * 17.0 + shift).sin());
            let far = ((x - sun.0).powi(2) + (y - sun.1 * 0.4 - 0.05).powi(2)).sqrt();
            let glow = (0.12 / (far + 0.06)).min(1.0) * 0.5;
            let shade = |channel: usize| match y < ridge {
                true => sky[channel] * (0.75 + 0.35 * y) + glow,
                false => ground[channel] * (1.3 - 0.9 * (y - ridge)),
            };
            let colour: [u8; 3] = std::array::from_fn(|channel| (shade(channel).clamp(0.0, 1.0) * 255.0) as u8);
            let mean = (colour.iter().map(|value| u32::from(*value)).sum::<u32>() / 3) as u8;
            pixels.extend(if grey { [mean; 3] } else { colour });
        }
    }
    let mut out = Vec::new();
    // Writing to memory cannot fail, and a side of at most 4,096 pixels fits into a JPEG.
    let _ =
        JpegEncoder::new_with_quality(&mut out, QUALITY).encode(&pixels, width, height, image::ExtendedColorType::Rgb8);
    out
}
