//! Who spoke, room by room, and whether the SFU noticed.

use super::parts::{figure, key, marks, numbers};
use crate::report::facts::Facts;
use crate::report::facts::speakers::{Room, named_share, rooms};
use crate::report::figures::Figures;
use crate::report::number::{percent, seconds, span, things};
use maud::{Markup, html};

/// The section; nothing where nobody's voice was kept.
#[must_use]
pub fn speakers(facts: &Facts, figures: &Figures) -> Markup {
    let Some(drawn) = &figures.speakers else { return html! {} };
    let list = rooms(facts.outcome);
    let caption = html! {
        "Blocks are speech as it was sent, as high as its share of the time; the line below is where the SFU named the speaker active. "
        "At the right the share of the run that each of them spoke. One point every " (span(facts.times.interval)) "."
    };
    let entries = [("s1".to_owned(), "spoke"), ("s2".to_owned(), "named active by the SFU")];
    html! {
        section id="speakers" {
            h2 { "Who spoke" }
            p class="lead" { (lead(&list)) }
            (figure(drawn, "c-speakers", "Speakers by room", &caption, &html! { (key(entries.into_iter())) (marks(&facts.times)) }))
            (table(facts, &list))
        }
    }
}

fn lead(list: &[Room<'_>]) -> String {
    let people: usize = list.iter().map(|room| room.people.len()).sum();
    let shown =
        format!("{} in {}, those who spoke most.", things(people as u64, "speaker"), things(list.len() as u64, "room"));
    match named_share(list) {
        Some(share) => format!(
            "{shown} While one of them spoke for most of a point, the SFU named them {} of the time.",
            percent(share)
        ),
        None => format!("{shown} The SFU named nobody."),
    }
}

fn table(facts: &Facts, list: &[Room<'_>]) -> Markup {
    let head = ["speaker", "room", "spoke", "named active"].map(str::to_owned);
    let interval = facts.times.interval;
    let sum = |shares: &[f32]| shares.iter().map(|share| f64::from(*share)).sum::<f64>() * interval;
    let rows: Vec<Vec<String>> = list
        .iter()
        .flat_map(|room| room.people.iter().map(move |(name, voice)| (room.name, *name, *voice)))
        .map(|(room, name, voice)| {
            vec![name.to_owned(), room.to_owned(), seconds(sum(&voice.talked)), seconds(sum(&voice.named))]
        })
        .collect();
    numbers("Numbers: speech by person", &head, &rows)
}
