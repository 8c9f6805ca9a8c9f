//! The report of `llz bench --html`: the table and a picture of size against time, in one file.

use llz::{Error, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::table::{Table, median};

const STYLE: &str = "\
:root { color-scheme: light dark; } \
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem 1.25rem; max-width: 64rem; } \
figure { margin: 1rem 0; background: #fff; border-radius: 6px; overflow: auto; } svg { width: 100%; height: auto; display: block; } \
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } \
th, td { padding: .2rem .75rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8886; } \
th:first-child, td:first-child { text-align: left; } div { overflow-x: auto; }";

const HEADS: [&str; 7] =
    ["", "bytes", "with model", "bits/byte", "code s", "decode s", "memory MB"];

/// The page.
pub(super) fn write(table: &Table) -> Result<String> {
    let row = |cells: &[String; 7]| {
        let [name, rest @ ..] = cells;
        let rest: String = rest.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        format!("<tr><th scope=\"row\">{}</th>{rest}</tr>\n", escaped(name))
    };
    let rows: String = table.rows.iter().map(|one| row(&table.shown(one))).collect();
    let heads: String = HEADS.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let picture = picture(table)?;
    let (raw, repeat) = (table.raw, table.repeat);
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>llz bench</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Size against time</h1>\n\
         <p>{raw} bytes, medians of {repeat} runs; every output was decoded and compared.</p>\n\
         <figure role=\"img\" aria-label=\"Bits per byte over seconds to code; the table below has the same figures\">\n\
         {picture}\n</figure>\n<div tabindex=\"0\" role=\"region\" aria-label=\"Figures\">\n<table>\n\
         <thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n</main>\n</body>\n</html>\n"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The place of a label beside its point where it covers none of `taken`, boxes of left, top, right and bottom, which it
/// joins.
fn place((x, y): (i32, i32), label: &str, taken: &mut Vec<[i32; 4]>) -> (i32, i32) {
    // About six pixels for each letter of twelve.
    let wide = 6 * label.chars().count() as i32;
    let beside = [
        (8, 0),
        (8, -12),
        (8, 12),
        (-8 - wide, 0),
        (8, -24),
        (8, 24),
        (-8 - wide, -12),
        (-8 - wide, 12),
    ];
    let covers = |[left, top, right, bottom]: [i32; 4], taken: &[[i32; 4]]| {
        taken.iter().any(|&[l, t, r, b]| left < r && l < right && top < b && t < bottom)
    };
    let boxed = |(dx, dy): (i32, i32)| [x + dx, y + dy - 6, x + dx + wide, y + dy + 6];
    let free =
        beside.into_iter().find(|&offset| !covers(boxed(offset), taken)).unwrap_or(beside[0]);
    taken.push(boxed(free));
    taken.push([x - 5, y - 5, x + 5, y + 5]);
    free
}

/// The colour of each kind of row: this program, and others.
const OURS: RGBColor = RGBColor(194, 65, 12);
const OTHERS: RGBColor = RGBColor(71, 85, 105);

/// Bits per byte over the seconds of coding, on a logarithmic scale.
fn picture(table: &Table) -> Result<String> {
    let points: Vec<(f64, f64, &str, bool)> = table
        .rows
        .iter()
        .map(|row| {
            (
                median(&row.code).max(0.001),
                table.bits_per_byte(row),
                row.name.as_str(),
                row.is_other,
            )
        })
        .collect();
    let bound = |of: fn(&(f64, f64, &str, bool)) -> f64, best: fn(f64, f64) -> f64| {
        points.iter().map(of).reduce(best).unwrap_or(1.0)
    };
    let times = bound(|p| p.0, f64::min) * 0.6..bound(|p| p.0, f64::max) * 4.0;
    let (least, most) = (bound(|p| p.1, f64::min), bound(|p| p.1, f64::max));
    let room = ((most - least) * 0.1).max(0.05);
    let bits = (least - room).max(0.0)..most + room;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (860, 480)).into_drawing_area();
        let draw = || {
            root.fill(&WHITE)?;
            let mut chart = ChartBuilder::on(&root)
                .margin(14)
                .x_label_area_size(42)
                .y_label_area_size(54)
                .build_cartesian_2d(times.log_scale(), bits)?;
            chart
                .configure_mesh()
                .light_line_style(TRANSPARENT)
                .x_desc("seconds to code")
                .y_desc("bits per byte")
                .label_style(("sans-serif", 13))
                .draw()?;
            let color = |is_other| if is_other { OTHERS } else { OURS };
            chart.draw_series(
                points
                    .iter()
                    .map(|&(x, y, _, other)| Circle::new((x, y), 4, color(other).filled())),
            )?;
            let mut taken = Vec::new();
            for &(x, y, name, other) in &points {
                let offset = place(chart.backend_coord(&(x, y)), name, &mut taken);
                let style = ("sans-serif", 12).into_font().color(&color(other));
                let style = style.pos(Pos::new(HPos::Left, VPos::Center));
                let label = EmptyElement::at((x, y)) + Text::new(name.to_owned(), offset, style);
                chart.draw_series(std::iter::once(label))?;
            }
            root.present()
        };
        let drawn: std::result::Result<(), DrawingAreaErrorKind<_>> = draw();
        drawn.map_err(|error| Error::io("-", std::io::Error::other(error.to_string())))?;
    }
    Ok(svg)
}
