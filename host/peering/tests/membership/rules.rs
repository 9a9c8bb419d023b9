//! The rules of membership, one by one.

use muster_peering::{
    membership::{Ending, Refusal, Reply, joiner, leader},
    tls::PeerIdentity,
};
use time::{Duration, OffsetDateTime};

use super::world::*;

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn ask(peer: PeerIdentity) -> leader::Event {
    leader::Event::Ask {
        peer,
        proven: true,
        admissible: Ok(()),
    }
}

fn offered() -> leader::State {
    leader::State::Offered {
        expires_at: NOW + TOKEN_LIFE,
    }
}

fn after(state: leader::State, event: leader::Event) -> leader::State {
    leader::step(&state, event, NOW).unwrap().0
}

fn joined(host: u128) -> leader::State {
    let pending = after(offered(), ask(peer(host)));
    after(pending, leader::Event::Confirm { peer: peer(host) })
}

fn told(state: leader::State, event: leader::Event) -> Option<Reply> {
    let (_, effects) = leader::step(&state, event, NOW).unwrap();
    effects.into_iter().find_map(|effect| match effect {
        leader::Effect::Reply(reply) => Some(reply),
        _ => None,
    })
}

#[test]
fn a_host_is_linked_by_two_questions() {
    let mut world = World::new(1);
    world.offer(0);
    world.join(0, 0);
    for _ in 0..4 {
        assert!(!world.following(0));
        let packet = world.network.remove(0);
        world.arrive(packet);
    }
    assert!(world.following(0));
    assert!(world.network.is_empty());
    world.assert_agreed();
}

#[test]
fn a_retry_by_the_same_key_gets_the_same_answer_even_when_the_token_is_over() {
    let late = NOW + TOKEN_LIFE + Duration::hours(9);
    for state in [after(offered(), ask(peer(1))), joined(1)] {
        let (again, effects) = leader::step(&state, ask(peer(1)), NOW).unwrap();
        assert_eq!(again, state);
        assert!(effects.contains(&leader::Effect::Issue(peer(1))));
    }
    assert!(leader::step(&joined(1), ask(peer(1)), late).is_ok());
}

#[test]
fn another_key_is_refused_and_audited() {
    let same_host_other_key = PeerIdentity {
        host: peer(1).host,
        ..peer(2)
    };
    for state in [after(offered(), ask(peer(1))), joined(1)] {
        for other in [peer(2), same_host_other_key] {
            let refusal = leader::step(&state, ask(other), NOW).unwrap_err();
            assert_eq!(refusal, Refusal::TokenUsed);
            assert!(refusal.is_audited());
        }
    }
}

#[test]
fn without_the_secret_nobody_learns_whether_a_token_is_good() {
    let over = after(joined(1), leader::Event::ForceOut);
    for state in [offered(), after(offered(), ask(peer(1))), joined(1), over] {
        for admissible in [Ok(()), Err(Refusal::Itself)] {
            let event = leader::Event::Ask {
                peer: peer(1),
                proven: false,
                admissible,
            };
            assert_eq!(leader::step(&state, event, NOW), Err(Refusal::ProofWrong));
        }
    }
}

#[test]
fn a_refused_joiner_does_not_use_the_token_up() {
    let event = leader::Event::Ask {
        peer: peer(1),
        proven: true,
        admissible: Err(Refusal::RunningWorkloads { workloads: 2 }),
    };
    assert_eq!(
        leader::step(&offered(), event, NOW),
        Err(Refusal::RunningWorkloads { workloads: 2 })
    );
    assert!(leader::step(&offered(), ask(peer(1)), NOW).is_ok());
}

#[test]
fn expiry_is_to_the_second_by_the_leaders_clock() {
    let second = Duration::SECOND;
    assert!(leader::step(&offered(), ask(peer(1)), NOW + TOKEN_LIFE - second).is_ok());
    assert_eq!(
        leader::step(&offered(), ask(peer(1)), NOW + TOKEN_LIFE),
        Err(Refusal::TokenExpired)
    );
    let (over, _) = leader::step(&offered(), leader::Event::Tick, NOW + TOKEN_LIFE).unwrap();
    assert_eq!(
        leader::step(&over, ask(peer(1)), NOW),
        Err(Refusal::TokenExpired)
    );
}

#[test]
fn whoever_does_not_confirm_in_time_is_nobody() {
    let pending = after(offered(), ask(peer(1)));
    let late = NOW + leader::CONFIRM_WITHIN;
    for event in [
        leader::Event::Tick,
        leader::Event::Confirm { peer: peer(1) },
    ] {
        let (state, effects) = leader::step(&pending, event, late).unwrap();
        assert_eq!(state.admitted(), None);
        assert!(effects.contains(&leader::Effect::Revoke(peer(1))));
        assert!(!effects.contains(&leader::Effect::Linked(peer(1))));
    }
    let in_time = leader::Event::Confirm { peer: peer(1) };
    let (state, _) = leader::step(&pending, in_time, late - Duration::SECOND).unwrap();
    assert_eq!(state, leader::State::Joined { peer: peer(1) });
}

