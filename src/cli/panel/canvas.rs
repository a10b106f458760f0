//! A grid of cells to write on by column: what does not fit is cut, and what stands there already is never overwritten.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

/// One line of the panel.
pub(super) struct Row<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    y: u16,
    /// First column that is free from the left.
    free: u16,
    /// First column that is taken from the right.
    end: u16,
}

impl<'a> Row<'a> {
    /// Line `line` of `area`, at most `width` columns wide.
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect, line: u16, width: u16) -> Self {
        Self { buffer, area, y: area.y + line, free: 0, end: width.min(area.width) }
    }

    /// Columns that are free.
    pub(super) const fn room(&self) -> usize {
        self.end.saturating_sub(self.free) as usize
    }

    /// Writes spans from column `column` on, or from the first free one.
    pub(super) fn at<'t>(&mut self, column: u16, spans: impl IntoIterator<Item = Span<'t>>) -> &mut Self {
        self.free = self.free.max(column);
        for span in spans {
            let room = self.room();
            if room == 0 || self.y >= self.area.bottom() {
                break;
            }
            let (x, _) = self.buffer.set_stringn(self.area.x + self.free, self.y, span.content, room, span.style);
            self.free = x - self.area.x;
        }
        self
    }

    /// Writes one text.
    pub(super) fn put(&mut self, column: u16, text: impl AsRef<str>, style: Style) -> &mut Self {
        self.at(column, [Span::styled(text.as_ref(), style)])
    }

    /// Writes spans so that they end before column `end`; when they do not fit whole, from the first free column on.
    pub(super) fn until<'t>(&mut self, end: u16, spans: impl IntoIterator<Item = Span<'t>>) -> &mut Self {
        let spans: Vec<_> = spans.into_iter().collect();
        let width: usize = spans.iter().map(Span::width).sum();
        let start = end.min(self.end).saturating_sub(width as u16);
        self.at(start, spans)
    }

    /// Writes spans at the right edge, whole or not at all; what is written later stays left of them.
    pub(super) fn tail<'t>(&mut self, spans: impl IntoIterator<Item = Span<'t>>) -> &mut Self {
        let spans: Vec<_> = spans.into_iter().collect();
        let width: usize = spans.iter().map(Span::width).sum();
        if width > self.room() || self.y >= self.area.bottom() {
            return self;
        }
        self.end -= width as u16;
        let mut x = self.area.x + self.end;
        for span in spans {
            (x, _) = self.buffer.set_stringn(x, self.y, span.content, width, span.style);
        }
        self
    }
}
