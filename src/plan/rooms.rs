//! How large each room is, and who goes where.

use super::quota::largest_remainder;
use crate::scenario::rooms::{Assign, Rooms, Size};
use crate::seed::Seed;
use rand::Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A message with what to write instead, about `[rooms]`.
pub(super) type Refusal = (String, String);

/// People of one population, for placing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// How many.
    pub(super) count: u32,
    /// So many in each room, where that is how they are counted.
    pub(super) per_room: Option<u32>,
}

/// How many fit into each room. `total` people come, `fixed` of them to every room.
pub(super) fn sizes(rooms: &Rooms, total: u32, fixed: u32, seed: Seed) -> Result<Vec<u32>, Refusal> {
    let count = rooms.count as usize;
    let sizes = match &rooms.size {
        Size::Even => {
            let free = total.saturating_sub(fixed.saturating_mul(rooms.count));
            largest_remainder(free, &vec![1.0; count]).into_iter().map(|size| size + fixed).collect()
        }
        Size::Constant(size) => vec![*size; count],
        Size::List(sizes) => sizes.clone(),
        Size::Uniform { min, max } => {
            let mut rng = seed.rng();
            (0..count).map(|_| min + between(&mut rng, max - min)).collect()
        }
        Size::Zipf { s, min, max } => zipf(*s, (*min).max(fixed), *max, count, total)?,
    };
    if let Some(room) = sizes.iter().position(|size| *size < fixed) {
        let message = format!("room {} holds {}, and `per_room` puts {fixed} people into each", room + 1, sizes[room]);
        return Err((message, "make the rooms larger, or `per_room` smaller".to_owned()));
    }
    let holds: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
    if holds < u64::from(total) {
        let message = format!("the rooms hold {holds} people, and {total} come");
        return Err((message, "write more or larger rooms, or fewer people".to_owned()));
    }
    Ok(sizes)
}

/// A whole number from 0 to `most`, all equally likely (rejection, so that no remainder is favoured).
fn between(rng: &mut impl Rng, most: u32) -> u32 {
    let n = u64::from(most) + 1;
    let limit = u64::MAX - u64::MAX % n;
    loop {
        let draw = rng.next_u64();
        if draw < limit {
            return (draw % n) as u32;
        }
    }
}

/// Sizes proportional to 1/rank^s within the bounds, together exactly `total`.
fn zipf(s: f64, min: u32, max: u32, count: usize, total: u32) -> Result<Vec<u32>, Refusal> {
    let (least, most) = (u64::from(min) * count as u64, u64::from(max) * count as u64);
    if !(least..=most).contains(&u64::from(total)) {
        let message = format!("{count} rooms of {min} to {max} hold {least} to {most} people, and {total} come");
        return Err((message, "change `min`, `max`, `count` or the number of people".to_owned()));
    }
    let weights: Vec<f64> = (1..=count).map(|rank| libm::pow(rank as f64, -s)).collect();
    let sized = |scale: f64| -> Vec<f64> {
        weights.iter().map(|weight| (weight * scale).clamp(f64::from(min), f64::from(max))).collect()
    };
    let (mut low, mut high) = (0.0, f64::from(max) / weights[count - 1] + 1.0);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if sized(middle).iter().sum::<f64>() < f64::from(total) { low = middle } else { high = middle }
    }
    let exact = sized(high);
    let mut sizes: Vec<u32> = exact.iter().map(|size| size.floor() as u32).collect();
    let remainder = |i: usize| exact[i] - exact[i].floor();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(&b)));
    let mut left = i64::from(total) - sizes.iter().map(|size| i64::from(*size)).sum::<i64>();
    while left != 0 {
        for &i in &order {
            if left > 0 && sizes[i] < max {
                sizes[i] += 1;
                left -= 1;
            } else if left < 0 && sizes[i] > min {
                sizes[i] -= 1;
                left += 1;
            }
        }
    }
    sizes.sort_by_key(|size| Reverse(*size));
    Ok(sizes)
}

/// The room of each person, population by population. The sizes must hold them all.
pub(super) fn place(assign: Assign, sizes: &[u32], groups: &[Group]) -> Vec<Vec<u32>> {
    let mut free = sizes.to_vec();
    let mut placed: Vec<Vec<u32>> = vec![Vec::new(); groups.len()];
    for (rooms, group) in placed.iter_mut().zip(groups) {
        if group.per_room.is_some() {
            // Whoever comes first is spread over the rooms, so that all rooms begin together.
            *rooms = (0..group.count).map(|i| i % sizes.len() as u32).collect();
            rooms.iter().for_each(|room| free[*room as usize] -= 1);
        }
    }
    let mut cursor = Cursor::new(assign, &free);
    for (rooms, group) in placed.iter_mut().zip(groups) {
        if group.per_room.is_none() {
            *rooms = (0..group.count).map(|_| cursor.next(&mut free)).collect();
        }
    }
    placed
}

