//! What the legs of a worker have in common, and how a leg's `Rtc` is configured: codecs under the agreed payload types,
//! header extensions under the agreed ids, reports once a second. Nothing of it changes once a leg is open.

use super::dtls;
use crate::clock::{Duration, Instant};
use crate::conference::channel::BUFFER_LIMIT;
use crate::conference::{Codec, CodecParameters};
use crate::rtp::extension::ExtensionKind;
use crate::rtp::extension::ONE_BYTE_MAX_LEN;
use crate::rtp::extension::dependency_descriptor::SHORT_LEN;
use crate::sfu::room::LegSetup;
use crate::units::Bitrate;
use std::net::SocketAddr;
use std::sync::Arc;
use str0m::RtcConfig;
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::format::FormatParams;
use str0m::media::Frequency;
use str0m::rtp::{Extension, ExtensionMap, ExtensionSerializer, ExtensionValues};

/// How often reports are sent.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What the way to a subscriber is taken to carry before anything is known (libwebrtc's start bitrate).
const INITIAL_ESTIMATE: Bitrate = Bitrate::from_kbps(300);

/// What all str0m legs of a worker have in common.
#[derive(Debug)]
pub struct Maker {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
    pub(super) start: std::time::Instant,
    pub(super) local: SocketAddr,
    pub(super) announced: SocketAddr,
}

impl Maker {
    /// A maker of legs on one socket. `start` is the machine's clock at [`Instant::ZERO`]; `announced` is the address
    /// that participants are told.
    ///
    /// # Errors
    /// When the cryptography of this machine cannot be set up; a sentence.
    pub fn new(start: std::time::Instant, local: SocketAddr, announced: SocketAddr) -> Result<Self, String> {
        let crypto = dtls::provider().map_err(|error| format!("DTLS cannot be set up: {error}"))?;
        let certificate =
            crypto.dtls_provider.generate_certificate().ok_or("no certificate for DTLS can be made".to_owned())?;
        Ok(Self { crypto: Arc::new(crypto), certificate, start, local, announced })
    }

    /// The same cryptography and certificate on another socket.
    #[must_use]
    pub fn on(&self, local: SocketAddr, announced: SocketAddr) -> Self {
        let (crypto, certificate) = (Arc::clone(&self.crypto), self.certificate.clone());
        Self { crypto, certificate, start: self.start, local, announced }
    }

    pub(super) fn at(&self, now: Instant) -> std::time::Instant {
        self.start + Duration::from_nanos(now.as_nanos())
    }
}

/// A bit for each payload type of retransmissions.
pub(super) fn rtx_payload_types(codecs: &[CodecParameters]) -> u128 {
    codecs.iter().filter_map(|codec| codec.rtx_payload_type).fold(0, |bits, number| bits | 1 << (number & 0x7f))
}

pub(super) fn config(maker: &Maker, setup: &LegSetup) -> RtcConfig {
    let mut config = RtcConfig::new()
        .set_crypto_provider(Arc::clone(&maker.crypto))
        .set_dtls_cert(maker.certificate.clone())
        .set_dtls_version(DtlsVersion::Dtls12)
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .set_rtcp_report_interval_audio(REPORT_INTERVAL)
        .set_rtcp_report_interval_video(REPORT_INTERVAL)
        .set_send_buffer_audio(1)
        .set_send_buffer_video(1)
        .set_sctp_max_buffered_amount(BUFFER_LIMIT)
        .set_extension_map(extension_map(setup))
        .clear_codecs();
    if setup.estimates {
        config = config.enable_bwe(Some(INITIAL_ESTIMATE.bps().into()));
    }
    for codec in &setup.codecs {
        add_codec(&mut config, codec);
    }
    config
}

fn add_codec(config: &mut RtcConfig, codec: &CodecParameters) {
    let (payload_type, rtx) = (codec.payload_type.into(), codec.rtx_payload_type.map(Into::into));
    let (known, rate, channels) = match codec.codec {
        Codec::Opus => (str0m::format::Codec::Opus, Frequency::FORTY_EIGHT_KHZ, Some(2)),
        Codec::Vp8 => (str0m::format::Codec::Vp8, Frequency::NINETY_KHZ, None),
        Codec::H264 => (str0m::format::Codec::H264, Frequency::NINETY_KHZ, None),
        Codec::Vp9 => (str0m::format::Codec::Vp9, Frequency::NINETY_KHZ, None),
        Codec::Av1 => (str0m::format::Codec::Av1, Frequency::NINETY_KHZ, None),
    };
    config.codec_config().add_config(payload_type, rtx, known, rate, channels, FormatParams::default());
    if let Some(red) = codec.red_payload_type {
        // To str0m it is one more way to send Opus: what is in it is nobody's business but ours.
        config.codec_config().add_config(red.into(), None, known, rate, channels, FormatParams::default());
    }
}

/// A dependency descriptor on its way through str0m, which knows it as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct DescriptorValue(pub Box<[u8]>);

/// Reads and writes it.
#[derive(Debug)]
struct DescriptorSerializer;

impl ExtensionSerializer for DescriptorSerializer {
    fn write_to(&self, buf: &mut [u8], ev: &ExtensionValues) -> usize {
        let Some(DescriptorValue(value)) = ev.user_values.get() else { return 0 };
        let Some(place) = buf.get_mut(..value.len()) else { return 0 };
        place.copy_from_slice(value);
        value.len()
    }

    fn parse_value(&self, buf: &[u8], ev: &mut ExtensionValues) -> bool {
        if buf.len() >= SHORT_LEN {
            ev.user_values.set(DescriptorValue(buf.into()));
        }
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, ev: &ExtensionValues) -> bool {
        ev.user_values.get::<DescriptorValue>().is_some_and(|DescriptorValue(value)| value.len() > ONE_BYTE_MAX_LEN)
    }
}

fn extension_map(setup: &LegSetup) -> ExtensionMap {
    let descriptor = Extension::with_serializer(ExtensionKind::DependencyDescriptor.uri(), DescriptorSerializer);
    let known = [
        descriptor,
        Extension::AudioLevel,
        Extension::AbsoluteSendTime,
        Extension::AbsoluteCaptureTime,
        Extension::TransportSequenceNumber,
        Extension::RtpMid,
        Extension::RtpStreamId,
        Extension::RepairedRtpStreamId,
    ];
    let mut map = ExtensionMap::empty();
    for (id, uri) in &setup.extensions {
        if let Some(extension) = known.iter().find(|extension| extension.as_uri() == uri) {
            map.set(*id, extension.clone());
        }
    }
    map
}
