//! The colours, each with one role.
//!
//! Plots are drawn with the light colour of a role, which no other role shares: that is what a stand-alone SVG file
//! shows. In the page the same SVG is inlined with every such colour replaced by the role's CSS variable, so one
//! drawing serves light and dark. Contrast (4.5:1 for text) and distance under colour blindness were checked.

use plotters::style::RGBColor;

/// What a colour stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Background.
    Paper,
    /// Text.
    Ink,
    /// Quiet text.
    Ink2,
    /// Axis lines.
    Rule,
    /// Grid lines and empty bars.
    Grid,
    /// Warm-up and cool-down.
    Ramp,
    /// Time of a fault.
    Fault,
    /// First series.
    S1,
    /// Second series.
    S2,
    /// Third series.
    S3,
    /// Fourth series.
    S4,
    /// Band from p95 to p99.
    Band99,
    /// Band from p50 to p95.
    Band95,
    /// Beyond a limit, failed, frozen.
    Bad,
    /// Could not be judged.
    Unsure,
    /// What was used of a limit that held.
    Held,
    /// A limit's line, dashed by CSS where it runs along an axis.
    Limit,
    /// What was planned, dashed by CSS.
    Planned,
    /// A line whose sample is too small, dotted by CSS: all, then the series.
    Thin(u8),
    /// A phase of joining, 0 = dispatch.
    Phase(u8),
    /// Heat, 0 = least.
    Heat(u8),
    /// Text on dark fills.
    OnDark,
    /// Text on light fills.
    OnLight,
    /// Letters on the marks of faults.
    Letter,
    /// Time of the recovery from a fault.
    Recovery,
}

/// One colour of the palette: CSS variable, light, dark.
pub struct Tone {
    /// Name of the CSS variable.
    pub name: &'static str,
    /// Light colour, `RRGGBB`.
    pub light: &'static str,
    /// Dark colour, `RRGGBB`.
    pub dark: &'static str,
}

const fn tone(name: &'static str, light: &'static str, dark: &'static str) -> Tone {
    Tone { name, light, dark }
}

const FIXED: usize = 22;
const THIN: usize = 5;
const PHASES: usize = 7;

/// Every colour, in the order of [`Role`]; the last three are used by CSS alone.
pub const TONES: &[Tone] = &[
    tone("paper", "FCFCFB", "14171A"),
    tone("ink", "1B1F24", "E7E9EB"),
    tone("ink2", "555D66", "A6ADB5"),
    tone("rule", "C9CED3", "434A51"),
    tone("grid", "E5E8EA", "282D32"),
    tone("ramp", "EEF0F1", "202529"),
    tone("fault", "F8E9D2", "3A2E1C"),
    tone("s1", "1670BC", "4BA8EC"),
    tone("s2", "A8620C", "F2AC55"),
    tone("s3", "0B5A48", "A9E3CC"),
    tone("s4", "7A2C6C", "D673AC"),
    tone("b99", "D3E4F2", "1B3346"),
    tone("b95", "9FC3E1", "2B5A80"),
    tone("bad", "A31D0A", "FF7059"),
    tone("unsure", "976B00", "F4D35E"),
    tone("held", "5A6470", "A3ACB6"),
    tone("limit", "1B1F25", "E7E9EA"),
    tone("planned", "5A6471", "A3ACB7"),
    tone("on-dark", "FDFDFC", "FDFDFC"),
    tone("on-light", "1A1E23", "14171C"),
    tone("letter", "FCFCFA", "14171B"),
    tone("recovery", "FCF4E7", "28231B"),
    tone("t0", "1B1F26", "E7E9EC"),
    tone("t1", "1670BD", "4BA8ED"),
    tone("t2", "A8620D", "F2AC56"),
    tone("t3", "0B5A49", "A9E3CD"),
    tone("t4", "7A2C6D", "D673AD"),
    tone("p0", "8B939C", "7F8892"),
    tone("p1", "124A7C", "3A78B5"),
    tone("p2", "4A91C9", "6FB0E4"),
    tone("p3", "A6CBE8", "BEDDF5"),
    tone("p4", "F2D79B", "F6E2B5"),
    tone("p5", "D99B2B", "E0AB49"),
    tone("p6", "8F5A00", "986413"),
    tone("h0", "E1ECF5", "17293A"),
    tone("h1", "BAD5EA", "1C4060"),
    tone("h2", "85B5D9", "235F8E"),
    tone("h3", "4A8EC2", "3A87C0"),
    tone("h4", "22689E", "7AB8E4"),
    tone("h5", "0D4273", "CFE7F8"),
    tone("wash", "F2F3F3", "1D2125"),
    tone("ok", "1F7A66", "56D6B4"),
    tone("void", "5D4490", "B48BE0"),
];

