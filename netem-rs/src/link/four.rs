//! The four-state chain of [`Loss::FourState`](crate::Loss::FourState): sch_netem's order of thresholds on one draw a
//! packet.

/// Received in a gap, received in a burst, lost in a burst, lost alone: 0 to 3 here, 1 to 4 in the literature.
pub(super) type State = u8;

pub(super) const STATES: [State; 4] = [0, 1, 2, 3];

/// The transition probabilities.
#[derive(Clone, Copy)]
pub(super) struct Four {
    pub(super) p13: f64,
    pub(super) p31: f64,
    pub(super) p32: f64,
    pub(super) p23: f64,
    pub(super) p14: f64,
}

impl Four {
    /// Where a draw in [0, 1) moves the chain.
    pub(super) fn step(&self, state: State, unit: f64) -> State {
        match state {
            0 if unit < self.p14 => 3,
            0 if unit < self.p13 + self.p14 => 2,
            1 if unit < self.p23 => 2,
            1 => 1,
            2 if unit < self.p32 => 1,
            2 if unit >= self.p31 + self.p32 => 2,
            // A gap goes on, a burst has ended, or a single loss is over.
            _ => 0,
        }
    }

    /// The state in equilibrium that a draw in [0, 1) stands for.
    pub(super) fn start(&self, unit: f64) -> State {
        let shares = crate::config::four_state_equilibrium(self.p13, self.p31, self.p32, self.p23, self.p14);
        let mut sum = 0.0;
        for (state, share) in STATES.into_iter().zip(shares) {
            sum += share;
            if unit < sum {
                return state;
            }
        }
        // The shares sum up to one but for rounding.
        if shares[3] > 0.0 { 3 } else { 2 }
    }
}

/// Whether a packet that meets this state is lost.
pub(super) const fn loses(state: State) -> bool {
    state >= 2
}
