use super::*;
use crate::metrics::interval::Group;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn key(population: u16, network: u16, phase: RunPhase) -> Key {
    Key { population: Some(population), network: Some(network), media: None, phase, spell: None, rejoin: false }
}

/// One call of a recorder.
#[derive(Clone, Debug)]
enum Call {
    Record(Key, f64),
    Censor(Key, f64),
    Count(Key, u64),
    Ratio(Key, u64, u64),
    Gauge(Key, f64),
}

fn apply(recorder: &mut Recorder, call: &Call) {
    match *call {
        Call::Record(key, value) => recorder.record(Metric::JoinTotal, key, value),
        Call::Censor(key, waited) => recorder.record_censored(Metric::JoinTotal, key, waited),
        Call::Count(key, n) => recorder.count(Metric::RtpDup, key, n),
        Call::Ratio(key, part, rest) => recorder.ratio(Metric::RtpLossNet, key, part, part + rest),
        Call::Gauge(key, value) => recorder.gauge(Metric::SfuCpu, key, value),
    }
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let key = (0..2u16, 0..2u16, any::<bool>(), any::<bool>()).prop_map(|(population, network, steady, rejoin)| Key {
        rejoin,
        ..key(population, network, if steady { RunPhase::Steady } else { RunPhase::Warmup })
    });
    let call = prop_oneof![
        (key.clone(), 0.0..20.0f64).prop_map(|(key, value)| Call::Record(key, value)),
        (key.clone(), 0.0..20.0f64).prop_map(|(key, waited)| Call::Censor(key, waited)),
        (key.clone(), 0..9u64).prop_map(|(key, n)| Call::Count(key, n)),
        (key.clone(), 0..9u64, 0..9u64).prop_map(|(key, part, rest)| Call::Ratio(key, part, rest)),
        (key, 0.0..2.0f64).prop_map(|(key, value)| Call::Gauge(key, value)),
    ];
    prop::collection::vec(call, 0..60)
}

fn all_of(parts: Vec<Recorded>) -> Recorded {
    parts.into_iter().fold(Recorded::default(), |mut all, part| {
        all.merge(part);
        all
    })
}

proptest! {
    #[test]
    fn any_partition_among_workers_merged_in_any_order_is_the_same(calls in calls(), cut in 1..4usize) {
        let worker = |which: usize| {
            let mut recorder = Recorder::new(2, 2, 0, SECOND);
            calls.iter().enumerate().filter(|(i, _)| i % cut == which).for_each(|(_, call)| apply(&mut recorder, call));
            recorder.finish()
        };
        let forth = all_of((0..cut).map(worker).collect());
        let back = all_of((0..cut).rev().map(worker).collect());
        prop_assert_eq!(&forth, &back);
        let mut grouped = all_of((1..cut).map(worker).collect());
        grouped.merge(worker(0));
        prop_assert_eq!(&forth, &grouped);
        let gaugeless = calls.iter().all(|call| !matches!(call, Call::Gauge(..)));
        let mut one = Recorder::new(2, 2, 0, SECOND);
        calls.iter().for_each(|call| apply(&mut one, call));
        // The last value of a gauge within one interval is the worker's last, and among workers the largest.
        prop_assert!(!gaugeless || one.finish() == forth);
    }

    #[test]
    fn intervals_of_several_workers_add_up_to_what_they_recorded(calls in calls()) {
        let (mut a, mut b) = (Recorder::new(2, 2, 0, SECOND), Recorder::new(2, 2, 0, SECOND));
        let mut so_far = Recorded::default();
        for (index, chunk) in calls.chunks(7).enumerate() {
            for (i, call) in chunk.iter().enumerate() {
                apply(if i % 2 == 0 { &mut a } else { &mut b }, call);
            }
            let mut interval = a.take_interval(index as u32);
            interval.merge(&b.take_interval(index as u32));
            so_far.absorb(&interval);
        }
        let mut whole = a.finish();
        whole.merge(b.finish());
        for (metric, key, measure) in whole.iter() {
            let live = so_far.pooled(metric, |other| other == key);
            match (measure, live) {
                (Measure::Trend(exact), Some(Measure::Trend(live))) => {
                    prop_assert_eq!((exact.count(), exact.censored()), (live.count(), live.censored()));
                    if let (Some(exact), Some(live)) = (exact.quantile(0.5), live.quantile(0.5)) {
                        prop_assert!((exact - live).abs() <= exact * 0.02 + 2e-6, "{} {}", exact, live);
                    }
                }
                (exact, Some(live)) => prop_assert_eq!(exact, &live),
                (Measure::Counter(0), None) => {}
                (Measure::Ratio(none), None) => prop_assert_eq!(none.denominator, 0),
                (exact, None) => prop_assert!(false, "{:?} is missing", exact),
            }
        }
    }
}

