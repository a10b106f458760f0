//! `subscribe`: which of the others' tracks a participant asks for.

use super::document::Value;
use super::rooms::MOST;
use super::section::{Section, Shape};
use crate::conference::MediaKind;
use crate::conference::protocol::LayerChoice;
use crate::dist::Dist;
use crate::media::scalability::MOST as MOST_LAYERS;
use std::time::Duration;

pub(crate) static SUBSCRIBE: Shape =
    Shape { name: "Subscribe", keys: &["audio", "video", "data", "layer"], refused: &[] };

/// What a participant asks for, by kind.
#[derive(Clone, PartialEq, Debug)]
pub struct Subscribe {
    /// Other participants' audio.
    pub audio: Selection,
    /// Other participants' video.
    pub video: Selection,
    /// In which layer.
    pub layer: LayerWish,
    /// Other participants' messages; never a choice by who speaks.
    pub data: Selection,
}

impl Subscribe {
    /// Whether it takes the messages of the participant of this name.
    #[must_use]
    pub fn takes_messages_of(&self, participant: &str) -> bool {
        self.data == Selection::All || self.data.pins(participant)
    }

    /// The selection for one kind.
    #[must_use]
    pub const fn of(&self, kind: MediaKind) -> &Selection {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }
}

/// In which layer a participant wants what it receives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum LayerWish {
    /// In this one.
    Always(LayerChoice),
    /// In the lowest, the middle or the highest, drawn anew after each such time.
    Random(Dist),
}

impl LayerWish {
    /// The text form.
    ///
    /// # Errors
    /// What is wrong with it; a sentence without an end.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(("random", law)) = call(text.trim()) {
            let law = Dist::parse(law)?;
            if law.mean() < Duration::from_secs(1) {
                return Err("nobody takes another layer more than once a second; at least \"1s\" on average".to_owned());
            }
            return Ok(Self::Random(law));
        }
        layer_choice(text).map(Self::Always)
    }
}

/// One choice of a layer.
///
/// # Errors
/// What is wrong with it; a sentence without an end.
pub(crate) fn layer_choice(text: &str) -> Result<LayerChoice, String> {
    let text = text.trim();
    match (text, call(text)) {
        ("auto", _) => Ok(LayerChoice::Auto),
        ("low", _) => Ok(LayerChoice::Low),
        ("mid", _) => Ok(LayerChoice::Mid),
        ("high", _) => Ok(LayerChoice::High),
        (_, Some(("svc", layers))) => svc(layers).ok_or_else(|| {
            format!("`{text}` names no spatial layer and temporal layer, two numbers from 0 to 2, 0 the lowest")
        }),
        _ => Err(format!("`{text}` is no choice of a layer")),
    }
}

fn svc(layers: &str) -> Option<LayerChoice> {
    let (spatial, temporal) = layers.split_once(',')?;
    let layer = |text: &str| text.trim().parse::<u8>().ok().filter(|layer| *layer < MOST_LAYERS);
    Some(LayerChoice::Svc { spatial: layer(spatial)?, temporal: layer(temporal)? })
}

/// Whose tracks of a kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Selection {
    /// Everybody's.
    All,
    /// Nobody's.
    None,
    /// Those of so many who spoke last; while fewer have, also of those who have been there longest.
    LastN(u32),
    /// Those of so many who spoke last.
    Active(u32),
    /// Those of so many at a time, in the order in which they came, page after page.
    Page {
        /// People on a page.
        size: u32,
        /// How long until the next page.
        flip: Dist,
    },
    /// Those of this participant, or of everybody of the population with this name.
    Pinned {
        /// The name.
        name: String,
        /// Besides, those of so many who spoke last.
        active: u32,
    },
}

