use super::*;
use proptest::prelude::*;

/// An independent reader: undoes the emulation prevention first.
struct BitReader {
    bits: Vec<u8>,
    at: usize,
}

impl BitReader {
    fn new(nal: &[u8]) -> Self {
        let (mut kept, mut zeros) = (Vec::new(), 0);
        for byte in nal {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            kept.push(*byte);
        }
        Self { bits: kept.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect(), at: 0 }
    }

    fn u(&mut self, count: usize) -> u32 {
        let value = self.bits[self.at..self.at + count].iter().fold(0, |value, bit| value << 1 | u32::from(*bit));
        self.at += count;
        value
    }

    fn ue(&mut self) -> u32 {
        let zeros = self.bits[self.at..].iter().take_while(|bit| **bit == 0).count();
        self.at += zeros;
        self.u(zeros + 1) - 1
    }

    /// Only the trailing bits are left.
    fn assert_end(&mut self) {
        assert_eq!(self.u(1), 1);
        assert!(self.bits[self.at..].iter().all(|bit| *bit == 0) && self.bits.len() - self.at < 8);
    }
}

/// Width, height and level of a sequence parameter set.
fn read_sps(nal: &[u8]) -> (u32, u32, u32) {
    let mut bits = BitReader::new(nal);
    assert_eq!(bits.u(8), 0x67);
    assert_eq!((bits.u(8), bits.u(8)), (66, 0xE0));
    let level = bits.u(8);
    assert_eq!([bits.ue(), bits.ue(), bits.ue(), bits.ue(), bits.u(1)], [0, 0, 2, 1, 0]);
    let (across, down) = (bits.ue() + 1, bits.ue() + 1);
    assert_eq!(bits.u(2), 3);
    let crop = if bits.u(1) == 1 { [bits.ue(), bits.ue(), bits.ue(), bits.ue()] } else { [0; 4] };
    assert_eq!(bits.u(1), 0);
    bits.assert_end();
    (across * 16 - 2 * (crop[0] + crop[1]), down * 16 - 2 * (crop[2] + crop[3]), level)
}

fn sps(width: u32, height: u32, fps: f64) -> Vec<u8> {
    let mut out = [0; MAX_SPS_LEN];
    let len = write_sps(width, height, fps, &mut out);
    out[..len].to_vec()
}

proptest! {
    #[test]
    fn a_parameter_set_names_its_size(width in 1u32..=8_192, height in 1u32..=8_192) {
        let nal = sps(width * 2, height * 2, 30.0);
        let (read_width, read_height, _) = read_sps(&nal);
        prop_assert_eq!((read_width, read_height), (width * 2, height * 2));
        prop_assert!(nal.windows(3).all(|bytes| bytes[..2] != [0, 0] || bytes[2] >= 3));
    }

    #[test]
    fn our_sei_is_read_as_written(user in proptest::collection::vec(any::<u8>(), 0..1_000)) {
        let mut nal = vec![0; sei_prefix_len(user.len())];
        prop_assert_eq!(write_sei_prefix(user.len(), &mut nal), nal.len());
        nal.extend_from_slice(&user);
        nal.push(0x80);
        prop_assert_eq!(read_sei(&nal).unwrap(), &nal[nal.len() - user.len() - 1..]);
        prop_assert_eq!(read_sei(&nal[1..]), None);
    }

    #[test]
    fn arbitrary_bytes_are_no_sei_of_ours(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        prop_assert_eq!(read_sei(&bytes), None);
        let sei = [&[6, 5], &bytes[..]].concat();
        prop_assert_eq!(read_sei(&sei), None);
    }
}

#[test]
fn levels_are_those_of_table_a_1() {
    assert_eq!(read_sps(&sps(1_280, 720, 30.0)).2, 31);
    assert_eq!(read_sps(&sps(1_280, 720, 60.0)).2, 32);
    assert_eq!(read_sps(&sps(1_920, 1_080, 30.0)).2, 40);
    assert_eq!(read_sps(&sps(320, 180, 15.0)).2, 12);
}

#[test]
fn the_picture_parameter_set_reads_back() {
    let mut bits = BitReader::new(&PPS_NAL);
    assert_eq!(bits.u(8), 0x68);
    assert_eq!((bits.ue(), bits.ue()), (0, 0)); // ids
    assert_eq!(bits.u(2), 0); // CAVLC, no bottom field order
    assert_eq!((bits.ue(), bits.ue(), bits.ue()), (0, 0, 0)); // slice groups, references
    assert_eq!(bits.u(3), 0); // weights
    assert_eq!((bits.ue(), bits.ue(), bits.ue()), (0, 0, 0)); // quantisers
    assert_eq!(bits.u(3), 0); // deblocking control, constrained intra, redundant pictures
    bits.assert_end();
}

#[test]
fn slice_headers_read_back() {
    let mut bits = BitReader::new(&slice(true, 9, 1));
    assert_eq!((bits.u(8), bits.ue(), bits.ue(), bits.ue(), bits.u(4)), (0x65, 0, 7, 0, 0));
    assert_eq!((bits.ue(), bits.u(2), bits.ue()), (1, 0, 0));
    let mut bits = BitReader::new(&slice(false, 16 + 9, 0));
    assert_eq!((bits.u(8), bits.ue(), bits.ue(), bits.ue(), bits.u(4)), (0x41, 0, 5, 0, 9));
    assert_eq!((bits.u(3), bits.ue()), (0, 0));
    assert!((0..16).all(|number| !slice(false, number, 0).contains(&0)));
}

#[test]
fn slices_of_layers_say_who_refers_to_them_and_to_whom_they_refer() {
    let base = Slice { idr: false, importance: 2, frame_number: 3, idr_id: 0, passes_over: true };
    let mut bits = BitReader::new(&slice_of(&base));
    assert_eq!((bits.u(8), bits.ue(), bits.ue(), bits.ue(), bits.u(4)), (0x41, 0, 5, 0, 3));
    assert_eq!((bits.u(2), bits.ue(), bits.ue(), bits.ue()), (1, 0, 1, 3));
    assert_eq!((bits.u(1), bits.ue()), (0, 0));
    let top = Slice { importance: 0, passes_over: false, ..base };
    let mut bits = BitReader::new(&slice_of(&top));
    assert_eq!((bits.u(8), bits.ue(), bits.ue(), bits.ue(), bits.u(4)), (0x01, 0, 5, 0, 3));
    assert_eq!((bits.u(2), bits.ue()), (0, 0), "no reference marking");
    for frame_number in 0..16 {
        assert!(!slice_of(&Slice { frame_number, ..base }).contains(&0));
        assert!(!slice_of(&Slice { frame_number, ..top }).contains(&0));
    }
    let mut out = [0; MAX_SPS_LEN];
    let len = write_sps_for(640, 360, 30.0, 2, &mut out);
    let mut bits = BitReader::new(&out[..len]);
    bits.u(32);
    assert_eq!([bits.ue(), bits.ue(), bits.ue(), bits.ue(), bits.u(1)], [0, 0, 2, 2, 1]);
}