#[test]
fn an_interval_holds_only_what_was_added_in_it_and_tells_populations_apart() {
    let mut recorder = Recorder::new(2, 2, 0, SECOND);
    recorder.record(Metric::DelayFrame, key(0, 0, RunPhase::Steady), 0.100);
    recorder.record(Metric::DelayFrame, key(1, 0, RunPhase::Steady), 0.300);
    recorder.count(Metric::RtpDup, key(0, 0, RunPhase::Steady), 3);
    let first = recorder.take_interval(0);
    let second = recorder.take_interval(1);
    assert!(second.added.is_empty());
    assert_eq!(first.counted(Metric::RtpDup), 3);
    let Some(Increment::Trend(one, _)) = first.pooled(Metric::DelayFrame, Group::Population(1)) else {
        panic!("population 1 had a sample")
    };
    assert_eq!(one.iter().map(|&(_, n)| n).sum::<u32>(), 1);
    assert!((first.quantile(Metric::DelayFrame, 1.0).unwrap() - 0.3).abs() < 0.005);
    assert_eq!(first.pooled(Metric::DelayFrame, Group::Network(1)), None);
}

#[test]
fn a_quantile_of_an_interval_beyond_its_censored_joins_is_none() {
    let mut recorder = Recorder::new(1, 1, 0, SECOND);
    (0..9).for_each(|_| recorder.record(Metric::JoinTotal, key(0, 0, RunPhase::Warmup), 0.2));
    recorder.record_censored(Metric::JoinTotal, key(0, 0, RunPhase::Warmup), 15.0);
    let interval = recorder.take_interval(0);
    assert!(interval.quantile(Metric::JoinTotal, 0.9).is_some());
    assert_eq!(interval.quantile(Metric::JoinTotal, 0.95), None);
}

#[test]
fn the_last_value_of_a_gauge_is_the_latest_and_of_two_workers_the_larger() {
    let run = Key::run(RunPhase::Steady);
    let (mut a, mut b) = (Recorder::new(0, 0, 0, SECOND), Recorder::new(0, 0, 0, SECOND));
    a.gauge(Metric::HarnessCpu, run, 0.9);
    a.take_interval(0);
    b.take_interval(0);
    a.gauge(Metric::HarnessCpu, run, 0.2);
    b.gauge(Metric::HarnessCpu, run, 0.4);
    let mut all = a.finish();
    all.merge(b.finish());
    let Some(Measure::Gauge(gauge)) = all.pooled(Metric::HarnessCpu, |_| true) else { panic!("a gauge") };
    assert_eq!((gauge.last.1, gauge.max, gauge.min, gauge.count), (400_000, 900_000, 200_000, 3));
}

#[test]
#[should_panic(expected = "rtp.dup is a counter, not a trend")]
fn a_metric_is_recorded_as_the_kind_that_it_is() {
    Recorder::new(0, 0, 0, SECOND).record(Metric::RtpDup, Key::run(RunPhase::Steady), 1.0);
}

impl Recorder {
    /// Everything that it holds memory for.
    fn footprint(&self) -> Vec<usize> {
        let tables = [self.rows.capacity(), self.trends.capacity(), self.counters.capacity(), self.ratios.capacity()];
        let trends = self.trends.iter().flat_map(|cell| [cell.whole.slots(), cell.now.slots()]);
        tables.into_iter().chain([self.gauges.capacity()]).chain(trends).collect()
    }
}

#[test]
fn a_warm_recorder_takes_no_more_memory_however_many_samples_come() {
    let mut recorder = Recorder::new(2, 2, 2, SECOND);
    let fill = |recorder: &mut Recorder| {
        for i in 0..20_000u32 {
            let key = key((i % 2) as u16, (i / 2 % 2) as u16, RunPhase::Steady);
            recorder.record(Metric::DelayFrame, key, f64::from(i) * 1e-5);
            recorder.count(Metric::RtpDup, key, 1);
            recorder.ratio(Metric::RtpLossNet, key, 0, 1);
        }
    };
    fill(&mut recorder);
    recorder.take_interval(0);
    let warm = recorder.footprint();
    for index in 1..5 {
        fill(&mut recorder);
        assert_eq!(recorder.footprint(), warm);
        recorder.take_interval(index);
    }
}
