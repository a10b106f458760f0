//! Many seeds of one scenario: how far they lie apart, threshold by threshold, and which run was which.

use super::parts::{metric, tag};
use crate::outcome::{SeedOutcome, Verdict};
use crate::report::facts::Facts;
use crate::report::facts::judged::Judged;
use crate::report::number::{count, things};
use maud::{Markup, html};

/// The section.
#[must_use]
pub fn seeds(facts: &Facts) -> Markup {
    let seeds = &facts.outcome.seeds;
    let passed = seeds.iter().filter(|seed| seed.verdict == Verdict::Pass).count();
    html! {
        section id="seeds" {
            h2 { "Seeds" }
            p class="lead" {
                (count(passed as u64)) " of " (things(seeds.len() as u64, "run")) " passed by themselves. All other numbers on this page pool them: quantiles are "
                "of all samples together, counts and lines over time are sums of all runs, rates are of one run on average, participants are named after their seed, and a "
                "limit on a count is judged by the worst run."
            }
            @if !facts.judged.is_empty() {
                table class="flt stack" {
                    thead {
                        tr {
                            th scope="col" { "Measure" } th scope="col" class="r" { "Limit" }
                            th scope="col" class="r" { "Pooled" } th scope="col" class="r" { "Lowest" }
                            th scope="col" class="r" { "Median" } th scope="col" class="r" { "Highest" }
                        }
                    }
                    tbody { @for (index, judged) in facts.judged.iter().enumerate() { (spread(facts, judged, index)) } }
                }
            }
            details {
                summary { "Each seed" }
                ul class="key" {
                    @for seed in seeds {
                        li { (seed.seed) " " (tag(seed.verdict, seed.verdict.word())) " " (things(seed.joined, "participant")) " joined" }
                    }
                }
            }
        }
    }
}

fn spread(facts: &Facts, judged: &Judged<'_>, index: usize) -> Markup {
    let mut values: Vec<f64> = facts.outcome.seeds.iter().filter_map(|seed| value(seed, index)).collect();
    values.sort_by(f64::total_cmp);
    let cell = |label: &str, value: String| html! { td class="r" { span class="only" { (label) " " } (value) } };
    let write =
        |value: Option<&f64>| value.map_or_else(|| "no value".to_owned(), |value| judged.quantity.write(*value));
    html! {
        tr {
            td class="name" { (metric(&judged.outcome.metric)) " " span class="q" { (judged.which()) } }
            (cell("limit", judged.limit()))
            (cell("pooled", judged.value(facts.deadline)))
            (cell("lowest", write(values.first())))
            (cell("median", write(values.get(values.len().saturating_sub(1) / 2))))
            (cell("highest", write(values.last())))
        }
    }
}

fn value(seed: &SeedOutcome, index: usize) -> Option<f64> {
    seed.thresholds.get(index).copied().flatten()
}
