//! Flows over emulated links in virtual time: the cases of RFC 8867, and feedback that is lost, late, twice, or nonsense.

mod arbitrary;
mod cases;
mod flow;
mod remb;
mod rough;
