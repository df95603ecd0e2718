//! Placeholder pictures: the size, colours and words that an address asks for, made here.
//!
//! Where the service sends a drawing (SVG) so do we; where it sends pixels, they are drawn with a fixed 8 x 8 typeface. Where it
//! sends a photograph, it is a picture that stays the same for the same address. Every service's own words and colours
//! are from what it documents on its front page.

use serde::Deserialize;

use super::address::{Address, decode};
use super::answer::{Answer, Lacking, Origin, Outcome};
use super::draw;

/// The longest side of a picture, in pixels; the services have bounds of this order.
const LONGEST: u32 = 4096;

/// How a service reads an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Style {
    /// `/600x400/BACK/FORE/png?text=`: a drawing unless a format is named.
    Placehold,
    /// `/300x200/BACK/FORE?text=`: pixels.
    Placeholder,
    /// `/600x400/BACK/FORE&text=`: pixels.
    Dummyimage,
    /// Any address with a width and perhaps a height in it, such as `/id/237/200/300`: a photograph.
    Photograph,
    /// `/150?img=3`, or a size in `size=`: a square photograph.
    Avatar,
    /// `/api/?name=Ada+Lovelace&size=64`: initials on a square.
    Initials,
}

/// A picture as it is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    width: u32,
    height: u32,
    back: String,
    fore: String,
    text: String,
}

/// What a request to such a service gets.
pub(super) fn answer(style: Style, address: &Address) -> Outcome {
    let wanted = match style {
        Style::Placehold => labelled(address, ("DDDDDD", "999999"), " \u{d7} "),
        Style::Placeholder => labelled(address, ("CCCCCC", "969696"), " x "),
        Style::Dummyimage => labelled(address, ("CCCCCC", "000000"), " x "),
        Style::Photograph => size_of_photograph(&address.path),
        Style::Avatar => avatar(address),
        Style::Initials => Some(initials(address)),
    };
    let Some(wanted) = wanted else { return Outcome::NotMirrored(Lacking::address(address)) };
    if wanted.width.max(wanted.height) > LONGEST || wanted.width.min(wanted.height) == 0 {
        let text = format!("a picture has 1 to {LONGEST} pixels on each side\n");
        return Outcome::Answer(Answer { status: 400, ..Answer::absent(text) });
    }
    let path = address.path.to_ascii_lowercase();
    let names = |format: &str| path.ends_with(&format!(".{format}")) || path.ends_with(&format!("/{format}"));
    let drawing = match style {
        Style::Placehold => !["png", "jpg", "jpeg", "gif", "webp", "avif"].into_iter().any(names),
        Style::Initials => address.parameters("format").next().as_deref() == Some("svg"),
        _ => false,
    };
    let mut picture = match style {
        Style::Photograph | Style::Avatar => {
            let seed = format!("{}/{}?{}", address.host, address.path, address.query);
            let grey = address.query.split('&').any(|name| name == "grayscale") || path.starts_with("g/");
            Answer::generated("image/jpeg", draw::photograph(wanted.width, wanted.height, &seed, grey))
        }
        _ if drawing => Answer::generated("image/svg+xml", drawn(&wanted).into_bytes()),
        _ => {
            let colours = [&wanted.back, &wanted.fore].map(|colour| draw::colour(colour));
            Answer::generated("image/png", draw::label(wanted.width, wanted.height, colours, &wanted.text))
        }
    };
    picture.origin = Origin::Picture;
    Outcome::Answer(picture)
}

/// Reads `WIDTHxHEIGHT/BACK/FORE`, with a format anywhere and the words in `text`.
fn labelled(address: &Address, (back, fore): (&str, &str), cross: &str) -> Option<Wanted> {
    // dummyimage.com takes `&text=` without a question mark.
    let (path, more) = address.path.split_once('&').unwrap_or((&address.path, ""));
    let mut parts = path.split('/').map(without_format).filter(|part| !part.is_empty());
    let (width, height) = size(parts.next()?)?;
    let colours: Vec<&str> = parts.filter(|part| draw::is_colour(part)).collect();
    let given = more.split('&').find_map(|pair| decode(pair.strip_prefix("text=")?, true));
    let text = address.parameters("text").next().or(given).filter(|text| !text.is_empty());
    Some(Wanted {
        width,
        height,
        back: colours.first().map_or(back, |colour| colour).to_owned(),
        fore: colours.get(1).map_or(fore, |colour| colour).to_owned(),
        // Services break lines where the address says `\n`.
        text: text.map_or_else(|| format!("{width}{cross}{height}"), |text| text.replace("\\n", "\n")),
    })
}

