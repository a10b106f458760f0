//! The JSON Schema of the scenario file, for editors: mirrors of every table, with meanings and defaults.
//!
//! Nothing is read through these types; the reader works on the document itself, to keep line and key in every error.
//! A test compares the keys of both, so neither can have one that the other lacks.

mod fault;
mod network;
mod people;
mod run;

use schemars::JsonSchema;
use std::collections::BTreeMap;

/// A throng scenario, version 1: who comes into which rooms of an SFU, what they send, which networks they live
/// behind, and what is expected of what they get.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Scenario {
    /// The version of the format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u8,
    /// Its name, part of room names and of the output directory: letters, digits, `-` and `_`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"))]
    pub name: String,
    /// The seed that everything random comes from.
    #[schemars(extend("default" = 1))]
    pub seed: Option<u64>,
    /// Phases and limits.
    pub run: run::Run,
    /// What is tested; without it the run starts the reference SFU.
    pub target: Option<run::Target>,
    /// What publishers send, by name.
    pub media: Option<BTreeMap<String, run::Media>>,
    /// Emulated networks, by name.
    pub network: Option<BTreeMap<String, network::Network>>,
    /// Rooms; without it there is one for everybody.
    pub rooms: Option<people::Rooms>,
    /// Who comes.
    #[schemars(length(min = 1))]
    pub population: Vec<people::Population>,
    /// What goes wrong on purpose.
    pub fault: Option<Vec<fault::Fault>>,
    /// What is expected; without any, a valid run passes.
    pub threshold: Option<Vec<run::Threshold>>,
    /// What is written, and where.
    pub output: Option<run::Output>,
}

/// One or several.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

