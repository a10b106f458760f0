//! What tests break inside the reference SFU's rooms, to see that receivers catch it by name. Compiled for tests alone.

/// One thing that is wrong with the rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defect {
    /// A switch of layers lets picture ids through as they came.
    PictureIds,
    /// It lets TL0PICIDX through as it came.
    Tl0,
    /// It is made with any frame.
    DeltaSwitch,
    /// It leaves so many sequence numbers out.
    SequenceGap(u64),
    /// Nobody's request for a keyframe is heard.
    Pli,
    /// Nothing is wrong, and each subscriber's sequence numbers begin just before their wrap.
    NearWrap,
}
