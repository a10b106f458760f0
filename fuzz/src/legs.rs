//! The SFU's own leg: a connected participant sends it whatever it likes, sealed or not.

use super::Numbers;
use super::video::{self, STREAM, TRACK};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use throng::clock::{Duration, Instant};
use throng::rtp::ntp::Ntp;
use throng::sfu::leg::LegOutput;
use throng::sfu::leg::own::{Leg, Maker};
use throng::transport::{End, Factory, Output};

/// The tag of a modelled session, so that the inside of a datagram is the fuzzer's as well.
const TAG: [u8; 16] = [0x5A; 16];

/// One datagram: step, length, bytes. Media and retransmissions; NACK, PLI, FIR, REMB and transport feedback.
pub fn leg_seeds() -> Vec<Vec<u8>> {
    let media = |payload_type: u8, ssrc: u8, sequence: u8| {
        let header = [0x90, payload_type, 0xFF, sequence, 0, 0, 0, 0, 0, 0, 0, ssrc, 0xBE, 0xDE, 0, 1];
        [&header[..], &[0x31, 0, sequence, 0], &[0x10, 0, 0, 0, 0x9D, 1, 0x2A, 0], &TAG].concat()
    };
    let rtcp = |index: u8, body: &[u8]| [body, &TAG, &[0x80, 0, 0, index]].concat();
    let sent = [media(96, 1, 0xF0), media(96, 1, 0xF4), media(97, 2, 0), media(96, 1, 0xF8)];
    let asked = [
        rtcp(0, &[0x81, 205, 0, 3, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0xFF, 0xFF]),
        rtcp(1, &[0x81, 206, 0, 2, 0, 0, 0, 5, 0, 0, 0, 3]),
        rtcp(2, &[0x84, 206, 0, 4, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0]),
        rtcp(3, &[&[0x81, 201, 0, 7, 0, 0, 0, 5, 0, 0, 0, 3][..], &[0; 20]].concat()),
    ];
    [sent, asked].map(|datagrams| datagrams.iter().flat_map(|bytes| framed(bytes)).collect()).into()
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    [&[20, datagram.len() as u8][..], datagram].concat()
}

pub fn leg(bytes: &[u8]) {
    let (mut leg, address, mut now) = connected();
    let (mut numbers, mut seen, mut number) = (Numbers(bytes), BTreeSet::new(), 0x7FF0);
    while !numbers.is_empty() {
        now += Duration::from_millis(numbers.byte().into());
        let len = numbers.byte();
        leg.handle_datagram(now, address, &numbers.bytes(len.into()));
        if leg.poll_timeout().is_some_and(|at| at <= now) {
            leg.handle_timeout(now);
        }
        while let Some(output) = leg.poll_output() {
            match output {
                LegOutput::Packet(packet) => {
                    assert!(packet.track == TRACK && seen.insert(packet.sequence), "it was handed on before");
                    number += 1;
                    leg.write(now, STREAM, packet.under(number), &packet);
                }
                LegOutput::KeyframeWanted(stream) => assert_eq!(stream, STREAM),
                LegOutput::Transmit { datagram, .. } => assert!(datagram.len() <= 1_200, "{}", datagram.len()),
                LegOutput::Connected | LegOutput::Closed | LegOutput::Estimate(_) | LegOutput::Message { .. } => {}
            }
        }
        assert!(leg.poll_timeout().is_none_or(|at| at > now), "it would be driven for ever");
    }
}

/// A leg whose participant has connected, which publishes one stream and is sent another.
fn connected() -> (Leg, SocketAddr, Instant) {
    let [server, address] = [9, 10].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut now = Instant::from_millis(1);
    let mut maker = Maker::new(Factory::Modelled, server, server, Ntp(0), 1 << 63);
    let mut transport = Factory::Modelled.transport(now, address, End::Participant, 1).expect("nothing can fail");
    let setup = video::setup(transport.local_parameters());
    let (mut leg, ours) = Leg::open(&mut maker, now, &setup).expect("it opens");
    transport.connect(now, &ours, true, |_| true).expect("it begins");
    leg.handle_command(now, video::published());
    leg.handle_command(now, video::sent_on());
    for _ in 0..20 {
        now += Duration::from_millis(100);
        transport.handle_timeout(now);
        leg.handle_timeout(now);
        loop {
            let (mut up, mut down) = (vec![], vec![]);
            while let Some(output) = transport.poll_output() {
                if let Output::Datagram { bytes, .. } = output {
                    up.push(bytes);
                }
            }
            while let Some(output) = leg.poll_output() {
                match output {
                    LegOutput::Connected => return (leg, address, now),
                    LegOutput::Transmit { datagram, .. } => down.push(datagram),
                    _ => {}
                }
            }
            if up.is_empty() && down.is_empty() {
                break;
            }
            up.iter().for_each(|bytes| leg.handle_datagram(now, address, bytes));
            down.into_iter().for_each(|datagram| transport.handle_datagram(now, server, &datagram.into_whole()));
        }
    }
    panic!("a modelled participant connects within two seconds");
}
