//! The figures as text, as JSON and as CSV.

use llz::{Error, Result};
use serde_json::json;

use super::measure::Row;

/// All figures.
pub(super) struct Table {
    /// Bytes that were coded.
    pub raw: u64,
    pub repeat: usize,
    pub rows: Vec<Row>,
}

/// The middle of some times.
pub(super) fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 0 => sorted[n / 2 - 1].midpoint(sorted[n / 2]),
        n => sorted[n / 2],
    }
}

/// The distance of the fastest from the slowest, as a part of the median.
fn spread(times: &[f64]) -> f64 {
    let (least, most) = times.iter().fold((f64::MAX, 0f64), |(l, m), &t| (l.min(t), m.max(t)));
    if times.len() < 2 { 0.0 } else { (most - least) / median(times) }
}

/// The heads of the columns, as in CSV.
pub(super) const HEADS: [&str; 11] = [
    "name",
    "coded_bytes",
    "with_model_bytes",
    "bits_per_byte",
    "code_seconds",
    "decode_seconds",
    "code_spread",
    "decode_spread",
    "code_bytes_per_second",
    "decode_bytes_per_second",
    "memory_bytes",
];

impl Table {
    pub(super) fn bits_per_byte(&self, row: &Row) -> f64 {
        8.0 * row.coded as f64 / self.raw as f64
    }

    /// The cells of a row, in the order of [`HEADS`].
    fn cells(&self, row: &Row) -> [String; 11] {
        let (code, decode) = (median(&row.code), median(&row.decode));
        let speed = |seconds: f64| format!("{:.0}", self.raw as f64 / seconds.max(1e-9));
        [
            row.name.clone(),
            row.coded.to_string(),
            (row.coded + row.model_bytes).to_string(),
            format!("{:.4}", self.bits_per_byte(row)),
            format!("{code:.3}"),
            format!("{decode:.3}"),
            format!("{:.3}", spread(&row.code)),
            format!("{:.3}", spread(&row.decode)),
            speed(code),
            speed(decode),
            row.memory.into_iter().flatten().max().map_or(String::new(), |bytes| bytes.to_string()),
        ]
    }

    /// One object with an array of rows.
    pub(super) fn json(&self) -> Result<String> {
        let row = |row: &Row| {
            json!({
                "name": row.name,
                "coded_bytes": row.coded,
                "model_bytes": row.model_bytes,
                "bits_per_byte": self.bits_per_byte(row),
                "code_seconds": row.code,
                "decode_seconds": row.decode,
                "code_memory_bytes": row.memory[0],
                "decode_memory_bytes": row.memory[1],
            })
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let value = json!({ "raw_bytes": self.raw, "repeat": self.repeat, "rows": rows });
        let text =
            serde_json::to_string_pretty(&value).map_err(|error| Error::io("-", error.into()))?;
        Ok(text + "\n")
    }

    /// As RFC 4180 has it.
    pub(super) fn csv(&self) -> String {
        let line = |cells: &[String]| {
            let quoted = cells.iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) {
                true => format!("\"{}\"", cell.replace('"', "\"\"")),
                false => cell.clone(),
            });
            quoted.collect::<Vec<_>>().join(",") + "\r\n"
        };
        let rows = self.rows.iter().map(|row| line(&self.cells(row)));
        line(&HEADS.map(String::from)) + &rows.collect::<String>()
    }

    /// A table to read, which is Markdown, too.
    pub(super) fn text(&self) -> String {
        let heads = ["", "bytes", "with model", "bits/byte", "code s", "decode s", "memory MB"];
        let rows: Vec<[String; 7]> = self.rows.iter().map(|row| self.shown(row)).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([heads[column].len()]).max().unwrap_or(0)
        };
        let widths: [usize; 7] = std::array::from_fn(width);
        let line = |cells: &[String; 7]| {
            let cell = |(at, cell): (usize, &String)| match at {
                0 => format!("| {cell:<0$} ", widths[0]),
                _ => format!("| {cell:>0$} ", widths[at]),
            };
            cells.iter().enumerate().map(cell).collect::<String>() + "|\n"
        };
        let rule = |at: usize| match at {
            0 => "-".repeat(widths[0]),
            _ => "-".repeat(widths[at] - 1) + ":",
        };
        let spread = match self.repeat {
            1 => "single runs".into(),
            n => format!(
                "medians of {n} runs, ± half of what lies between the fastest and the slowest"
            ),
        };
        let body: String = rows.iter().map(line).collect();
        format!(
            "{}{}{body}\n{} bytes; {spread}; every output decoded and compared\n",
            line(&heads.map(String::from)),
            line(&std::array::from_fn(rule)),
            self.raw
        )
    }

    /// The cells of the table to read.
    pub(super) fn shown(&self, row: &Row) -> [String; 7] {
        let time = |times: &[f64]| match spread(times) {
            _ if times.len() < 2 => format!("{:.2}", median(times)),
            spread => format!("{:.2} ± {:.0} %", median(times), 50.0 * spread),
        };
        let memory = row.memory.into_iter().flatten().max();
        [
            row.name.clone(),
            row.coded.to_string(),
            (row.coded + row.model_bytes).to_string(),
            format!("{:.3}", self.bits_per_byte(row)),
            time(&row.code),
            time(&row.decode),
            memory.map_or("–".into(), |bytes| format!("{:.0}", bytes as f64 / 1e6)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |name: &str, coded| Row {
            name: name.into(),
            is_other: false,
            coded,
            model_bytes: 1000,
            code: vec![3.0, 1.0, 2.0],
            decode: vec![0.5; 3],
            memory: [Some(5_000_000), None],
        };
        Table { raw: 800, repeat: 3, rows: vec![row("a, \"b\"", 100), row("c", 50)] }
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), 1.0);
    }

    #[test]
    fn every_form_has_the_same_figures() {
        let table = table();
        let csv = table.csv();
        assert!(
            csv.contains(
                "\r\n\"a, \"\"b\"\"\",100,1100,1.0000,2.000,0.500,1.000,0.000,400,1600,5000000\r\n"
            ),
            "{csv}"
        );
        let text = table.text();
        assert!(
            text.contains("| c      |    50 |       1050 |     0.500 | 2.00 ± 50 % |"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&table.json().unwrap()).unwrap();
        assert_eq!(json["rows"][1]["coded_bytes"], 50);
        assert_eq!(json["raw_bytes"], 800);
    }
}
