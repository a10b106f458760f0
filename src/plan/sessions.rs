//! How long each participant stays, and whether it comes back: drawn before the run, past its end.

use super::SessionPlan;
use crate::clock::Instant;
use crate::dist::unit;
use crate::scenario::population::Session;
use crate::seed::Seed;

/// Draws the sessions of one participant that comes at `arrival` (closed arrivals: at the earliest), until one lies
/// past `end`. Never empty.
pub(super) fn draw(session: &Session, arrival: Instant, end: Instant, seed: Seed) -> Vec<SessionPlan> {
    let Some(length) = session.length else { return vec![SessionPlan { length: None, rejoin_after: None }] };
    let mut lengths = seed.child("session length").rng();
    let mut returns = seed.child("session rejoin").rng();
    let mut pauses = seed.child("session away").rng();
    let mut at = arrival;
    let mut sessions = Vec::new();
    loop {
        let stay = length.sample(&mut lengths);
        at += stay;
        // `unit` lies in (0, 1]: a probability of 0 never comes back, 1 always does.
        let rejoin = session.rejoin.filter(|rejoin| at < end && unit(&mut returns) <= rejoin.prob);
        let away = rejoin.map(|rejoin| rejoin.after.sample(&mut pauses));
        sessions.push(SessionPlan { length: Some(stay), rejoin_after: away });
        match away {
            Some(away) if at + away < end => at += away,
            _ => return sessions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::Dist;
    use crate::scenario::population::Rejoin;

    fn session(length: &str, prob: f64) -> Session {
        let after = Dist::parse("exp(2s)").unwrap();
        Session { length: Some(Dist::parse(length).unwrap()), rejoin: Some(Rejoin { prob, after }) }
    }

    #[test]
    fn sessions_reach_past_the_end_of_the_run_or_end_for_good() {
        let end = Instant::from_secs(60);
        for seed in 0..200 {
            let sessions = draw(&session("exp(5s)", 0.8), Instant::from_secs(3), end, Seed::new(seed));
            let (last, before) = sessions.split_last().unwrap();
            assert!(before.iter().all(|session| session.rejoin_after.is_some()));
            let mut at = Instant::from_secs(3);
            for session in before {
                at = at + session.length.unwrap() + session.rejoin_after.unwrap();
            }
            assert!(at < end);
            let over = at + last.length.unwrap() >= end || last.rejoin_after.is_some();
            assert!(over || last.rejoin_after.is_none());
        }
    }

    #[test]
    fn rejoining_has_its_probability() {
        let end = Instant::from_secs(1_000_000);
        let once = |seed| draw(&session("5s", 0.3), Instant::ZERO, end, Seed::new(seed))[0].rejoin_after.is_some();
        let back = (0..4_000).filter(|seed| once(*seed)).count() as f64 / 4_000.0;
        // Five standard errors.
        assert!((back - 0.3).abs() < 5.0 * (0.3f64 * 0.7 / 4_000.0).sqrt(), "{back}");
        assert!((0..200).all(|seed| draw(&session("5s", 0.0), Instant::ZERO, end, Seed::new(seed)).len() == 1));
    }

    #[test]
    fn without_a_length_there_is_one_session_to_the_end() {
        let sessions = draw(&Session::default(), Instant::ZERO, Instant::from_secs(9), Seed::new(1));
        assert_eq!(sessions, [SessionPlan { length: None, rejoin_after: None }]);
    }
}