#[test]
fn a_clock_that_is_put_back_makes_nothing_last_longer() {
    let before = NOW - Duration::days(365);
    let tick = |state, now| leader::step(&state, leader::Event::Tick, now).unwrap().0;
    let pending = tick(after(offered(), ask(peer(1))), before);
    assert_eq!(
        tick(pending, before + leader::CONFIRM_WITHIN).admitted(),
        None
    );
    let offered = tick(offered(), before);
    let late = leader::step(&offered, ask(peer(1)), before + leader::LONGEST_OFFER);
    assert_eq!(late, Err(Refusal::TokenExpired));
}

#[test]
fn only_a_member_stands_in_its_own_way() {
    let same_host_other_key = PeerIdentity {
        host: peer(1).host,
        ..peer(2)
    };
    let pending = after(offered(), ask(peer(1)));
    let already = Err(Refusal::AlreadyLinked);
    assert_eq!(leader::hindrance(&offered(), peer(1)), Ok(()));
    assert_eq!(leader::hindrance(&pending, peer(1)), Ok(()));
    assert_eq!(leader::hindrance(&pending, peer(2)), Ok(()));
    assert_eq!(leader::hindrance(&pending, same_host_other_key), already);
    assert_eq!(leader::hindrance(&joined(1), peer(1)), already);
    assert_eq!(leader::hindrance(&joined(1), same_host_other_key), already);
    assert_eq!(leader::hindrance(&joined(1), peer(2)), Ok(()));
    assert_eq!(after(pending, leader::Event::Supersede).admitted(), None);
    assert_eq!(after(joined(1), leader::Event::Supersede), joined(1));
}

#[test]
fn only_the_member_itself_confirms_or_leaves() {
    let pending = after(offered(), ask(peer(1)));
    for state in [pending, joined(1)] {
        for event in [
            leader::Event::Confirm { peer: peer(2) },
            leader::Event::Leave {
                peer: peer(2),
                workloads: 0,
            },
        ] {
            assert_eq!(after(state, event.clone()), state);
            assert_eq!(told(state, event), Some(Reply::NotKnown(None)));
        }
    }
}

#[test]
fn a_member_in_use_is_freed_first_unless_it_is_lost() {
    let leave = leader::Event::Leave {
        peer: peer(1),
        workloads: 3,
    };
    let in_use = Refusal::InUse { workloads: 3 };
    assert_eq!(leader::step(&joined(1), leave, NOW), Err(in_use.clone()));
    let remove = leader::Event::Remove { workloads: 3 };
    assert_eq!(leader::step(&joined(1), remove, NOW), Err(in_use));
    let (state, effects) = leader::step(&joined(1), leader::Event::ForceOut, NOW).unwrap();
    assert_eq!(state.admitted(), None);
    assert_eq!(effects[0], leader::Effect::Revoke(peer(1)));
}

#[test]
fn whoever_was_forced_out_is_told_so_and_can_be_linked_anew() {
    let mut world = World::new(1);
    world.offer(0);
    world.join(0, 0);
    world.heal();
    assert!(world.following(0));

    world.lead(link(0), leader::Event::ForceOut, None);
    let hello = leader::Event::Confirm { peer: peer(1) };
    let (state, effects) = leader::step(&world.leader[&link(0)], hello, world.now).unwrap();
    assert!(effects.contains(&leader::Effect::CameBack(peer(1))));
    let how = Some(Ending::ForcedOut);
    assert!(effects.contains(&leader::Effect::Reply(Reply::NotKnown(how))));
    assert_eq!(state, world.leader[&link(0)]);

    let answer = joiner::Event::Answer {
        link: link(0),
        leader: peer(LEADER),
        reply: Reply::NotKnown(how),
    };
    let (_, effects) = joiner::step(&world.hosts[0].state, answer).unwrap();
    assert_eq!(effects, [joiner::Effect::Forget, joiner::Effect::Tell(how)]);

    world.heal();
    assert!(!world.following(0));
    world.offer(1);
    world.join(0, 1);
    world.heal();
    assert!(world.following(0));
    world.assert_agreed();
}

#[test]
fn giving_up_leaves_nothing_behind() {
    for delivered in 0..4 {
        let mut world = World::new(1);
        world.offer(0);
        world.join(0, 0);
        for _ in 0..delivered {
            let packet = world.network.remove(0);
            world.arrive(packet);
        }
        world.host(0, joiner::Event::GiveUp);
        world.heal();
        assert!(!world.following(0), "{delivered}");
        world.assert_agreed();
    }
}

