//! What the plan's faults do to the SFU, and when; whoever has it in hand does it.

use crate::clock::Instant;
use crate::plan::{FaultKind, Plan};

/// One thing to do to the SFU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// It ends without a goodbye.
    Kill,
    /// It begins again, with nobody in it.
    Start,
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
}

/// Everything that is to be done, with the index of its fault: by time, the next one last.
#[must_use]
pub fn acts(plan: &Plan) -> Vec<(Instant, Act, u16)> {
    let mut ahead = Vec::new();
    for (index, fault) in (0u16..).zip(&plan.faults) {
        match fault.kind {
            FaultKind::SfuKill { restart_after } => {
                ahead.push((fault.at, Act::Kill, index));
                ahead.extend(restart_after.map(|after| (fault.at + after, Act::Start, index)));
            }
            FaultKind::SfuPause => ahead.extend([(fault.at, Act::Pause, index), (fault.until, Act::Resume, index)]),
            _ => {}
        }
    }
    // Where one fault ends as the next begins, the end comes first: every fault takes some time.
    let begins = |act| matches!(act, Act::Kill | Act::Pause);
    ahead.sort_by_key(|(at, act, index)| std::cmp::Reverse((*at, begins(*act), *index)));
    ahead
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Settings;

    const KILL: &str = "[[fault]]\nname = \"kill\"\nat = \"4s\"\nkind = \"sfu-kill\"\nrestart_after = \"2s\"\n";
    const STILL: &str = "[[fault]]\nname = \"still\"\nat = \"6s\"\nfor = \"2s\"\nkind = \"sfu-pause\"\n";
    const AGAIN: &str = "[[fault]]\nname = \"again\"\nat = \"8s\"\nkind = \"sfu-kill\"\nrestart_after = \"2s\"\n";

    fn in_order(faults: [&str; 3]) -> Vec<(u64, Act)> {
        let head = "version = 1\nname = \"x\"\n[run]\nduration = \"20s\"\n[[population]]\nname = \"a\"\ncount = 1\n";
        let text = format!("{head}{}", faults.concat());
        let settings = Settings { set: &[], seed: Some(1), environment: &|_| None, files: &crate::scenario::no_files };
        let (_, plan) = crate::plan::load("x.toml", &text, &settings, None).expect("a plan");
        acts(&plan).into_iter().rev().map(|(at, act, _)| (at.as_nanos() / 1_000_000_000, act)).collect()
    }

    #[test]
    fn a_fault_that_begins_as_another_ends_comes_after_it_whatever_the_order_in_the_file() {
        let expected =
            [(4, Act::Kill), (6, Act::Start), (6, Act::Pause), (8, Act::Resume), (8, Act::Kill), (10, Act::Start)];
        assert_eq!(in_order([KILL, STILL, AGAIN]), expected);
        assert_eq!(in_order([AGAIN, STILL, KILL]), expected);
    }
}
