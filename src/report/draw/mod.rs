//! Drawing: colours with a role, widths of texts, scales, and a canvas on plotters' SVG backend.

pub mod advance;
pub mod canvas;
pub mod palette;
pub mod scale;

pub use canvas::{Anchor, Canvas, Drawing, Face, draw};
pub use palette::Role;
pub use scale::Scale;
