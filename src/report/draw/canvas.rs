//! A drawing in px on plotters' SVG backend, and what it takes to make plotters' output fit for a page.
//!
//! The backend knows whole numbers only, so everything is drawn at four units a px. Its output is tidied: attributes
//! that say what is the default, font families and line breaks go, font sizes become whole. No font is ever asked.

use super::palette::{Role, with_variables};
use plotters::coord::Shift;
use plotters::prelude::{Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, Polygon, Rectangle, SVGBackend};
use plotters::prelude::{Text, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, ShapeStyle};
use std::fmt::Write;

/// Units of the drawing a px.
const UNITS: f64 = 4.0;

/// Where a text begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// At its left.
    Start,
    /// In its middle.
    Middle,
    /// At its right.
    End,
}

/// Size, weight and colour of a text.
#[derive(Clone, Copy, Debug)]
pub struct Face {
    /// px.
    pub size: f64,
    /// Heavy.
    pub bold: bool,
    /// Colour.
    pub role: Role,
}

impl Face {
    /// Quiet text of 12 px: ticks, units.
    pub const QUIET: Self = Self { size: 12.0, bold: false, role: Role::Ink2 };
    /// Text of 12 px.
    pub const PLAIN: Self = Self { size: 12.0, bold: false, role: Role::Ink };
    /// Heavy text of 12 px.
    pub const HEAVY: Self = Self { size: 12.0, bold: true, role: Role::Ink };

    /// The same in another colour.
    #[must_use]
    pub const fn in_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Width of `text` in it, px.
    #[must_use]
    pub fn width(&self, text: &str) -> f64 {
        super::advance::width(text, self.size, self.bold)
    }
}

/// A drawing under way.
pub struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    tips: String,
}

fn unit(px: f64) -> i32 {
    (px * UNITS).round() as i32
}

fn point((x, y): (f64, f64)) -> (i32, i32) {
    (unit(x), unit(y))
}

fn stroke(role: Role, width: f64) -> ShapeStyle {
    role.rgb().stroke_width(unit(width).max(1) as u32)
}

impl Canvas<'_> {
    /// A filled rectangle.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, role: Role) {
        if width > 0.0 && height > 0.0 {
            written(
                self.area.draw(&Rectangle::new([point((x, y)), point((x + width, y + height))], role.rgb().filled())),
            );
        }
    }

    /// A rectangle's outline, 1 px.
    pub fn outline(&mut self, x: f64, y: f64, width: f64, height: f64, role: Role) {
        let (right, bottom) = (x + width, y + height);
        self.path(&[(x, y), (right, y), (right, bottom), (x, bottom), (x, y)], 1.0, role);
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, role: Role) {
        self.path(&[from, to], width, role);
    }

    /// A line through points; nothing below two.
    pub fn path(&mut self, points: &[(f64, f64)], width: f64, role: Role) {
        let mut path: Vec<_> = points.iter().map(|&p| point(p)).collect();
        path.dedup();
        if path.len() > 1 {
            written(self.area.draw(&PathElement::new(path, stroke(role, width))));
        }
    }

    /// A filled area.
    pub fn area(&mut self, points: &[(f64, f64)], role: Role) {
        let mut path: Vec<_> = points.iter().map(|&p| point(p)).collect();
        path.dedup();
        if path.len() > 2 {
            written(self.area.draw(&Polygon::new(path, role.rgb().filled())));
        }
    }

    /// A filled dot.
    pub fn dot(&mut self, x: f64, y: f64, radius: f64, role: Role) {
        written(self.area.draw(&Circle::new(point((x, y)), unit(radius), role.rgb().filled())));
    }

    /// A text, vertically centred on `y`.
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, text: &str, face: Face) {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // plotters divides the size by 1.24 as it writes it.
        let font = ("sans-serif", face.size * UNITS * 1.24).into_font();
        let font = if face.bold { font.style(FontStyle::Bold) } else { font };
        let colour = face.role.rgb();
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(h_pos, VPos::Center));
        written(self.area.draw(&Text::new(text.to_owned(), point((x, y)), style)));
    }

    /// A transparent rectangle that shows `tip` when pointed at.
    pub fn tip(&mut self, x: f64, y: f64, width: f64, height: f64, tip: &str) {
        let ((left, top), (right, bottom)) = (point((x, y)), point((x + width, y + height)));
        let (width, height, tip) = (right - left, bottom - top, escape(tip));
        let _ = write!(
            self.tips,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"transparent\"><title>{tip}</title></rect>"
        );
    }
}

fn written<E: std::fmt::Debug>(result: Result<(), E>) {
    result.expect("a String takes every write");
}

