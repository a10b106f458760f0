//! `[rooms]`: how many, how large, and who goes where.

use super::document::Value;
use super::section::{Section, Shape};

pub(crate) static ROOMS: Shape =
    Shape { name: "Rooms", keys: &["participants", "count", "size", "assign"], refused: &[] };
pub(crate) static CONST: Shape = Shape { name: "Size.const", keys: &["dist", "n"], refused: &[] };
pub(crate) static UNIFORM: Shape = Shape { name: "Size.uniform", keys: &["dist", "min", "max"], refused: &[] };
pub(crate) static ZIPF: Shape = Shape { name: "Size.zipf", keys: &["dist", "s", "min", "max"], refused: &[] };
pub(crate) static LIST: Shape = Shape { name: "Size.list", keys: &["dist", "sizes"], refused: &[] };

/// The most rooms or participants of a run.
pub(crate) const MOST: u64 = 1_000_000;

/// `[rooms]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Rooms {
    /// What `share` is a share of.
    pub participants: Option<u32>,
    /// How many rooms.
    pub count: u32,
    /// How many fit into each.
    pub size: Size,
    /// Who goes where.
    pub assign: Assign,
}

/// How many fit into each room.
#[derive(Clone, PartialEq, Debug)]
pub enum Size {
    /// As many as come, evenly.
    Even,
    /// Each the same.
    Constant(u32),
    /// Drawn for each room, both ends included.
    Uniform {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// By rank: room k is proportional to 1/k^s within the bounds, and all together hold exactly everybody.
    Zipf {
        /// The exponent.
        s: f64,
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Each as written.
    List(Vec<u32>),
}

/// Who goes where, population by population in the file's order; `per_room` people have their places first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Assign {
    /// The first room until it is full, then the next.
    Fill,
    /// Always the room with the most free places; the first of them.
    Spread,
    /// One room after the other, those that are full left out.
    RoundRobin,
}

/// Reads `[rooms]`; without it there is one room for everybody.
pub(crate) fn read(root: &Section<'_>) -> Rooms {
    let Some(rooms) = root.sub("rooms", &ROOMS, "write `[rooms]` with `count`") else {
        return Rooms { participants: None, count: 1, size: Size::Even, assign: Assign::Spread };
    };
    let size = read_size(&rooms);
    let count = rooms.integer("count", 1..=MOST).map(|count| count as u32);
    if let (Size::List(sizes), Some(count)) = (&size, count)
        && sizes.len() != count as usize
    {
        let message = format!("`count` is {count}, and {} sizes are listed", sizes.len());
        rooms.fail("count", message, "write as many sizes as rooms, or leave `count` out");
    }
    let listed = if let Size::List(sizes) = &size { sizes.len().max(1) as u32 } else { 1 };
    let words = [("fill", Assign::Fill), ("spread", Assign::Spread), ("round-robin", Assign::RoundRobin)];
    let assign = if rooms.has("assign") { rooms.choice("assign", &words, &[]) } else { None };
    if assign == Some(Assign::Fill) && size == Size::Even {
        rooms.fail(
            "assign",
            "`fill` needs a `size`: without one no room is ever full",
            "write `size`, or assign = \"spread\"",
        );
    }
    let default = if size == Size::Even { Assign::Spread } else { Assign::Fill };
    Rooms {
        participants: rooms.integer("participants", 1..=MOST).map(|n| n as u32),
        count: count.unwrap_or(listed),
        size,
        assign: assign.unwrap_or(default),
    }
}

const SIZE_HELP: &str = "write size = 20, a list, or a table, as in { dist = \"zipf\", s = 1.1, min = 2, max = 500 }";

fn read_size(rooms: &Section<'_>) -> Size {
    let Some(node) = rooms.node("size") else { return Size::Even };
    let size = match &node.value {
        Value::Integer(_) => rooms.integer("size", 1..=MOST).map(|n| Size::Constant(n as u32)),
        Value::Array(_) => list(rooms, "size"),
        Value::Text(text) => {
            let parsed = text.trim().parse().ok().filter(|n| (1..=MOST as u32).contains(n)).map(Size::Constant);
            if parsed.is_none() {
                rooms.fail("size", format!("`{text}` is not understood here"), SIZE_HELP);
            }
            parsed
        }
        Value::Table(table) => read_size_table(rooms, table),
        other => {
            rooms.fail("size", format!("`size` is {}", other.kind()), SIZE_HELP);
            None
        }
    };
    size.unwrap_or(Size::Even)
}

fn read_size_table(rooms: &Section<'_>, table: &super::document::Table) -> Option<Size> {
    let dist = match table.get("dist").map(|entry| &entry.node.value) {
        Some(Value::Text(dist)) => dist.as_str(),
        _ => "",
    };
    let shape = match dist {
        "uniform" => &UNIFORM,
        "zipf" => &ZIPF,
        "list" => &LIST,
        _ => &CONST,
    };
    let size = rooms.sub("size", shape, SIZE_HELP)?;
    size.missing("dist", "write dist = \"const\", \"uniform\", \"zipf\" or \"list\"");
    let later = [("lognormal", "room sizes of a lognormal law are not built yet")];
    size.choice("dist", &[("const", ()), ("uniform", ()), ("zipf", ()), ("list", ())], &later)?;
    let number = |key: &str| {
        size.missing(key, "write a number of people");
        size.integer(key, 1..=MOST).map(|n| n as u32)
    };
    match dist {
        "list" => {
            size.missing("sizes", "write sizes = [10, 20]");
            list(&size, "sizes")
        }
        "uniform" | "zipf" => {
            let (min, max) = (number("min"), number("max"));
            let (min, max) = (min?, max?);
            if min > max {
                size.fail("min", format!("`min` is {min} and `max` is {max}"), "write the smaller one as `min`");
                return None;
            }
            if dist == "uniform" {
                return Some(Size::Uniform { min, max });
            }
            size.missing("s", "write the exponent, as in s = 1.1");
            Some(Size::Zipf { s: size.within("s", 0.0..=10.0, "an exponent from 0 to 10")?, min, max })
        }
        _ => number("n").map(Size::Constant),
    }
}

fn list(section: &Section<'_>, key: &str) -> Option<Size> {
    let help = "write the size of each room, as in [10, 20, 20]";
    let mut sizes = Vec::new();
    for item in section.array(key, help)? {
        match item.value {
            Value::Integer(size) if (1..=MOST as i64).contains(&size) => sizes.push(size as u32),
            _ => section.errors.push(&item.origin, &section.key(key), "this is not a size of a room", help),
        }
    }
    if sizes.is_empty() {
        section.fail(key, "no size is listed", help);
        return None;
    }
    Some(Size::List(sizes))
}
