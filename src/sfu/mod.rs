//! The reference SFU as machines: room logic and the legs that carry media.
//!
//! [`room::Rooms`] decides who is where and which packet goes to whom; it is sans-IO and knows no crypto, so that a
//! simulated world runs the very same code. A leg ([`leg`]) is one participant's transport. Neither opens a socket:
//! `serve` does.

pub mod leg;
pub mod room;