impl Selection {
    /// The text form.
    ///
    /// # Errors
    /// What is wrong with it; a sentence without an end.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (head, more) = text.split_once('+').map_or((text, None), |(head, more)| (head.trim(), Some(more.trim())));
        let one = match (head, call(head)) {
            ("all", _) => Self::All,
            ("none", _) => Self::None,
            (_, Some(("last-n", n))) => Self::LastN(people(n)?),
            (_, Some(("active", n))) => Self::Active(people(n)?),
            (_, Some(("page", arguments))) => page(arguments)?,
            (_, Some(("pinned", name))) if !name.is_empty() => Self::Pinned { name: name.to_owned(), active: 0 },
            _ => return Err(format!("`{text}` is not a selection")),
        };
        match (one, more) {
            (one, None) => Ok(one),
            (Self::Pinned { name, .. }, Some(more)) => match call(more) {
                Some(("active", n)) => Ok(Self::Pinned { name, active: people(n)? }),
                _ => Err(format!("`{more}` cannot be added to `{head}`")),
            },
            (_, Some(more)) => Err(format!("`{more}` cannot be added to `{head}`")),
        }
    }

    /// Whether it pins the participant of this name.
    #[must_use]
    pub fn pins(&self, participant: &str) -> bool {
        let Self::Pinned { name, .. } = self else { return false };
        let number = participant.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('-'));
        participant == name || number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Of how many of `others`, `pinned` of whom are pinned, it takes the tracks at once, with all of them there and all of
    /// them having spoken.
    #[must_use]
    pub fn people(&self, others: u32, pinned: u32) -> u32 {
        match self {
            Self::All => others,
            Self::None => 0,
            Self::LastN(n) | Self::Active(n) | Self::Page { size: n, .. } => others.min(*n),
            Self::Pinned { active, .. } => others.min(pinned.saturating_add(*active)),
        }
    }
}

/// `name(arguments)`.
fn call(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('(')?;
    Some((name.trim(), rest.trim().strip_suffix(')')?.trim()))
}

fn people(text: &str) -> Result<u32, String> {
    let n = text.parse::<u32>().ok().filter(|n| (1..=MOST as u32).contains(n));
    n.ok_or_else(|| format!("`{text}` is no number of people from 1 to {MOST}"))
}

fn page(arguments: &str) -> Result<Selection, String> {
    let expected = || format!("`page({arguments})` lacks its `size` or `flip`");
    let (size, flip) = arguments.split_once(',').ok_or_else(expected)?;
    let size = people(size.trim().strip_prefix("size=").ok_or_else(expected)?)?;
    let flip = Dist::parse(flip.trim().strip_prefix("flip=").ok_or_else(expected)?)?;
    if flip.mean() < Duration::from_millis(100) {
        return Err("pages flip faster than anybody could look at them; at least \"100ms\" on average".to_owned());
    }
    Ok(Selection::Page { size, flip })
}

const SELECTION_HELP: &str =
    "write \"all\", \"none\", \"last-n(9)\", \"active(3)\", \"page(size=9, flip=exp(30s))\" or \"pinned(NAME)\"";

/// Reads `subscribe`.
pub(crate) fn read(section: &Section<'_>) -> Subscribe {
    let layer = LayerWish::Always(LayerChoice::Auto);
    let all = Subscribe { audio: Selection::All, video: Selection::All, data: Selection::All, layer };
    let Some(node) = section.node("subscribe") else { return all };
    if let Value::Text(_) = node.value {
        let selection = selection(section, "subscribe").unwrap_or(Selection::All);
        let data = if matches!(selection, Selection::None | Selection::Pinned { .. }) {
            selection.clone()
        } else {
            Selection::All
        };
        return Subscribe { audio: selection.clone(), video: selection, data, layer };
    }
    let help = "write subscribe = \"all\", or { audio = \"all\", video = \"none\" }";
    let Some(table) = section.sub("subscribe", &SUBSCRIBE, help) else { return all };
    let of = |kind: &str| {
        table.missing(kind, SELECTION_HELP);
        selection(&table, kind).unwrap_or(Selection::All)
    };
    Subscribe { audio: of("audio"), video: of("video"), data: read_data(&table), layer: wish(&table) }
}

