//! The page itself, written from top to bottom.

use std::io::{self, Write};

use super::escape::{html, json};
use super::gather::{Card, Gathered, Group};
use super::summary::Summary;
use crate::lacking;
use crate::text::{bytes, count, seconds};

const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");
/// A pane of glass with a line chart behind it.
const LOGO: &str = "<svg viewBox='0 0 52 52' fill='none' stroke='currentColor' stroke-width='2.6' stroke-linecap='round' \
    stroke-linejoin='round' aria-hidden='true'><path d='M6 22 26 6l20 16v22a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2z'/>\
    <path d='M13 37l8-9 7 5 11-13' stroke-width='3'/><path d='M6 22h40' opacity='.35'/></svg>";
/// The stages with their colours and what they mean. The first is waiting, which the bar leaves out.
const PHASES: [(&str, &str, &str); 6] = [
    ("queue", "#a9b4c0", "from being read to having a worker"),
    ("lease", "#7aa5c9", "until a cell and a zygote were ready"),
    ("start", "#4a90a4", "until the program's first instruction"),
    ("run", "#2f9e78", "the program itself"),
    ("harvest", "#e0a458", "ending what is left, taking outputs out"),
    ("check", "#c96f53", "decoding and checking pictures"),
];

/// Writes the page; `pictures` holds each card's thumbnail as a `data:` address.
pub(crate) fn write(
    out: &mut impl Write,
    summary: &Summary,
    gathered: &Gathered,
    cards: &[Card],
    pictures: &[Option<String>],
) -> io::Result<()> {
    let name = html(&summary.dataset);
    write!(
        out,
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data: 'self' file:; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\"><title>{name} · Glasshouse</title>\n<style>\n{CSS}</style></head>\n<body><main>\n"
    )?;
    head(out, summary)?;
    sheet(out, cards, gathered, pictures)?;
    failures(out, &gathered.groups)?;
    missing_packages(out, summary)?;
    times(out, summary, gathered)?;
    slowest(out, gathered)?;
    foot(out, summary)?;
    write!(
        out,
        "</main>\n<dialog><div class=sample><div class=left></div><div class=right></div></div><div class=nav>\
         <button data-by=-1 title='previous (←)'>‹</button><button data-by=1 title='next (→)'>›</button>\
         <button data-close title='close (Esc)'>×</button></div></dialog>\n<script type=application/json id=rows>{}</script>\n\
         <script>\n{JS}</script></body></html>\n",
        json(&cards)
    )
}

fn head(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let versions = ["python", "matplotlib"]
        .iter()
        .filter_map(|name| summary.runtime.versions.get(*name).map(|version| format!(" · {name} {}", html(version))));
    writeln!(
        out,
        "<header>{LOGO}<div><h1>{}</h1><p>{}{} · {}</p></div></header>",
        html(&summary.dataset),
        html(&summary.runtime.name),
        versions.collect::<String>(),
        html(&summary.backend.name),
    )?;
    let ok = summary.verdicts.get("ok").copied().unwrap_or_default();
    let share = 100.0 * ok as f64 / summary.rows.max(1) as f64;
    write!(out, "<section class=panel style='margin-top:22px'><div class=figures style='margin-top:0'>")?;
    figure(out, &count(summary.rows), "rows")?;
    figure(out, &format!("{share:.1} %"), "ok")?;
    figure(out, &count(summary.pictures), "pictures")?;
    if let Some(rate) = summary.rate {
        let workers = if rate.workers == 1 { "1 worker".to_owned() } else { format!("{} workers", rate.workers) };
        figure(out, &format!("{:.1}/s", rate.rows_per_second), &format!("rows, {workers}"))?;
        figure(out, &seconds(rate.seconds), "in all")?;
    }
    figure(out, &seconds(summary.wall.p50), "median time")?;
    write!(out, "</div><div class=bar>")?;
    for (name, rows) in parts(summary) {
        write!(out, "<i class=v-{name} style='flex-grow:{rows}' title='{name}: {}'></i>", count(rows))?;
    }
    write!(out, "</div><div class=chips>")?;
    for (name, rows) in parts(summary) {
        write!(
            out,
            "<button class='chip v-{name}' data-v={name} aria-pressed=false>{name} <b>{}</b></button>",
            count(rows)
        )?;
    }
    writeln!(out, "</div></section>")
}

/// Verdicts with rows, most first but `ok` before all; then faults and bad rows.
fn parts(summary: &Summary) -> Vec<(&'static str, u64)> {
    let mut parts: Vec<_> = summary.verdicts.iter().map(|(name, rows)| (*name, *rows)).collect();
    parts.sort_by_key(|(name, rows)| (*name != "ok", std::cmp::Reverse(*rows)));
    parts.extend([("fault", summary.faults), ("bad_row", summary.bad_rows)]);
    parts.retain(|(_, rows)| *rows > 0);
    parts
}

fn figure(out: &mut impl Write, value: &str, name: &str) -> io::Result<()> {
    write!(out, "<div><b>{value}</b><span>{name}</span></div>")
}

