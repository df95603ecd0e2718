//! Files that the pages bring along.

use std::collections::BTreeMap;

/// A file of each kind that is no page.
pub(crate) fn other_kinds() -> BTreeMap<String, Vec<u8>> {
    let pixel = [
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1,
        8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x64, 0xf8,
        0xcf, 0xf0, 0x1f, 0, 0x05, 0, 0x02, 0x7f, 0x4d, 0x4d, 0xc1, 0x3a, 0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae,
        0x42, 0x60, 0x82,
    ];
    let text = |text: &str| text.as_bytes().to_vec();
    [
        ("picture.png", pixel.to_vec()),
        ("words.txt", text("only words\n")),
        ("bytes.bin", vec![0, 1, 2, 3]),
        ("paper.pdf", text("%PDF-1.4\n%%EOF\n")),
        (
            "drawing.svg",
            text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>"),
        ),
        ("broken.xml", text("<a><b></a>")),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

/// One file.
pub(crate) fn one(name: &str, text: &str) -> BTreeMap<String, Vec<u8>> {
    [(name.to_owned(), text.as_bytes().to_vec())].into()
}