#[test]
fn only_the_leader_that_let_it_in_can_speak_to_a_follower() {
    let mut world = World::new(1);
    world.offer(0);
    world.join(0, 0);
    world.heal();
    for (link, leader) in [(link(0), peer(5)), (link(1), peer(LEADER))] {
        let answer = joiner::Event::Answer {
            link,
            leader,
            reply: Reply::NotKnown(None),
        };
        let before = world.hosts[0].state;
        assert_eq!(joiner::step(&before, answer), Ok((before, vec![])));
    }
}

#[test]
fn one_thing_after_the_other() {
    let join = |number| joiner::Event::Join {
        link: link(number),
        followers: 0,
    };
    let alone = joiner::State::Alone;
    let refused = |state: &joiner::State, event| joiner::step(state, event).unwrap_err();
    assert_eq!(refused(&alone, joiner::Event::Leave), Refusal::NotLinked);
    assert_eq!(refused(&alone, joiner::Event::Abandon), Refusal::NotLinked);
    let leading = joiner::Event::Join {
        link: link(0),
        followers: 2,
    };
    assert_eq!(
        refused(&alone, leading),
        Refusal::HasFollowers { followers: 2 }
    );

    let (asking, _) = joiner::step(&alone, join(0)).unwrap();
    assert!(!asking.may_lead());
    assert_eq!(refused(&asking, join(1)), Refusal::Busy);
    assert_eq!(refused(&asking, joiner::Event::Leave), Refusal::Busy);
    assert_eq!(joiner::step(&asking, join(0)).unwrap().0, asking);

    let leader = peer(LEADER);
    let following = joiner::State::Following {
        link: link(0),
        leader,
    };
    assert_eq!(refused(&following, join(1)), Refusal::AlreadyLinked);
    assert_eq!(
        joiner::step(&following, joiner::Event::Abandon),
        Ok((alone, vec![joiner::Effect::Forget]))
    );
}

#[test]
fn a_host_stops_leading_when_nobody_follows() {
    let over = after(joined(1), leader::Event::ForceOut);
    assert_eq!(leader::stop_leading(&[offered(), over]), Ok(()));
    let pending = after(offered(), ask(peer(2)));
    assert_eq!(
        leader::stop_leading(&[over, joined(1), pending]),
        Err(Refusal::HasFollowers { followers: 2 })
    );
    let withdrawn = after(offered(), leader::Event::Withdraw);
    assert_eq!(
        leader::step(&withdrawn, ask(peer(1)), NOW),
        Err(Refusal::UnknownToken)
    );
    let used = leader::step(&joined(1), leader::Event::Withdraw, NOW);
    assert_eq!(used, Err(Refusal::TokenUsed));
}

#[test]
fn every_refusal_survives_the_wire_under_its_code() {
    use muster_peering::membership::{Mode, Side};
    let all = [
        Refusal::TokenExpired,
        Refusal::TokenUsed,
        Refusal::UnknownToken,
        Refusal::ProofWrong,
        Refusal::PinMismatch,
        Refusal::Unreachable {
            tried: vec!["a:1".into(), "b:2".into()],
        },
        Refusal::OtherMode {
            leader: Mode::Agent,
            joiner: Mode::Appliance,
        },
        Refusal::OtherOperatingSystem {
            leader: "debian 12".into(),
            joiner: "fedora 44".into(),
        },
        Refusal::IncompatibleVersion {
            leader: "1.2.0".into(),
            joiner: "1.3.0".into(),
        },
        Refusal::RunningWorkloads { workloads: 2 },
        Refusal::MultiNodeOff { side: Side::Joiner },
        Refusal::Itself,
        Refusal::AlreadyLinked,
        Refusal::NotALeader,
        Refusal::HasFollowers { followers: 2 },
        Refusal::InUse { workloads: 2 },
        Refusal::NotLinked,
        Refusal::Busy,
    ];
    let mut sentences = Vec::new();
    for refusal in all {
        let json = serde_json::to_value(&refusal).unwrap();
        assert_eq!(json["code"], refusal.code());
        assert_eq!(serde_json::from_value::<Refusal>(json).unwrap(), refusal);
        sentences.push(format!("{}: {refusal}", refusal.code()));
    }
    insta::assert_snapshot!(sentences.join("\n"));
}

#[test]
fn states_survive_being_written() {
    let over = after(joined(1), leader::Event::ForceOut);
    for state in [offered(), after(offered(), ask(peer(1))), joined(1), over] {
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<leader::State>(&json).unwrap(), state);
    }
    let (link, leader) = (link(0), peer(LEADER));
    for state in [
        joiner::State::Alone,
        joiner::State::Asking { link },
        joiner::State::Confirming { link, leader },
        joiner::State::Following { link, leader },
        joiner::State::Leaving { link, leader },
    ] {
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<joiner::State>(&json).unwrap(), state);
    }
}
