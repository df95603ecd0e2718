//! The fonts that text is drawn with, and which of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resvg::usvg::fontdb::{self, Database, Family, ID, Query, Source, Weight};
use resvg::usvg::{Font, FontFamily, FontResolver, FontStretch, FontStyle};
use skrifa::{FontRef, MetadataProvider as _};

/// CSS's generic families, as the web image's browser shows them, so that a drawing and a page show the same words alike: it asks
/// fontconfig for Times New Roman, Arial and Courier New, and for families of the other two kinds that nobody has.
const SERIF: &str = "Liberation Serif";
const SANS_SERIF: &str = "Liberation Sans";
const MONOSPACE: &str = "Liberation Mono";
const CURSIVE: &str = "DejaVu Sans";

/// Families that drawings name and that are not here, and those of the same widths that are, as fontconfig has them.
const ALIASES: [(&str, &str); 7] = [
    ("times new roman", SERIF),
    ("times", SERIF),
    ("arial", SANS_SERIF),
    ("helvetica", SANS_SERIF),
    ("courier new", MONOSPACE),
    ("courier", MONOSPACE),
    ("verdana", "DejaVu Sans"),
];
/// Where a letter is looked for that a text's own family lacks, before all others.
const FALLBACK: [&str; 3] = ["DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC"];

/// Fonts held in memory: a confined helper can open no file.
#[derive(Clone, Debug)]
pub struct Fonts(pub(crate) Arc<Database>);

impl Fonts {
    /// Reads every font below a folder, in the order of their paths, so that a choice among equals is always the same.
    ///
    /// # Errors
    /// If a folder or a file cannot be read, or no font is there.
    pub fn load(folder: &Path) -> io::Result<Self> {
        let mut database = Database::new();
        for path in font_files(folder)? {
            database.load_font_source(Source::Binary(Arc::new(fs::read(path)?)));
        }
        if database.is_empty() {
            let message = format!("there is no font in {}", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        database.set_serif_family(SERIF);
        database.set_sans_serif_family(SANS_SERIF);
        database.set_monospace_family(MONOSPACE);
        database.set_cursive_family(CURSIVE);
        database.set_fantasy_family(CURSIVE);
        Ok(Self(Arc::new(database)))
    }
}

/// How resvg chooses among the fonts.
pub(crate) fn resolver() -> FontResolver<'static> {
    FontResolver {
        select_font: Box::new(|font, database| select(font, database)),
        select_fallback: Box::new(|letter, used, database| fallback(letter, used, database)),
    }
}

/// The face of the first family that is here under its own name or an alias; else a serif one, as browsers have it.
fn select(font: &Font, database: &Database) -> Option<ID> {
    let mut families: Vec<Family<'_>> = font.families().iter().map(family).collect();
    families.push(Family::Serif);
    let style = match font.style() {
        FontStyle::Normal => fontdb::Style::Normal,
        FontStyle::Italic => fontdb::Style::Italic,
        FontStyle::Oblique => fontdb::Style::Oblique,
    };
    let weight = Weight(font.weight());
    database.query(&Query { families: &families, weight, stretch: stretch(font.stretch()), style })
}

fn family(family: &FontFamily) -> Family<'_> {
    match family {
        FontFamily::Serif => Family::Serif,
        FontFamily::SansSerif => Family::SansSerif,
        FontFamily::Cursive => Family::Cursive,
        FontFamily::Fantasy => Family::Fantasy,
        FontFamily::Monospace => Family::Monospace,
        FontFamily::Named(name) => {
            let lower = name.to_lowercase();
            Family::Name(ALIASES.iter().find(|(alias, _)| *alias == lower).map_or(name.as_str(), |(_, there)| there))
        }
    }
}

fn stretch(stretch: FontStretch) -> fontdb::Stretch {
    match stretch {
        FontStretch::UltraCondensed => fontdb::Stretch::UltraCondensed,
        FontStretch::ExtraCondensed => fontdb::Stretch::ExtraCondensed,
        FontStretch::Condensed => fontdb::Stretch::Condensed,
        FontStretch::SemiCondensed => fontdb::Stretch::SemiCondensed,
        FontStretch::Normal => fontdb::Stretch::Normal,
        FontStretch::SemiExpanded => fontdb::Stretch::SemiExpanded,
        FontStretch::Expanded => fontdb::Stretch::Expanded,
        FontStretch::ExtraExpanded => fontdb::Stretch::ExtraExpanded,
        FontStretch::UltraExpanded => fontdb::Stretch::UltraExpanded,
    }
}

/// The face nearest in weight and style to the text's own that has the letter. (usvg's own choice is the first that has it,
/// whatever its weight.)
fn fallback(letter: char, used: &[ID], database: &Database) -> Option<ID> {
    let base = database.face(*used.first()?)?;
    let distance = |face: &fontdb::FaceInfo| {
        let named = |family: &&str| face.families.iter().any(|(name, _)| name == family);
        let place = FALLBACK.iter().position(|family| named(family)).unwrap_or(FALLBACK.len());
        (face.weight.0.abs_diff(base.weight.0), face.style != base.style, place)
    };
    let mut faces: Vec<&fontdb::FaceInfo> = database.faces().filter(|face| !used.contains(&face.id)).collect();
    // A stable sort: among equals the order of their files.
    faces.sort_by_key(|face| distance(face));
    faces.into_iter().map(|face| face.id).find(|id| has(*id, letter, database))
}

fn has(face: ID, letter: char, database: &Database) -> bool {
    let there = database.with_face_data(face, |data, index| {
        FontRef::from_index(data, index).is_ok_and(|font| font.charmap().map(letter).is_some())
    });
    there.unwrap_or_default()
}

fn font_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            found.extend(font_files(&path)?);
        } else if kind.is_file() && path.extension().is_some_and(|extension| is_font(&extension.to_string_lossy())) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_font(extension: &str) -> bool {
    ["ttf", "ttc", "otf", "otc"].contains(&extension.to_ascii_lowercase().as_str())
}
