//! The plots: each answers one question, and each is one function of the facts and a width.

pub mod bullet;
pub mod data;
pub mod dots;
pub mod frame;
pub mod heat;
pub mod layers;
pub mod percentiles;
pub mod phases;
pub mod small;
pub mod speakers;
pub mod strips;
pub mod views;