/// Finds the next free place.
#[derive(Debug)]
enum Cursor {
    Fill(usize),
    RoundRobin(usize),
    Spread(BinaryHeap<(u32, Reverse<usize>)>),
}

impl Cursor {
    fn new(assign: Assign, free: &[u32]) -> Self {
        match assign {
            Assign::Fill => Self::Fill(0),
            Assign::RoundRobin => Self::RoundRobin(0),
            Assign::Spread => Self::Spread(free.iter().enumerate().map(|(i, free)| (*free, Reverse(i))).collect()),
        }
    }

    fn next(&mut self, free: &mut [u32]) -> u32 {
        let room = match self {
            Self::Fill(at) => {
                while free[*at] == 0 {
                    *at += 1;
                }
                *at
            }
            Self::RoundRobin(at) => {
                while free[*at % free.len()] == 0 {
                    *at += 1;
                }
                let room = *at % free.len();
                *at += 1;
                room
            }
            Self::Spread(heap) => {
                let (places, Reverse(room)) = heap.pop().expect("there is at least one room");
                heap.push((places - 1, Reverse(room)));
                room
            }
        };
        free[room] -= 1;
        room as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(count: u32, size: Size) -> Rooms {
        Rooms { participants: None, count, size, assign: Assign::Fill }
    }

    fn group(count: u32) -> Group {
        Group { count, per_room: None }
    }

    #[test]
    fn zipf_sizes_hold_exactly_everybody_and_fall_by_rank() {
        for (total, count, s) in [(2_020, 40, 1.1), (100, 7, 0.0), (500, 3, 2.5), (80, 40, 1.0)] {
            let sizes = sizes(&rooms(count, Size::Zipf { s, min: 2, max: 500 }), total, 0, Seed::new(1)).unwrap();
            assert_eq!(sizes.iter().sum::<u32>(), total);
            assert!(sizes.iter().all(|size| (2..=500).contains(size)), "{sizes:?}");
            assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
        }
        let sizes = sizes(&rooms(10, Size::Zipf { s: 1.0, min: 1, max: 1_000 }), 2_929, 0, Seed::new(1)).unwrap();
        assert_eq!(sizes[0], 1_000, "1000/1 + 1000/2 + … + 1000/10 = 2929");
        assert_eq!(sizes[1], 500);
    }

    #[test]
    fn uniform_sizes_lie_between_both_ends_and_reach_them() {
        let sizes = sizes(&rooms(400, Size::Uniform { min: 3, max: 6 }), 1, 0, Seed::new(5)).unwrap();
        for size in 3..=6 {
            let share = sizes.iter().filter(|s| **s == size).count();
            assert!((60..=140).contains(&share), "{size}: {share} of 400");
        }
    }

    #[test]
    fn people_who_do_not_fit_are_an_error() {
        let (message, _) = sizes(&rooms(3, Size::Constant(5)), 16, 0, Seed::new(1)).unwrap_err();
        assert_eq!(message, "the rooms hold 15 people, and 16 come");
        let (message, _) = sizes(&rooms(3, Size::Zipf { s: 1.0, min: 2, max: 4 }), 13, 0, Seed::new(1)).unwrap_err();
        assert_eq!(message, "3 rooms of 2 to 4 hold 6 to 12 people, and 13 come");
        let (message, _) = sizes(&rooms(2, Size::List(vec![9, 1])), 4, 2, Seed::new(1)).unwrap_err();
        assert_eq!(message, "room 2 holds 1, and `per_room` puts 2 people into each");
    }

    #[test]
    fn even_rooms_differ_by_at_most_one() {
        assert_eq!(sizes(&rooms(3, Size::Even), 11, 1, Seed::new(1)).unwrap(), [4, 4, 3]);
    }

    #[test]
    fn people_go_where_assign_says() {
        let sizes = [2, 4, 3];
        assert_eq!(place(Assign::Fill, &sizes, &[group(4), group(5)]), [vec![0, 0, 1, 1], vec![1, 1, 2, 2, 2]]);
        assert_eq!(place(Assign::RoundRobin, &sizes, &[group(9)]), [vec![0, 1, 2, 0, 1, 2, 1, 2, 1]]);
        assert_eq!(place(Assign::Spread, &sizes, &[group(3)]), [vec![1, 1, 2]]);
        let speakers = Group { count: 6, per_room: Some(2) };
        let placed = place(Assign::Fill, &[3, 3, 3], &[group(3), speakers]);
        assert_eq!(placed, [vec![0, 1, 2], vec![0, 1, 2, 0, 1, 2]]);
    }
}
