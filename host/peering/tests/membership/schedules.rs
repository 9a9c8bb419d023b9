//! Random schedules: messages are lost, doubled and late, hosts and leader
//! crash between writing and doing, people change their minds, time passes.

use muster_peering::membership::{joiner, leader};
use proptest::prelude::*;
use time::Duration;

use super::world::*;

const TOKENS: usize = 4;
const HOSTS: usize = 3;

#[derive(Debug, Clone)]
enum Act {
    Offer(usize),
    Join(usize, usize),
    Deliver(prop::sample::Index),
    Double(prop::sample::Index),
    Lose(prop::sample::Index),
    Wake(usize),
    GiveUp(usize),
    Leave(usize),
    Remove(usize),
    ForceOut(usize),
    Withdraw(usize),
    Place(u32),
    Pass(i64),
    Tick,
    Crash,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..TOKENS).prop_map(Act::Offer),
        4 => (0..HOSTS, 0..TOKENS).prop_map(|(host, token)| Act::Join(host, token)),
        24 => any::<prop::sample::Index>().prop_map(Act::Deliver),
        4 => any::<prop::sample::Index>().prop_map(Act::Double),
        3 => any::<prop::sample::Index>().prop_map(Act::Lose),
        6 => (0..HOSTS).prop_map(Act::Wake),
        1 => (0..HOSTS).prop_map(Act::GiveUp),
        2 => (0..HOSTS).prop_map(Act::Leave),
        1 => (0..TOKENS).prop_map(Act::Remove),
        1 => (0..TOKENS).prop_map(Act::ForceOut),
        1 => (0..TOKENS).prop_map(Act::Withdraw),
        1 => (0u32..2).prop_map(Act::Place),
        2 => (0i64..90).prop_map(Act::Pass),
        1 => (-9_000i64..9_000).prop_map(Act::Pass),
        2 => Just(Act::Tick),
        3 => Just(Act::Crash),
    ]
}

fn play(world: &mut World, act: Act) {
    let at = |index: prop::sample::Index, world: &World| {
        (!world.network.is_empty()).then(|| index.index(world.network.len()))
    };
    match act {
        Act::Offer(token) => world.offer(token),
        Act::Join(host, token) => world.join(host, token),
        Act::Deliver(index) => {
            if let Some(at) = at(index, world) {
                let packet = world.network.swap_remove(at);
                world.arrive(packet);
            }
        }
        Act::Double(index) => {
            if let Some(at) = at(index, world) {
                world.network.push(world.network[at].clone());
            }
        }
        Act::Lose(index) => {
            if let Some(at) = at(index, world) {
                world.network.swap_remove(at);
            }
        }
        Act::Wake(host) => world.host(host, joiner::Event::Wake),
        Act::GiveUp(host) => world.host(host, joiner::Event::GiveUp),
        Act::Leave(host) => world.host(host, joiner::Event::Leave),
        Act::Remove(token) => {
            let workloads = world.workloads;
            world.lead(link(token), leader::Event::Remove { workloads }, None);
        }
        Act::ForceOut(token) => world.lead(link(token), leader::Event::ForceOut, None),
        Act::Withdraw(token) => world.lead(link(token), leader::Event::Withdraw, None),
        Act::Place(workloads) => world.workloads = workloads,
        Act::Pass(seconds) => world.now += Duration::seconds(seconds),
        Act::Tick => world.tick(),
        Act::Crash => world.crashes = true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn both_sides_agree_in_the_end(acts in prop::collection::vec(act(), 0..150)) {
        let mut world = World::new(HOSTS as u128);
        for act in acts {
            play(&mut world, act);
        }
        world.heal();
        world.assert_agreed();
    }

    /// And whoever agreed can go on: what happened before stands in nobody's way.
    #[test]
    fn everybody_can_be_linked_anew(acts in prop::collection::vec(act(), 0..80)) {
        let mut world = World::new(HOSTS as u128);
        for act in acts {
            play(&mut world, act);
        }
        world.heal();
        for host in 0..HOSTS {
            if !world.following(host) {
                world.offer(TOKENS + host);
                world.join(host, TOKENS + host);
            }
        }
        world.heal();
        world.assert_agreed();
        for host in 0..HOSTS {
            prop_assert!(world.following(host), "{:#?}", world);
        }
    }
}

/// The schedules above are worth nothing if nobody ever gets anywhere in them.
#[test]
fn the_schedules_reach_every_end() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let schedule = prop::collection::vec(act(), 0..150);
    let (mut followed, mut endings, mut refused) = (0, std::collections::BTreeMap::new(), 0);
    for _ in 0..400 {
        let mut world = World::new(HOSTS as u128);
        for act in schedule.new_tree(&mut runner).unwrap().current() {
            play(&mut world, act);
        }
        followed += (0..HOSTS).filter(|host| world.following(*host)).count();
        refused += world
            .refused
            .iter()
            .filter(|refusal| refusal.is_audited())
            .count();
        for ending in (0..TOKENS).filter_map(|token| world.ended(token)) {
            *endings.entry(format!("{ending:?}")).or_insert(0) += 1;
        }
    }
    assert!(followed > 50, "{followed}");
    assert!(refused > 50, "{refused}");
    assert_eq!(endings.len(), 6, "{endings:?}");
}