fn without_format(part: &str) -> &str {
    const FORMATS: [&str; 7] = ["svg", "png", "jpg", "jpeg", "gif", "webp", "avif"];
    match part.rsplit_once('.') {
        Some((stem, format)) if FORMATS.contains(&format.to_ascii_lowercase().as_str()) => stem,
        None if FORMATS.contains(&part.to_ascii_lowercase().as_str()) => "",
        _ => part,
    }
}

/// Reads `600x400`, or `600` for a square.
fn size(part: &str) -> Option<(u32, u32)> {
    let (width, height) = part.split_once(['x', 'X', '\u{d7}']).unwrap_or((part, part));
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// The last two numbers of a path, or the last one for a square: `/id/237/200/300`, `/640/480/any`, `/random/800x600`.
fn size_of_photograph(path: &str) -> Option<Wanted> {
    let parts: Vec<&str> = path.split('/').map(without_format).filter(|part| !part.is_empty()).collect();
    let both = |part: &&&str| part.contains(['x', 'X']) && size(part).is_some();
    let is_number = |part: &&str| part.parse::<u32>().is_ok();
    let (width, height) = match parts.iter().rev().find(both) {
        Some(part) => size(part)?,
        None => {
            let at = parts.iter().rposition(is_number)?;
            let last = parts[at].parse().ok()?;
            // What follows `id` or `seed` names a picture and is no size.
            let named = at >= 2 && matches!(parts[at - 2], "id" | "seed");
            match at.checked_sub(1).map(|before| parts[before]).filter(|part| is_number(part) && !named) {
                Some(before) => (before.parse().ok()?, last),
                None => (last, last),
            }
        }
    };
    Some(Wanted { width, height, back: String::new(), fore: String::new(), text: String::new() })
}

fn avatar(address: &Address) -> Option<Wanted> {
    let last = address.path.split('/').rev().map(without_format).find_map(|part| part.parse::<u32>().ok());
    let asked = ["size", "s"].iter().find_map(|name| address.parameters(name).next()?.parse::<u32>().ok());
    // A path's number is a size at i.pravatar.cc and a person's number elsewhere, where pictures are 128 pixels wide.
    let side = asked.or(last.filter(|_| !address.path.contains("portraits"))).unwrap_or(128);
    Some(Wanted { width: side, height: side, back: String::new(), fore: String::new(), text: String::new() })
}

fn initials(address: &Address) -> Wanted {
    let first = |name: &str| address.parameters(name).next().filter(|value| !value.is_empty());
    let side = first("size").and_then(|size| size.parse().ok()).unwrap_or(64);
    let name = first("name").unwrap_or_else(|| "John Doe".to_owned());
    let text: String = name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    let back = first("background").filter(|colour| draw::is_colour(colour)).unwrap_or_else(|| "F0E9E9".to_owned());
    let fore = first("color").filter(|colour| draw::is_colour(colour)).unwrap_or_else(|| "8B5D5D".to_owned());
    Wanted { width: side, height: side, back, fore, text: text.to_uppercase() }
}

/// A drawing with the words in its middle.
fn drawn(wanted: &Wanted) -> String {
    let Wanted { width, height, .. } = *wanted;
    let css = |name: &str| if draw::is_hexadecimal(name) { format!("#{name}") } else { name.to_owned() };
    let lines: Vec<&str> = wanted.text.split('\n').collect();
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(1).max(1) as f64;
    // As large as a fifth of the height, and no wider than four fifths of the picture (a letter is 0.6 of its height wide).
    let font = (f64::from(height) / 5.0).min(f64::from(width) * 0.8 / (longest * 0.6)).max(1.0);
    let middle = (lines.len() as f64 - 1.0) / 2.0;
    let line = |(at, text): (usize, &&str)| {
        let y = f64::from(height) / 2.0 + (at as f64 - middle) * font * 1.2;
        format!("<text x=\"50%\" y=\"{y:.1}\" dy=\"0.35em\">{}</text>", escaped(text))
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"><rect \
         width=\"100%\" height=\"100%\" fill=\"{}\"/><g fill=\"{}\" font-family=\"Lato, Arial, sans-serif\" font-weight=\"bold\" \
         font-size=\"{font:.1}\" text-anchor=\"middle\">{}</g></svg>",
        css(&wanted.back),
        css(&wanted.fore),
        lines.iter().enumerate().map(line).collect::<String>()
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(style: Style, url: &str) -> Answer {
        match answer(style, &Address::parse(url).unwrap()) {
            Outcome::Answer(answer) => answer,
            other => panic!("{url}: {other:?}"),
        }
    }

    /// Width and height of a picture's pixels.
    fn size_of(answer: &Answer) -> (u32, u32) {
        let picture = image::load_from_memory(answer.body.bytes()).unwrap();
        (picture.width(), picture.height())
    }

    #[test]
    fn drawings_have_the_size_colours_and_words_asked_for() {
        let plain = ask(Style::Placehold, "https://placehold.co/600x400");
        let text = String::from_utf8(plain.body.bytes().to_vec()).unwrap();
        assert_eq!(plain.header("content-type"), Some("image/svg+xml"));
        assert!(text.contains("width=\"600\" height=\"400\"") && text.contains(">600 \u{d7} 400</text>"), "{text}");
        let words = ask(Style::Placehold, "https://placehold.co/400/orange/FFF?text=Hello%3CWorld%3E\\nAgain");
        let text = String::from_utf8(words.body.bytes().to_vec()).unwrap();
        for part in
            ["width=\"400\" height=\"400\"", "fill=\"orange\"", "fill=\"#FFF\"", "Hello&lt;World&gt;</text>", ">Again<"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn pixels_have_the_size_and_colours_asked_for() {
        for (style, url, size) in [
            (Style::Placehold, "https://placehold.co/60x40/png", (60, 40)),
            (Style::Placehold, "https://placehold.co/60x40/000/fff.png", (60, 40)),
            (Style::Placeholder, "https://via.placeholder.com/150", (150, 150)),
            (Style::Placeholder, "https://via.placeholder.com/300x200.png/09f/fff?text=Hi", (300, 200)),
            (Style::Dummyimage, "https://dummyimage.com/60x40/000/fff.png&text=a+b", (60, 40)),
            (Style::Photograph, "https://picsum.photos/200/300", (200, 300)),
            (Style::Photograph, "https://picsum.photos/id/237/200/300?blur=2", (200, 300)),
            (Style::Photograph, "https://picsum.photos/seed/42/64", (64, 64)),
            (Style::Photograph, "https://picsum.photos/64.jpg", (64, 64)),
            (Style::Photograph, "https://source.unsplash.com/random/80x60?sea", (80, 60)),
            (Style::Photograph, "https://loremflickr.com/32/24/dog", (32, 24)),
            (Style::Avatar, "https://i.pravatar.cc/150?img=3", (150, 150)),
            (Style::Avatar, "https://randomuser.me/api/portraits/men/32.jpg", (128, 128)),
            (Style::Initials, "https://ui-avatars.com/api/?name=Ada+Lovelace&size=48", (48, 48)),
        ] {
            assert_eq!(size_of(&ask(style, url)), size, "{url}");
        }
        let blue = ask(Style::Placeholder, "https://via.placeholder.com/30x20/09f/fff?text=.");
        let corner = image::load_from_memory(blue.body.bytes()).unwrap().to_rgb8().get_pixel(0, 0).0;
        assert_eq!(corner, [0x00, 0x99, 0xff]);
    }

    #[test]
    fn the_same_address_gives_the_same_photograph_and_others_another() {
        let [one, again, other] =
            ["1", "1", "2"].map(|id| ask(Style::Photograph, &format!("https://p.example/id/{id}/40/30")));
        assert_eq!(one.body.bytes(), again.body.bytes());
        assert_ne!(one.body.bytes(), other.body.bytes());
    }

    #[test]
    fn sizes_without_bounds_or_sense_are_refused() {
        assert_eq!(ask(Style::Placehold, "https://placehold.co/100000x100000").status, 400);
        assert_eq!(ask(Style::Placeholder, "https://via.placeholder.com/0x10").status, 400);
        let nothing = answer(Style::Placehold, &Address::parse("https://placehold.co/about").unwrap());
        assert!(matches!(nothing, Outcome::NotMirrored(_)), "{nothing:?}");
    }
}
