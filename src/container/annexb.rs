//! The byte stream of H.264 (Annex B): NAL units, each behind a start code.

/// What stands before each unit that is written.
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Appends a NAL unit behind a start code.
pub fn write_nal(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend_from_slice(&START_CODE);
    out.extend_from_slice(nal);
}

/// The NAL units of a byte stream, in order, without the zeros around them; empty ones are left out. What stands before
/// the first start code is none.
pub fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start(stream);
    std::iter::from_fn(move || {
        let from = rest?;
        let end = start_of_code(from).unwrap_or(from.len());
        rest = after_start(&from[end..]);
        let nal = &from[..end];
        // Zeros behind a unit belong to the next start code, or to nobody.
        let kept = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Some(&nal[..kept])
    })
    .filter(|nal| !nal.is_empty())
}

/// Where the next three bytes of a start code are.
fn start_of_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|three| three == [0, 0, 1])
}

fn after_start(bytes: &[u8]) -> Option<&[u8]> {
    start_of_code(bytes).map(|at| &bytes[at + 3..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail(bytes in proptest::collection::vec(0u8..4, 0..60)) {
            prop_assert!(nals(&bytes).map(|nal| nal.len() + 3).sum::<usize>() <= bytes.len());
        }

        #[test]
        fn units_are_read_as_written(units in proptest::collection::vec(proptest::collection::vec(1u8..=255, 1..20), 0..6)) {
            let mut stream = Vec::new();
            units.iter().for_each(|unit| write_nal(&mut stream, unit));
            let read: Vec<&[u8]> = nals(&stream).collect();
            prop_assert_eq!(read, units);
        }
    }

    #[test]
    fn short_and_long_start_codes_and_stray_zeros_are_read() {
        let stream = [9, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0, 0, 1, 0x65, 0, 0];
        let read: Vec<&[u8]> = nals(&stream).collect();
        assert_eq!(read, [&[0x67, 1][..], &[0x68, 2], &[0x65]]);
        assert_eq!(nals(&[1, 2, 3]).count(), 0);
    }
}
