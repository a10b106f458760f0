//! `media.*.layers`: layers of a video, in streams of their own (simulcast) or in one (SVC).

use super::document::Value;
use super::section::{Section, Shape};
use crate::conference::Codec;
use crate::media::layers::{LayerPlan, MAX_LAYERS, usual_bitrates};
use crate::media::scalability::Scalability;
use crate::media::source::has_spatial_layers;
use crate::units::Bitrate;

pub(crate) static SIMULCAST: Shape =
    Shape { name: "Layers.simulcast", keys: &["mode", "rids", "temporal"], refused: &[] };
pub(crate) static SVC: Shape = Shape { name: "Layers.svc", keys: &["mode", "scalability"], refused: &[] };
static NEITHER: Shape = Shape { name: "", keys: &["mode", "rids", "temporal", "scalability"], refused: &[] };
pub(crate) static LAYER: Shape = Shape { name: "Layer", keys: &["rid", "scale", "bitrate"], refused: &[] };

const EXAMPLE: &str = "write layers = { mode = \"simulcast\", rids = [\"q\", \"h\", \"f\"] }";
const EACH: &str =
    "write each as \"q\" or as { rid = \"q\", scale = 4.0, bitrate = \"150kbps\" }, the smallest picture first";
/// The smallest side of a layer's picture, in pixels.
const SMALLEST_SIDE: u32 = 16;

/// What `layers` says.
#[derive(Debug)]
pub(crate) struct Layers {
    /// Of simulcast, the smallest picture first; empty for one stream.
    pub plans: Vec<LayerPlan>,
    /// The layers within a stream.
    pub scalability: Scalability,
}

/// One layer as it is written.
struct Written<'a> {
    rid: &'a str,
    scale: Option<f64>,
    bitrate: Option<Bitrate>,
}

/// Whether `layers` of a video asks for streams of their own.
pub(crate) fn is_simulcast(section: &Section<'_>) -> bool {
    section.node("layers").is_some_and(|node| mode(&node.value) == Some("simulcast"))
}

fn mode(value: &Value) -> Option<&str> {
    let Value::Table(table) = value else { return None };
    match &table.get("mode")?.node.value {
        Value::Text(mode) => Some(mode),
        _ => None,
    }
}

/// Reads `layers` of a video of this codec and size; `None` where there is none, or it cannot be read.
pub(crate) fn read(section: &Section<'_>, codec: Codec, size: (u32, u32)) -> Option<Layers> {
    let shape = match section.node("layers").map(|node| mode(&node.value)) {
        Some(Some("simulcast")) => &SIMULCAST,
        Some(Some("svc")) => &SVC,
        _ => &NEITHER,
    };
    let layers = section.sub("layers", shape, EXAMPLE)?;
    layers.missing("mode", EXAMPLE);
    match layers.choice("mode", &[("simulcast", true), ("svc", false)], &[])? {
        true => simulcast(&layers, codec, size),
        false => Some(Layers { plans: Vec::new(), scalability: scalability(&layers, codec)? }),
    }
}

/// The layers of the one stream, as far as the codec has them.
fn scalability(layers: &Section<'_>, codec: Codec) -> Option<Scalability> {
    let help = "write layers = { mode = \"svc\", scalability = \"L1T3\" }";
    layers.missing("scalability", help);
    let modes: Vec<String> = Scalability::all()
        .filter(|mode| mode.spatial == 1 || has_spatial_layers(codec))
        .map(|mode| mode.to_string())
        .collect();
    let name = layers.text("scalability", help)?;
    if modes.iter().any(|mode| mode == name) {
        return Scalability::from_name(name);
    }
    let message = match Scalability::from_name(name) {
        Some(_) => format!("{} has no spatial layers in one stream, so no `{name}`", codec.name()),
        None => format!("`{name}` is no scalability mode that throng knows"),
    };
    layers.fail("scalability", message, format!("write one of {}", modes.join(", ")));
    None
}