impl Role {
    const fn index(self) -> usize {
        match self {
            Self::Paper => 0,
            Self::Ink => 1,
            Self::Ink2 => 2,
            Self::Rule => 3,
            Self::Grid => 4,
            Self::Ramp => 5,
            Self::Fault => 6,
            Self::S1 => 7,
            Self::S2 => 8,
            Self::S3 => 9,
            Self::S4 => 10,
            Self::Band99 => 11,
            Self::Band95 => 12,
            Self::Bad => 13,
            Self::Unsure => 14,
            Self::Held => 15,
            Self::Limit => 16,
            Self::Planned => 17,
            Self::OnDark => 18,
            Self::OnLight => 19,
            Self::Letter => 20,
            Self::Recovery => 21,
            Self::Thin(n) => FIXED + n as usize,
            Self::Phase(n) => FIXED + THIN + n as usize,
            Self::Heat(n) => FIXED + THIN + PHASES + n as usize,
        }
    }

    /// The role of the series `n` of a plot: ink for all, then s1 to s4.
    #[must_use]
    pub const fn series(n: usize) -> Self {
        [Self::Ink, Self::S1, Self::S2, Self::S3, Self::S4][n]
    }

    /// Its colour on paper.
    #[must_use]
    pub const fn tone(self) -> &'static Tone {
        &TONES[self.index()]
    }

    /// Its light colour for plotters.
    #[must_use]
    pub fn rgb(self) -> RGBColor {
        let channel = |at: usize| u8::from_str_radix(&self.tone().light[at..at + 2], 16).expect("tones are hex");
        RGBColor(channel(0), channel(2), channel(4))
    }
}

/// The custom properties of both schemes; dark holds on screens alone.
#[must_use]
pub fn css() -> String {
    let list = |pick: fn(&Tone) -> &'static str| -> String {
        TONES.iter().map(|t| format!("--{}:#{};", t.name, pick(t))).collect()
    };
    format!(
        ":root{{color-scheme:light dark;{}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}\n",
        list(|t| t.light),
        list(|t| t.dark)
    )
}

/// Replaces the exact colours of attributes by variables: `fill="#1B1F24"` becomes `fill="var(--ink)"`.
#[must_use]
pub fn with_variables(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(at) = rest.find("=\"#") {
        let (head, tail) = rest.split_at(at + 2);
        out.push_str(head);
        match tail.get(1..7).and_then(|hex| TONES.iter().find(|t| t.light == hex)) {
            Some(tone) => {
                out.push_str("var(--");
                out.push_str(tone.name);
                out.push(')');
                rest = &tail[7..];
            }
            None => rest = tail,
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_roles_share_a_light_colour() {
        let colours: BTreeSet<_> = TONES.iter().map(|t| t.light).collect();
        assert_eq!(colours.len(), TONES.len());
    }

    #[test]
    fn roles_point_at_their_tones() {
        assert_eq!(Role::Letter.tone().name, "letter");
        assert_eq!(Role::Recovery.tone().name, "recovery");
        assert_eq!(Role::Thin(4).tone().name, "t4");
        assert_eq!(Role::Phase(6).tone().name, "p6");
        assert_eq!(Role::Heat(5).tone().name, "h5");
    }

    #[test]
    fn colours_of_attributes_become_variables_and_text_stays() {
        let svg = "<rect fill=\"#1670BC\"/><text>&quot;#1670BC</text>";
        assert_eq!(with_variables(svg), "<rect fill=\"var(--s1)\"/><text>&quot;#1670BC</text>");
    }
}
