//! The packets of a media session as bytes: RTP headers and their extensions, RTCP, SRTP, transport feedback.
//!
//! Nothing here owns a socket, a clock or a stream: parsers are total views over borrowed bytes, writers append to a
//! `Vec<u8>`, and the few machines (SRTP state, transport feedback) are told the time. What a stream *is*, what its
//! statistics mean and when feedback is due belong to the floors above. Numbers come from the RFCs named in each file.

pub mod av1;
mod bits;
pub(crate) mod bytes;
pub mod extension;
pub mod h264;
pub mod header;
pub mod layer;
pub mod ntp;
pub mod opus;
pub mod red;
pub mod rtcp;
pub mod rtx;
pub mod sequence;
pub mod srtp;
pub mod twcc;
pub mod vp8;
pub mod vp9;
