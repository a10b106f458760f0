//! Whatever comes from a network is taken: the fuzz targets (`fuzz/`), run over arbitrary bytes and damaged seeds.

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, missing_docs, reason = "the fuzzer's binaries use the rest")]
mod parsers;

use proptest::prelude::*;

#[test]
fn every_target_takes_its_own_seeds() {
    for target in parsers::TARGETS {
        target.run_seeds();
    }
}

#[test]
fn every_target_has_its_binary() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).unwrap();
    for target in parsers::TARGETS {
        let binary = std::fs::read_to_string(format!("{folder}/fuzz_targets/{}.rs", target.name)).unwrap();
        assert!(binary.contains(&format!("run(\"{}\", bytes)", target.name)));
        assert!(manifest.contains(&format!("name = \"{}\"\npath = \"fuzz_targets/{0}.rs\"", target.name)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_taken_by_every_target(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for target in parsers::TARGETS {
            target.run(&[&[0], &bytes[..]].concat());
        }
    }

    #[test]
    fn damaged_seeds_are_taken_by_every_target(
        choice in any::<u8>(),
        edits in prop::collection::vec(any::<[u8; 3]>(), 0..6),
    ) {
        for target in parsers::TARGETS {
            target.run(&[&[choice | 1], edits.as_flattened()].concat());
        }
    }
}
