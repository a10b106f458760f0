//! DTLS for legs: str0m's own (dimpl), with one shared configuration.
//!
//! str0m's provider builds a `dimpl::Config` a peer, which tries out every key exchange and signature anew and costs
//! 0.9 ms of CPU a join; this one builds it once. Nothing else differs.

use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};

/// What str0m sends at most in one datagram before SRTP's share.
const MTU: usize = 1_150;

/// First retransmission of a handshake flight; dimpl's default of a second would dominate joins on lossy networks.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct Shared {
    inner: &'static dyn DtlsProvider,
    config: Arc<dimpl::Config>,
}

/// str0m's cryptography with the shared DTLS configuration. Leaks a few bytes: call it once a process.
pub(super) fn provider() -> Result<CryptoProvider, dimpl::Error> {
    let config =
        dimpl::Config::builder().use_server_cookie(false).mtu(MTU).flight_start_rto(FIRST_RETRANSMISSION).build()?;
    let mut provider = str0m::crypto::from_feature_flags();
    provider.dtls_provider = Box::leak(Box::new(Shared { inner: provider.dtls_provider, config: Arc::new(config) }));
    Ok(provider)
}

impl DtlsProvider for Shared {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let config = Arc::clone(&self.config);
        let dtls = match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, cert.clone(), now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, cert.clone(), now),
            DtlsVersion::Auto => dimpl::Dtls::new_auto(config, cert.clone(), now),
            other => return Err(CryptoError::Other(format!("DTLS version {other} is not known here"))),
        };
        Ok(Box::new(Instance(dtls)))
    }
}

struct Instance(dimpl::Dtls);

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Instance")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
