//! What publishers send: an encoder model, its frames, and the stamp that each of them carries.

mod audio;
pub mod channel;
pub mod clip;
pub mod conversation;
mod described;
pub mod encoder;
pub mod folded;
mod keyframes;
pub mod layers;
mod packetise;
pub mod payload;
mod rtp_clock;
pub mod scalability;
mod sizes;
pub mod source;
pub mod stamp;
mod talk;
mod video;

pub use conversation::Seat;
pub use described::PacketDescriptor;
pub use encoder::{Encoder, Frame, Identity};
pub use folded::Folded;
pub use keyframes::MIN_KEYFRAME_INTERVAL;
pub use layers::{Allocator, LayerPlan};
pub use payload::{MAX_PAYLOAD, Payload};
pub use source::MediaPlan;
pub use stamp::{Found, STAMP_LEN, Stamp};
pub use video::LOWEST_TARGET;