fn times(out: &mut impl Write, summary: &Summary, gathered: &Gathered) -> io::Result<()> {
    let wall = &summary.wall;
    write!(out, "<h2>Time</h2><div class=two><section class=panel><div class=times>")?;
    for (name, value) in [("median", wall.p50), ("95th percentile", wall.p95), ("99th", wall.p99), ("mean", wall.mean)]
    {
        write!(out, "<div><b>{}</b><span>{name}</span></div>", seconds(value))?;
    }
    let (least, greatest, bars) = gathered.wall.bars(36);
    let highest = bars.iter().copied().max().unwrap_or_default().max(1) as f64;
    write!(out, "</div><div class=bins>")?;
    for rows in bars {
        let height = if rows == 0 { 0.0 } else { (100.0 * rows as f64 / highest).max(3.0) };
        write!(out, "<i style='height:{height:.1}%' title='{} rows'></i>", count(rows))?;
    }
    let ends = (seconds(least), seconds(greatest));
    write!(
        out,
        "</div><div class=ends><span>{}</span><span>time on the clock, per run</span><span>{}</span></div></section>",
        ends.0, ends.1
    )?;
    write!(out, "<section class=panel><div class=stack>")?;
    let mean = |name: &str| summary.phases.get(name).copied().unwrap_or_default();
    let total: f64 = PHASES.iter().skip(1).map(|(name, _, _)| mean(name)).sum::<f64>().max(1e-9);
    for (name, colour, _) in PHASES.iter().skip(1) {
        let part = mean(name) / total;
        write!(out, "<i style='--p:{colour};flex-grow:{:.5}' title='{name}'></i>", part.max(0.0))?;
    }
    write!(out, "</div><ul class=legend>")?;
    for (name, colour, meaning) in PHASES {
        write!(out, "<li><i style='--p:{colour}'></i>{name}<b>{}</b><span>{meaning}</span></li>", seconds(mean(name)))?;
    }
    writeln!(out, "</ul></section></div>")
}

fn failures(out: &mut impl Write, groups: &[Group]) -> io::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let mut groups: Vec<&Group> = groups.iter().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.rows));
    write!(out, "<h2>What went wrong<small>by verdict and cause</small></h2><div class=groups>")?;
    for group in groups {
        let preview = group.examples.first().map(|example| example.message.as_str()).unwrap_or_default();
        write!(
            out,
            "<details class='group v-{verdict}'><summary><span class=badge>{verdict}</span><code>{}</code><b>{}</b>\
             <span class=say>{}</span></summary>",
            html(&group.code),
            count(group.rows),
            html(&super::escape::head(preview, 1, 160)),
            verdict = group.verdict,
        )?;
        for example in &group.examples {
            write!(
                out,
                "<div class=example><code class=id>{}</code><p>{}</p>",
                html(&example.id),
                html(&example.message)
            )?;
            if !example.lines.is_empty() {
                write!(out, "<pre>{}</pre>", html(&example.lines))?;
            }
            write!(out, "</div>")?;
        }
        writeln!(out, "</details>")?;
    }
    writeln!(out, "</div>")
}

/// What the mirror could be given so that more pages have all that they ask for.
fn missing_packages(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let Some(command) = summary.lacking.command() else { return Ok(()) };
    let all = summary.lacking.len();
    let note =
        if all > lacking::SHOWN { format!("<small>the first of {}</small>", count(all as u64)) } else { String::new() };
    write!(
        out,
        "<h2>Packages that the mirror lacks{note}</h2><section class='panel scroll'><table><tr><th>package<th class=n>pages<th>adds it"
    )?;
    for lacked in summary.lacking.most(lacking::SHOWN) {
        write!(
            out,
            "<tr><td><code>{}</code><td class=n>{}<td><code>{}</code>",
            html(&lacking::name(lacked.package)),
            count(lacked.pages),
            html(lacked.package.add.as_deref().unwrap_or_default()),
        )?;
    }
    writeln!(out, "</table><p>All of these at once: <code>{}</code></p></section>", html(&command))
}

fn slowest(out: &mut impl Write, gathered: &Gathered) -> io::Result<()> {
    if gathered.slowest.len() < 4 {
        return Ok(());
    }
    write!(
        out,
        "<h2>Slowest rows</h2><section class='panel scroll'><table><tr><th>row<th>verdict<th class=n>time<th class=n>memory"
    )?;
    for slow in &gathered.slowest {
        write!(
            out,
            "<tr><td><code>{}</code><td><span class='badge v-{verdict}'>{verdict}</span><td class=n>{}<td class=n>{}",
            html(&slow.id),
            seconds(slow.wall),
            bytes(slow.memory),
            verdict = slow.verdict,
        )?;
    }
    writeln!(out, "</table></section>")
}