/// A finished drawing.
#[derive(Clone, Debug)]
pub struct Drawing {
    width: i32,
    height: i32,
    body: String,
    tips: String,
}

/// Draws `width` × `height` px.
pub fn draw(width: f64, height: f64, paint: impl FnOnce(&mut Canvas)) -> Drawing {
    let (width, height) = (unit(width), unit(height));
    let mut text = String::new();
    let tips = {
        let backend = SVGBackend::with_string(&mut text, (width as u32, height as u32));
        let mut canvas = Canvas { area: backend.into_drawing_area(), tips: String::new() };
        paint(&mut canvas);
        written(canvas.area.present());
        canvas.tips
    };
    Drawing { width, height, body: tidy(&text), tips }
}

impl Drawing {
    /// For a page: colours are CSS variables, `label` says what is shown, `caption` is the id of the element that
    /// explains it.
    #[must_use]
    pub fn inline(&self, class: &str, label: &str, caption: &str) -> String {
        let (width, height, label) = (self.width, self.height, escape(label));
        let described = if caption.is_empty() { String::new() } else { format!(" aria-describedby=\"{caption}\"") };
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"xMinYMin meet\" role=\"img\" aria-label=\"{label}\"{described}>{}{}</svg>",
            with_variables(&self.body),
            self.tips
        )
    }

    /// A file of its own, in the light colours.
    #[must_use]
    pub fn stand_alone(&self, title: &str, description: &str) -> String {
        let (width, height) = (self.width, self.height);
        let (title, description) = (escape(title), escape(description));
        let paper = Role::Paper.tone().light;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\
             <title>{title}</title><desc>{description}</desc><style>{}</style>\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#{paper}\"/>{}{}</svg>\n",
            f64::from(width) / UNITS,
            f64::from(height) / UNITS,
            svg_css(|role| format!("\"#{}\"", role.tone().light), &format!("#{paper}")),
            self.body,
            self.tips
        )
    }
}

/// The rules that a drawing needs besides its attributes: halos of texts, dashes, joins.
fn svg_css(value: impl Fn(Role) -> String, paper: &str) -> String {
    let mut css = format!(
        "text{{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",Arial,sans-serif;font-variant-numeric:tabular-nums lining-nums;\
         paint-order:stroke;stroke:{paper};stroke-width:12px;stroke-linejoin:round}}polyline{{stroke-linejoin:round;stroke-linecap:round}}"
    );
    css.push_str(&dash_css(&value));
    for role in [Role::OnDark, Role::OnLight, Role::Letter] {
        let _ = write!(css, "text[fill={}]{{stroke:none}}", value(role));
    }
    css
}

fn dash_css(value: &impl Fn(Role) -> String) -> String {
    let mut css = String::new();
    for (role, dash) in [(Role::Limit, "12 10"), (Role::Planned, "16 10"), (Role::Unsure, "12 8")] {
        let _ = write!(css, "polyline[stroke={}]{{stroke-dasharray:{dash};stroke-linecap:butt}}", value(role));
    }
    for n in 0..5 {
        let _ = write!(css, "polyline[stroke={}]{{stroke-dasharray:1 13}}", value(Role::Thin(n)));
    }
    css
}

/// The same rules for drawings in a page.
#[must_use]
pub fn page_css() -> String {
    let css = svg_css(|role| format!("\"var(--{})\"", role.tone().name), "var(--paper)");
    // The page's own font, wherever the reader has set it.
    let css = css.replacen(
        "font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",Arial,sans-serif",
        "font-family:inherit",
        1,
    );
    css.replace("text{", "svg text{").replace("text[", "svg text[").replace("polyline", "svg polyline")
}

/// Escapes for XML text and attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_forbidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Whether XML 1.0 cannot hold the character.
#[must_use]
pub fn is_forbidden(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// What lies inside the root of plotters' output, without what is the default anyway.
fn tidy(svg: &str) -> String {
    let from = svg.find('>').map_or(0, |i| i + 1);
    let to = svg.rfind("</svg>").unwrap_or(svg.len());
    let flat = svg[from..to].replace('\n', "");
    let mut out = String::with_capacity(flat.len());
    let mut rest = flat.as_str();
    while let Some(at) = rest.find("font-size=\"") {
        let (head, tail) = rest.split_at(at + 11);
        let end = tail.find('"').unwrap_or(0);
        out.push_str(head);
        let _ = write!(out, "{}", tail[..end].parse::<f64>().unwrap_or(0.0).round());
        rest = &tail[end..];
    }
    out.push_str(rest);
    for default in [" opacity=\"1\"", " font-family=\"sans-serif\"", " stroke=\"none\""] {
        out = out.replace(default, "");
    }
    out.replace(" stroke-width=\"1\"/>", "/>").replace(" \"/>", "\"/>")
}
