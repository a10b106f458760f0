//! Plain tables for people: columns as wide as their widest cell, the last one wrapped to the terminal.

use std::io::IsTerminal;

/// Columns that a terminal has, or a width that reads well.
pub(crate) fn width() -> usize {
    let terminal = std::io::stdout().is_terminal().then(crossterm::terminal::size).and_then(Result::ok);
    terminal.map_or(120, |(columns, _)| usize::from(columns).max(60))
}

/// Renders rows under a header.
pub(crate) fn render<const N: usize>(header: [&str; N], rows: &[[String; N]], width: usize) -> String {
    let cell = |text: &str| text.chars().count();
    let mut widths = header.map(cell);
    for row in rows {
        for (column, text) in row.iter().enumerate() {
            widths[column] = widths[column].max(cell(text));
        }
    }
    let before: usize = widths[..N - 1].iter().map(|width| width + 2).sum();
    let room = width.saturating_sub(before).max(24);
    let mut out = String::new();
    let mut line = |cells: &[String; N]| {
        for (i, part) in wrap(&cells[N - 1], room).iter().enumerate() {
            for column in 0..N - 1 {
                let text = if i == 0 { cells[column].as_str() } else { "" };
                out.push_str(&format!("{text:<width$}  ", width = widths[column]));
            }
            out.push_str(part);
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
    };
    line(&header.map(str::to_owned));
    rows.iter().for_each(&mut line);
    out
}

fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn columns_align_and_the_last_one_wraps() {
        let rows = [["a".to_owned(), "one two three four five six seven eight".to_owned()]];
        let text = render(["name", "meaning"], &rows, 30);
        assert_eq!(text, "name  meaning\na     one two three four five\n      six seven eight\n");
    }
}