fn sheet(out: &mut impl Write, cards: &[Card], gathered: &Gathered, pictures: &[Option<String>]) -> io::Result<()> {
    let rows = gathered.rows();
    let note = if (cards.len() as u64) < rows {
        format!("<small>an even sample: {} of {}</small>", cards.len(), count(rows))
    } else {
        String::new()
    };
    writeln!(
        out,
        "<h2>Rows{note}</h2><div class=tools><input id=search type=search placeholder='filter by id, verdict or cause  ( / )' \
         aria-label=filter><span id=shown></span></div><div class=sheet>"
    )?;
    for (card, picture) in cards.iter().zip(pictures) {
        write!(out, "<button class='card v-{}'>", card.verdict)?;
        match picture {
            Some(address) => write!(out, "<div class=frame><img loading=lazy alt='' src='{address}'></div>")?,
            None => {
                let said = card.cause.as_ref().map(|(_, message)| message.as_str()).unwrap_or_default();
                let said = super::escape::head(said, 2, 90);
                write!(out, "<div class='frame none'><div><b>{}</b>{}</div></div>", card.verdict, html(&said))?;
            }
        }
        writeln!(
            out,
            "<div class=under><b title='{id}'>{id}</b><span>{}</span></div></button>",
            seconds(card.wall),
            id = html(&card.id)
        )?;
    }
    writeln!(out, "</div><button id=more hidden></button>")
}

fn foot(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let layers: Vec<String> = summary.backend.layers.iter().map(|layer| html(layer)).collect();
    write!(out, "<footer>Glasshouse {} · behind {}", summary.glasshouse, layers.join(", "))?;
    if !summary.backend.missing.is_empty() {
        let missing: Vec<String> = summary.backend.missing.iter().map(|layer| html(layer)).collect();
        write!(out, " · <b>without {}</b>", missing.join(", "))?;
    }
    writeln!(out, " · image <code>{}</code></footer>", html(summary.runtime.image.get(..12).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use glasshouse_model::page::LackingPackage;
    use glasshouse_model::{BackendInfo, RuntimeInfo, Verdict};
    use serde_json::Value;

    use super::super::gather::tests::record;
    use super::super::summary::Times;
    use super::*;
    use crate::lacking::tests::request;

    const HOSTILE: &str = "</script></style><img src=x onerror=alert(1)>'\"&<!--";

    fn page() -> String {
        let mut gathered = Gathered::default();
        for row in 0..6 {
            let mut record = record(row, Verdict::RuntimeError, HOSTILE);
            record.id = format!("{HOSTILE}{row}");
            record.columns.insert("code".to_owned(), Value::String(HOSTILE.to_owned()));
            record.stdout.text = HOSTILE.to_owned();
            record.runtime.name = HOSTILE.to_owned();
            if let Some(error) = &mut record.error {
                error.traceback = HOSTILE.to_owned();
            }
            let packages = [(HOSTILE, HOSTILE), ("three", "0.160.0")];
            let lacking = packages.map(|(package, version)| LackingPackage::whole(package, version));
            record.requests.push(request(lacking.to_vec()));
            gathered.add(&record);
        }
        let summary = Summary {
            glasshouse: "1",
            dataset: HOSTILE.to_owned(),
            fingerprint: String::new(),
            options: BTreeMap::new(),
            rows: 6,
            verdicts: [("runtime_error", 6)].into(),
            faults: 0,
            bad_rows: 0,
            failed_attempts: 0,
            artifacts: 0,
            pictures: 0,
            rate: None,
            wall: Times { mean: 1.0, p50: 1.0, p95: 1.0, p99: 1.0 },
            phases: BTreeMap::new(),
            lacking: gathered.lacking.clone(),
            runtime: RuntimeInfo { name: HOSTILE.to_owned(), ..RuntimeInfo::default() },
            backend: BackendInfo { name: HOSTILE.to_owned(), layers: vec![HOSTILE.to_owned()], missing: vec![] },
        };
        let cards = gathered.take_cards();
        let mut out = Vec::new();
        write(&mut out, &summary, &gathered, &cards, &vec![None; cards.len()]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_from_a_sample_becomes_markup() {
        let page = page();
        assert!(!page.contains("<img src=x"), "markup of a sample is in the page");
        // One element each of ours, and none that a sample's text opened or closed.
        for (tag, count) in [("</style>", 1), ("</script>", 2), ("<!--", 0)] {
            assert_eq!(page.matches(tag).count(), count, "{tag}");
        }
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    }

    #[test]
    fn what_the_mirror_lacks_comes_with_the_command_that_adds_it() {
        let page = page();
        assert!(page.contains("<td><code>three@0.160.0</code><td class=n>6"));
        assert!(page.contains("All of these at once: <code>glasshouse images mirror add npm:three@0.160.0</code>"));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let page = page();
        for needle in ["http://", "https://", "@import", "url("] {
            assert!(!page.contains(needle), "{needle}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn the_data_behind_the_cards_reads_back() {
        let page = page();
        let start = page.find("id=rows>").unwrap() + "id=rows>".len();
        let end = start + page[start..].find("</script>").unwrap();
        let rows: Vec<Value> = serde_json::from_str(&page[start..end]).unwrap();
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[0]["code"], HOSTILE);
    }
}