/// Messages have no tiles and no loudness: they are everybody's, nobody's, or of those who are named.
fn read_data(table: &Section<'_>) -> Selection {
    let data = table.has("data").then(|| selection(table, "data")).flatten().unwrap_or(Selection::All);
    match data {
        Selection::All | Selection::None | Selection::Pinned { active: 0, .. } => data,
        Selection::LastN(_) | Selection::Active(_) | Selection::Page { .. } | Selection::Pinned { .. } => {
            let message = "who speaks, and which page is shown, says nothing of messages";
            table.fail("data", message, "write \"all\", \"none\" or \"pinned(NAME)\"");
            Selection::All
        }
    }
}

pub(crate) const LAYER_HELP: &str =
    "write \"auto\", \"low\", \"mid\", \"high\", \"svc(1,2)\" (spatial and temporal layer) or \"random(exp(20s))\"";

/// The same where one layer is chosen.
pub(crate) const ONE_LAYER_HELP: &str =
    "write \"auto\", \"low\", \"mid\", \"high\" or \"svc(1,2)\" (spatial and temporal layer)";

fn wish(table: &Section<'_>) -> LayerWish {
    let always = LayerWish::Always(LayerChoice::Auto);
    let Some(text) = table.text("layer", LAYER_HELP) else { return always };
    LayerWish::parse(text).unwrap_or_else(|sentence| {
        table.fail("layer", sentence, LAYER_HELP);
        always
    })
}

fn selection(section: &Section<'_>, key: &str) -> Option<Selection> {
    let text = section.text(key, SELECTION_HELP)?;
    match Selection::parse(text) {
        Ok(selection) => Some(selection),
        Err(sentence) => {
            section.fail(key, sentence, SELECTION_HELP);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_for_layers_are_read_as_they_are_written() {
        let svc = |spatial, temporal| Ok(LayerWish::Always(LayerChoice::Svc { spatial, temporal }));
        assert_eq!(LayerWish::parse("svc(1,2)"), svc(1, 2));
        assert_eq!(LayerWish::parse(" svc( 0 , 0 ) "), svc(0, 0));
        assert_eq!(LayerWish::parse("mid"), Ok(LayerWish::Always(LayerChoice::Mid)));
        assert_eq!(LayerWish::parse("random(exp(20s))"), Ok(LayerWish::Random(Dist::parse("exp(20s)").unwrap())));
        for wrong in [
            "",
            "svc",
            "svc(1)",
            "svc(3,0)",
            "svc(0,3)",
            "svc(1,2,3)",
            "svc(-1,0)",
            "random",
            "random()",
            "random(10ms)",
        ] {
            assert!(LayerWish::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn selections_are_read_as_they_are_written() {
        let flip = Dist::parse("exp(30s)").unwrap();
        let pinned = |name: &str, active| Selection::Pinned { name: name.to_owned(), active };
        for (text, expected) in [
            ("all", Selection::All),
            (" none ", Selection::None),
            ("last-n(9)", Selection::LastN(9)),
            ("active( 3 )", Selection::Active(3)),
            ("page(size=9, flip=exp(30s))", Selection::Page { size: 9, flip }),
            (
                "page(size=1,flip=uniform(1s, 3s))",
                Selection::Page { size: 1, flip: Dist::parse("uniform(1s, 3s)").unwrap() },
            ),
            ("pinned(host-1)", pinned("host-1", 0)),
            ("pinned(host) + active(2)", pinned("host", 2)),
        ] {
            assert_eq!(Selection::parse(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "everybody",
            "last-n",
            "last-n()",
            "last-n(0)",
            "active(-1)",
            "active(2",
            "page(9)",
            "page(size=9)",
            "page(size=9, flip=soon)",
            "page(size=9, flip=1ms)",
            "pinned()",
            "all + active(2)",
            "pinned(a) + last-n(2)",
            "active(1) + active(2)",
        ] {
            assert!(Selection::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_pins_one_and_a_populations_name_all_of_it() {
        let pinned = |name: &str| Selection::Pinned { name: name.to_owned(), active: 0 };
        assert!(pinned("host-1").pins("host-1") && !pinned("host-1").pins("host-12"));
        assert!(pinned("host").pins("host-12") && !pinned("host").pins("hosts-1") && !pinned("host").pins("host-a-1"));
        assert!(!Selection::All.pins("host-1"));
    }
}
