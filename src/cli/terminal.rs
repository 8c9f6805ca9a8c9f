//! Names from archives and file systems on their way to a terminal.

use std::fmt::Write;

/// Makes text harmless to print: control characters (C0, DEL, C1), line and paragraph separators
/// and characters that change the direction of text become `\x1b` or `\u{202e}`.
///
/// Everything that llz prints about names passes through here; JSON output does not need to.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\x1f' | '\x7f' => write!(out, "\\x{:02x}", c as u32),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => write!(out, "\\u{{{:x}}}", c as u32),
            _ => out.write_char(c),
        }
        .expect("writing to a string does not fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn ordinary_text_is_untouched() {
        for text in ["", "src/main.rs", "Grüße/日本語/👋 \\ x.txt"] {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn whatever_steers_a_terminal_is_spelled_out() {
        assert_eq!(escape("a\x1b[31m\n\tb\x7f"), "a\\x1b[31m\\x0a\\x09b\\x7f");
        assert_eq!(escape("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(escape("\u{202e}gpj.exe\u{2066}\u{2028}"), "\\u{202e}gpj.exe\\u{2066}\\u{2028}");
    }
}