fn simulcast(layers: &Section<'_>, codec: Codec, (width, height): (u32, u32)) -> Option<Layers> {
    layers.missing("rids", "write rids = [\"q\", \"h\", \"f\"]");
    let temporal = if layers.has("temporal") { layers.integer("temporal", 1..=3)? as u8 } else { 1 };
    if temporal > 1 && codec == Codec::H264 {
        let message = format!("{} in simulcast is sent with one temporal layer, not {temporal}", codec.name());
        layers.fail("temporal", message, "take it out, or write codec = \"vp8\", \"vp9\" or \"av1\"");
        return None;
    }
    let nodes = layers.array("rids", EACH)?;
    if nodes.is_empty() || nodes.len() > MAX_LAYERS {
        let message = format!("a video has 1 to {MAX_LAYERS} simulcast layers, not {}", nodes.len());
        layers.fail("rids", message, "write as many, the smallest picture first: rids = [\"q\", \"h\", \"f\"]");
        return None;
    }
    let mut written: Vec<Written<'_>> = Vec::new();
    for node in nodes {
        let one = match &node.value {
            Value::Text(rid) => Written { rid, scale: None, bitrate: None },
            _ => {
                let one = layers.open_node(node, &LAYER, layers.key("rids"), EACH)?;
                one.missing("rid", "write the layer's name, as in rid = \"q\"");
                let scale = one.within("scale", 1.0..=64.0, "how much smaller the picture is a side, from 1 to 64");
                Written { rid: one.text("rid", EACH)?, scale, bitrate: one.bitrate("bitrate") }
            }
        };
        if !is_rid(one.rid) || written.iter().any(|before| before.rid == one.rid) {
            let message = format!("`{}` is no name for a layer, or another has it", one.rid);
            layers.fail("rids", message, "write letters and digits, at most 8, each name once: [\"q\", \"h\", \"f\"]");
            return None;
        }
        written.push(one);
    }
    let plans = plans(layers, &written, (width, height))?;
    Some(Layers { plans, scalability: Scalability { temporal, ..Scalability::NONE } })
}

/// The names that both header extension and servers take (RFC 8852 §3.3: letters and digits).
pub(crate) fn is_rid(rid: &str) -> bool {
    (1..=8).contains(&rid.len()) && rid.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn plans(layers: &Section<'_>, written: &[Written<'_>], (width, height): (u32, u32)) -> Option<Vec<LayerPlan>> {
    let mut plans: Vec<LayerPlan> = Vec::new();
    for (index, one) in written.iter().enumerate() {
        // Each picture has twice the sides of the one before it, the last the whole size.
        let scale = one.scale.unwrap_or_else(|| f64::from(1u32 << (written.len() - 1 - index)));
        let side = |side: u32| (f64::from(side) / scale) as u32 / 2 * 2;
        let (width, height) = (side(width), side(height));
        if width < SMALLEST_SIDE || height < SMALLEST_SIDE {
            let message = format!("the layer `{}` would have {width}x{height} pixels", one.rid);
            layers.fail("rids", message, "write a smaller `scale`, fewer layers, or a larger `size`");
            return None;
        }
        let (usual, least) = usual_bitrates(width, height);
        let bitrate = one.bitrate.unwrap_or(usual);
        plans.push(LayerPlan { rid: one.rid.to_owned(), width, height, bitrate, least: least.min(bitrate) });
    }
    let ascends = |pair: &[LayerPlan]| {
        pair[0].width * pair[0].height < pair[1].width * pair[1].height && pair[0].bitrate < pair[1].bitrate
    };
    if let Some(pair) = plans.windows(2).find(|pair| !ascends(pair)) {
        let words =
            |layer: &LayerPlan| format!("`{}` ({}x{}, {})", layer.rid, layer.width, layer.height, layer.bitrate);
        let message = format!("the layer {} is not smaller than {} after it", words(&pair[0]), words(&pair[1]));
        layers.fail("rids", message, "write them so that `scale` falls and `bitrate` rises from each to the next");
        return None;
    }
    Some(plans)
}