/// The schema, as JSON.
#[must_use]
pub fn document() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<Scenario>().to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: a key that may be left out is left out.
fn without_null(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(serde_json::Value::Array(options)) = map.get_mut("anyOf") {
                options.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
            }
            map.values_mut().for_each(without_null);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::scenario::{
        action, arrivals, fault, layers, media, network, path, population, rooms, run, section::Shape, subscribe,
        target, threshold,
    };
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    fn shapes() -> Vec<&'static Shape> {
        let mut shapes = path::shapes();
        shapes.extend([
            &crate::scenario::ROOT,
            &run::RUN,
            &run::OUTPUT,
            &target::TARGET,
            &target::AUTH,
            &target::SERVICE,
            &target::QUIRKS,
            &target::ICE,
            &target::PROCESS,
            &target::READY,
            &media::AUDIO,
            &media::VIDEO,
            &media::FILE,
            &media::clip::LAYERS,
            &media::DATA,
            &media::TALK,
            &media::FRAME_MODEL,
            &layers::SIMULCAST,
            &layers::SVC,
            &layers::LAYER,
            &network::NETWORK,
            &network::STEP,
            &rooms::ROOMS,
            &rooms::CONST,
            &rooms::UNIFORM,
            &rooms::ZIPF,
            &rooms::LIST,
            &population::POPULATION,
            &subscribe::SUBSCRIBE,
            &population::SPEAKER,
            &action::ACTION,
            &population::USE,
            &population::SESSION,
            &population::REJOIN,
            &population::TIMEOUTS,
            &population::RECONNECT,
            &fault::FAULT,
            &fault::SELECT,
            &fault::EXPECT,
            &arrivals::START,
            &arrivals::ARRIVALS,
            &arrivals::STAGE,
            &arrivals::POINT,
            &threshold::THRESHOLD,
            &threshold::ABORT,
        ]);
        shapes
    }

    /// The definition called `name`, or the alternative `Name.tag`.
    fn find<'a>(schema: &'a Value, name: &str) -> &'a Value {
        if name == "Scenario" {
            return schema;
        }
        let (definition, tag) = name.split_once('.').map_or((name, None), |(name, tag)| (name, Some(tag)));
        let definition = &schema["$defs"][definition];
        assert!(definition.is_object(), "the schema has no {name}");
        let Some(tag) = tag else { return definition };
        if definition["properties"].is_object() {
            return definition;
        }
        let options = definition["oneOf"].as_array().or(definition["anyOf"].as_array()).expect("alternatives");
        options
            .iter()
            .find(|option| {
                let properties = option["properties"].as_object();
                properties.is_some_and(|p| p.values().any(|value| value["const"] == tag))
            })
            .unwrap_or_else(|| panic!("the schema has no {name}"))
    }

    #[test]
    fn the_reader_and_the_schema_know_the_same_keys() {
        let schema = document();
        for shape in shapes() {
            let definition = find(&schema, shape.name);
            let known: BTreeSet<&str> = shape.keys.iter().copied().collect();
            let published: BTreeSet<&str> =
                definition["properties"].as_object().expect("properties").keys().map(String::as_str).collect();
            assert_eq!(known, published, "{}", shape.name);
            assert_eq!(definition["additionalProperties"], false, "{}", shape.name);
        }
    }

    #[test]
    fn the_reader_has_a_shape_for_every_table_of_the_schema() {
        let schema = document();
        let names: BTreeSet<&str> = shapes().iter().map(|shape| shape.name).collect();
        for (name, definition) in schema["$defs"].as_object().expect("definitions") {
            if definition["properties"].is_object() {
                let known = names.contains(name.as_str()) || names.iter().any(|n| n.starts_with(&format!("{name}.")));
                assert!(known, "the reader has no {name}");
            }
            for option in definition["oneOf"].as_array().into_iter().flatten() {
                let Some(properties) = option["properties"].as_object() else { continue };
                let tag = properties.values().find_map(|value| value["const"].as_str()).expect("a tag");
                assert!(names.contains(format!("{name}.{tag}").as_str()), "the reader has no {name}.{tag}");
            }
        }
    }

    /// The tables of docs/scenario.md by the definition that their marker names: rows of key, type, default, meaning.
    fn documented() -> BTreeMap<String, Vec<[String; 4]>> {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenario.md")).expect("the page");
        let mut tables: BTreeMap<String, Vec<[String; 4]>> = BTreeMap::new();
        let mut name = None;
        for line in page.lines() {
            if let Some(marker) = line.strip_prefix("<!-- schema: ") {
                name = Some(marker.trim_end_matches(" -->").to_owned());
            } else if let (Some(name), Some(row)) = (&name, line.strip_prefix("| `")) {
                let row = row.replace("\\|", "¦");
                let cells: Vec<String> = row.split('|').map(|cell| cell.trim().replace('¦', "|")).collect();
                let row = [cells[0].trim_end_matches('`'), &cells[1], &cells[2], &cells[3]].map(str::to_owned);
                tables.entry(name.clone()).or_default().push(row);
            } else if !line.starts_with('|') {
                name = None;
            }
        }
        tables
    }

    #[test]
    fn the_page_says_what_the_schema_says() {
        let (schema, tables) = (document(), documented());
        let names: BTreeSet<&str> = shapes().iter().map(|shape| shape.name).collect();
        assert_eq!(tables.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
        for (name, rows) in &tables {
            let definition = find(&schema, name);
            let properties = definition["properties"].as_object().expect("properties");
            let keys = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
            let (known, shown) = (properties.keys().map(String::as_str), rows.iter().map(|row| row[0].as_str()));
            assert_eq!(keys(known.collect()), keys(shown.collect()), "{name}");
            for [key, _, default, meaning] in rows {
                let property = &properties[key];
                let required = definition["required"].as_array().is_some_and(|list| list.iter().any(|one| one == key));
                let expected = match (required, property.get("default")) {
                    (true, _) => "required".to_owned(),
                    (false, Some(value)) => format!("`{value}`"),
                    (false, None) => String::new(),
                };
                let plain = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(plain(default), plain(&expected), "the default of {name}.{key}");
                if let Some(description) = property["description"].as_str() {
                    assert_eq!(plain(meaning), plain(description), "the meaning of {name}.{key}");
                }
            }
        }
    }

    #[test]
    fn every_key_has_a_meaning() {
        fn walk(path: &str, value: &Value) {
            if let Some(properties) = value["properties"].as_object() {
                for (key, property) in properties {
                    let tag = property.get("const").is_some();
                    assert!(tag || property["description"].is_string(), "{path}.{key} says nothing");
                }
            }
            for option in value["oneOf"].as_array().into_iter().flatten() {
                walk(path, option);
            }
        }
        let schema = document();
        walk("", &schema);
        for (name, definition) in schema["$defs"].as_object().expect("definitions") {
            walk(name, definition);
        }
        assert!(!schema.to_string().contains("\"null\""));
    }
}
