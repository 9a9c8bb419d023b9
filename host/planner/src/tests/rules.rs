//! A case for each rule.

use super::{group, id, mib};
use crate::snapshot::Condition::{Draining, Lost, Ready};
use crate::{plan, usage};

#[test]
fn memory_cpu_and_disk_must_fit() {
    for lacking in 0..3 {
        let mut small = mib(1000);
        match lacking {
            0 => small.memory = mib(99).memory,
            1 => small.cpu = mib(99).cpu,
            _ => small.disk = mib(99).disk,
        }
        let case = group().host("alpha", small).host("bravo", mib(100));
        assert_eq!(case.app("web", 1, mib(100)).planned(), "start web.0@bravo");
    }
}

#[test]
fn what_is_placed_takes_room() {
    let case = group()
        .hosts("alpha bravo", mib(100))
        .app("old", 1, mib(60))
        .app("web", 1, mib(50))
        .with("old.0@alpha");
    assert_eq!(case.planned(), "start web.0@bravo");
}

#[test]
fn what_is_planned_takes_room() {
    let case = group().host("alpha", mib(250)).app("web", 3, mib(100));
    assert_eq!(
        case.planned(),
        "start web.0@alpha web.1@alpha\nunplaced web.2"
    );
}

#[test]
fn what_stops_takes_room_until_it_is_gone() {
    let case = group()
        .host("alpha", mib(100))
        .app("old", 0, mib(60))
        .app("web", 1, mib(50))
        .with("old.0@alpha");
    assert_eq!(case.planned(), "stop old.0@alpha\nunplaced web.0");
    let next = case.clone().after(&plan(&case));
    assert_eq!(next.planned(), "start web.0@alpha");
}

#[test]
fn the_host_with_fewest_instances_of_the_app_is_next() {
    let case = group()
        .hosts("alpha bravo charlie", mib(1000))
        .app("web", 3, mib(100))
        .app("big", 1, mib(500))
        .with("web.0@alpha web.1@bravo big.0@charlie");
    assert_eq!(case.planned(), "start web.2@charlie");
}

#[test]
fn zones_come_before_hosts() {
    let case = group()
        .hosts("alpha bravo charlie", mib(1000))
        .zone("east", "alpha bravo")
        .zone("west", "charlie")
        .app("web", 4, mib(100))
        .with("web.0@alpha web.1@charlie web.2@alpha");
    // bravo has none and charlie has one, but the west has fewer.
    assert_eq!(case.planned(), "start web.3@charlie");
}

#[test]
fn hosts_without_a_zone_are_one_zone() {
    let case = group()
        .hosts("alpha bravo charlie", mib(1000))
        .zone("east", "charlie")
        .app("web", 2, mib(100))
        .with("web.0@alpha");
    assert_eq!(case.planned(), "start web.1@charlie");
}

#[test]
fn most_headroom_decides_between_equals() {
    let case = group()
        .host("alpha", mib(1000))
        .host("bravo", mib(2000))
        .app("web", 1, mib(100));
    assert_eq!(case.planned(), "start web.0@bravo");
}

#[test]
fn headroom_is_that_of_the_scarcest_resource() {
    let mut lopsided = mib(4000);
    lopsided.disk = mib(500).disk;
    let case = group()
        .host("alpha", lopsided)
        .host("bravo", mib(1000))
        .app("web", 1, mib(100));
    assert_eq!(case.planned(), "start web.0@bravo");
}

#[test]
fn the_id_decides_in_the_end() {
    let case = group()
        .hosts("bravo alpha", mib(1000))
        .app("web", 1, mib(1));
    assert_eq!(case.planned(), "start web.0@alpha");
}

#[test]
fn the_release_is_spread_before_the_app() {
    // All of the old release is on alpha. By the app alone, all of the new one would go to bravo.
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .release("web", "v1", 2, mib(100))
        .release("web", "v2", 2, mib(100))
        .with("v1.0@alpha v1.1@alpha");
    assert_eq!(case.planned(), "start v2.0@bravo v2.1@alpha");
}

#[test]
fn the_other_release_decides_between_equals() {
    let case = group()
        .host("alpha", mib(2000))
        .host("bravo", mib(1000))
        .release("web", "v1", 1, mib(100))
        .release("web", "v2", 1, mib(100))
        .with("v1.0@alpha");
    assert_eq!(case.planned(), "start v2.0@bravo");
}

#[test]
fn every_app_gets_its_first_instance_before_any_gets_its_second() {
    let case = group()
        .host("alpha", mib(300))
        .app("chat", 3, mib(100))
        .app("web", 2, mib(100));
    assert_eq!(
        case.planned(),
        "start chat.0@alpha web.0@alpha chat.1@alpha\nunplaced chat.2 web.1"
    );
}

#[test]
fn the_largest_is_placed_first() {
    let case = group()
        .hosts("alpha bravo", mib(300))
        .app("a", 1, mib(100))
        .app("b", 1, mib(100))
        .app("c", 1, mib(300));
    assert_eq!(case.planned(), "start c.0@alpha a.0@bravo b.0@bravo");
}

#[test]
fn labels_zones_and_one_per_host_are_kept() {
    let hosts = group()
        .hosts("alpha bravo charlie", mib(1000))
        .zone("east", "alpha bravo")
        .label("bravo", "gpu", "yes")
        .label("charlie", "gpu", "no");
    let gpu = hosts.clone().app("web", 1, mib(1)).only(|it| {
        it.labels.insert("gpu".into(), "yes".into());
    });
    assert_eq!(gpu.planned(), "start web.0@bravo");
    let east = hosts
        .clone()
        .app("web", 3, mib(1))
        .only(|it| it.zones = vec!["east".into()]);
    assert_eq!(east.planned(), "start web.0@alpha web.1@bravo web.2@alpha");
    let single = hosts
        .app("web", 4, mib(1))
        .only(|it| it.one_per_host = true);
    assert_eq!(
        single.planned(),
        "start web.0@alpha web.1@charlie web.2@bravo\nunplaced web.3"
    );
}

#[test]
fn one_per_host_lets_the_next_release_in() {
    let case = group()
        .host("alpha", mib(1000))
        .release("web", "v1", 1, mib(1))
        .only(|it| it.one_per_host = true)
        .release("web", "v2", 1, mib(1))
        .only(|it| it.one_per_host = true)
        .with("v1.0@alpha");
    assert_eq!(case.planned(), "start v2.0@alpha");
}

#[test]
fn hosts_without_the_role_get_nothing() {
    let mut case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(1));
    case.at("alpha").runs_apps = false;
    assert_eq!(case.planned(), "start web.0@bravo web.1@bravo");
}

#[test]
fn nothing_moves_for_a_better_spread() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@alpha");
    assert_eq!(case.planned(), "");
}

#[test]
fn a_lost_hosts_instances_start_elsewhere_and_do_not_come_back() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@bravo")
        .is("alpha", Lost);
    assert_eq!(case.planned(), "start web.0@bravo\nstop web.0@alpha");
    let back = case.clone().after(&plan(&case)).is("alpha", Ready);
    assert_eq!(back.planned(), "");
}

#[test]
fn without_room_elsewhere_a_lost_hosts_instance_waits_for_it() {
    let case = group()
        .host("alpha", mib(1000))
        .host("bravo", mib(100))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@bravo")
        .is("alpha", Lost);
    assert_eq!(case.planned(), "unplaced web.0");
    assert_eq!(plan(&case).stays, case.placed);
    assert_eq!(plan(&case).unplaced[0].meanwhile, Some(case.placed[0]));
    // Whoever is first has it: its own host, or a new one.
    assert_eq!(case.clone().is("alpha", Ready).planned(), "");
    let more = case.clone().host("charlie", mib(100));
    assert_eq!(more.planned(), "start web.0@charlie\nstop web.0@alpha");
    // With fewer wanted, it is the one that is not.
    assert_eq!(case.wants("web", 1).planned(), "stop web.0@alpha");
}

#[test]
fn a_host_that_was_removed_has_nothing() {
    let case = group()
        .host("bravo", mib(100))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@bravo");
    assert_eq!(case.planned(), "stop web.0@alpha\nunplaced web.0");
}

#[test]
fn a_draining_host_serves_until_the_replacement_does() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha")
        .is("alpha", Draining);
    assert_eq!(case.planned(), "start web.0@bravo");
    assert_eq!(plan(&case).stays, case.placed);
    let starting = case.clone().with("web.0@bravo?");
    assert_eq!(starting.planned(), "");
    let both = case.with("web.0@bravo");
    assert_eq!(both.planned(), "stop web.0@alpha");
}

#[test]
fn a_drain_that_was_called_off_keeps_what_serves() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@bravo web.0@alpha?");
    assert_eq!(case.planned(), "stop web.0@alpha");
}

#[test]
fn a_draining_host_without_a_replacement_keeps_its_instances() {
    let case = group()
        .host("alpha", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha")
        .is("alpha", Draining);
    assert_eq!(case.planned(), "unplaced web.0");
    assert_eq!(plan(&case).stays, case.placed);
}

#[test]
fn a_crashing_app_does_not_hold_up_a_drain() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha? web.0@bravo?")
        .is("alpha", Draining);
    assert_eq!(case.planned(), "stop web.0@alpha");
}

#[test]
fn a_replacement_that_is_lost_is_replaced() {
    let case = group()
        .hosts("alpha bravo charlie", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha web.0@bravo?")
        .is("alpha", Draining)
        .is("bravo", Lost);
    assert_eq!(case.planned(), "start web.0@charlie\nstop web.0@bravo");
}

#[test]
fn what_serves_nobody_goes_before_what_only_moves() {
    let case = group()
        .host("alpha", mib(1000))
        .host("bravo", mib(100))
        .app("moves", 1, mib(100))
        .app("new", 1, mib(50))
        .with("moves.0@alpha")
        .is("alpha", Draining);
    assert_eq!(case.planned(), "start new.0@bravo\nunplaced moves.0");
}

#[test]
fn what_violates_a_constraint_is_replaced_and_then_stops() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .label("bravo", "gpu", "yes")
        .app("web", 1, mib(100))
        .only(|it| {
            it.labels.insert("gpu".into(), "yes".into());
        })
        .with("web.0@alpha");
    assert_eq!(case.planned(), "start web.0@bravo");
    assert_eq!(case.with("web.0@bravo").planned(), "stop web.0@alpha");
}

#[test]
fn the_second_on_a_host_moves_when_only_one_may_be_there() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(100))
        .only(|it| it.one_per_host = true)
        .with("web.0@alpha? web.1@alpha");
    assert_eq!(case.planned(), "start web.0@bravo");
    assert_eq!(case.with("web.0@bravo").planned(), "stop web.0@alpha");
}

#[test]
fn a_role_that_was_removed_empties_its_host() {
    let mut case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha");
    case.at("alpha").runs_apps = false;
    assert_eq!(case.planned(), "start web.0@bravo");
    assert_eq!(case.with("web.0@bravo").planned(), "stop web.0@alpha");
}

#[test]
fn with_fewer_wanted_the_most_doubled_host_gives_way() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@alpha web.2@bravo");
    assert_eq!(case.planned(), "stop web.1@alpha");
}

#[test]
fn with_fewer_wanted_the_fuller_zone_gives_way() {
    let case = group()
        .hosts("alpha bravo charlie", mib(1000))
        .zone("east", "alpha bravo")
        .zone("west", "charlie")
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@bravo web.2@charlie");
    assert_eq!(case.planned(), "stop web.1@bravo");
}

#[test]
fn with_fewer_wanted_the_fuller_host_gives_way() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("big", 1, mib(500))
        .app("web", 1, mib(100))
        .with("big.0@alpha web.0@alpha web.1@bravo");
    assert_eq!(case.planned(), "stop web.0@alpha");
}

#[test]
fn with_fewer_wanted_the_highest_index_goes_among_equals() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(100))
        .with("web.0@bravo web.1@alpha web.2@alpha web.3@bravo");
    assert_eq!(case.planned(), "stop web.2@alpha web.3@bravo");
}

#[test]
fn with_one_fewer_wanted_the_highest_index_of_all_goes_among_equals() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 3, mib(100))
        .with("web.0@alpha web.1@bravo web.2@bravo web.3@alpha");
    assert_eq!(case.planned(), "stop web.3@alpha");
}

#[test]
fn with_fewer_wanted_what_does_not_run_goes_first() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@alpha web.2@bravo?");
    assert_eq!(case.planned(), "stop web.2@bravo");
}

#[test]
fn with_fewer_wanted_what_would_move_stops_instead() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@bravo web.2@bravo")
        .is("alpha", Draining);
    assert_eq!(case.planned(), "stop web.0@alpha");
}

#[test]
fn new_instances_get_the_lowest_free_index() {
    let case = group()
        .host("alpha", mib(1000))
        .app("web", 4, mib(100))
        .with("web.1@alpha web.4@alpha");
    assert_eq!(case.planned(), "start web.0@alpha web.2@alpha");
}

#[test]
fn releases_that_nobody_wants_stop() {
    let case = group()
        .host("alpha", mib(1000))
        .with("web.0@alpha web.0@gone");
    assert_eq!(case.planned(), "stop web.0@alpha web.0@gone");
}

#[test]
fn a_placement_told_twice_is_one_and_runs_if_either_does() {
    let case = group()
        .host("alpha", mib(100))
        .app("web", 1, mib(100))
        .with("web.0@alpha? web.0@alpha");
    assert!(plan(&case).changes_nothing());
    assert_eq!(plan(&case).stays, case.placed[1..]);
}

#[test]
fn a_host_that_shrank_keeps_what_it_has() {
    let case = group()
        .host("alpha", mib(100))
        .app("web", 2, mib(100))
        .app("nothing", 1, mib(0))
        .with("web.0@alpha web.1@alpha");
    assert_eq!(case.planned(), "unplaced nothing.0");
}

#[test]
fn usage_sums_up_what_is_placed() {
    let case = group()
        .hosts("bravo alpha", mib(1000))
        .app("web", 2, mib(100))
        .app("big", 1, mib(500))
        .with("web.0@alpha web.1@alpha? big.0@alpha unknown.0@bravo web.0@gone");
    let used = usage(&case);
    assert_eq!([used[0].host, used[1].host], [id("alpha"), id("bravo")]);
    assert_eq!((used[0].used, used[0].instances), (mib(700), 3));
    assert_eq!(used[0].free(), mib(300));
    assert_eq!((used[1].used, used[1].instances), (mib(0), 1));
}

#[test]
fn large_groups_come_to_rest_in_one_step() {
    let mut case = group();
    for n in 0..200 {
        let name = format!("host-{n}");
        let zone = ["east", "west", "north"][n % 3];
        case = case.host(&name, mib(64_000)).zone(zone, &name);
    }
    for n in 0..10_000 {
        case = case.app(&format!("app-{n}"), 2, mib(64 + n % 7));
    }
    let first = plan(&case);
    assert_eq!((first.starts.len(), first.unplaced.len()), (20_000, 0));
    let case = case.after(&first);
    assert!(plan(&case).changes_nothing());
    let case = case.is("host-7", Lost);
    let next = plan(&case);
    assert_eq!(next.starts.len(), next.stops.len());
    assert!(
        next.stops
            .iter()
            .all(|it| it.placement.host == id("host-7"))
    );
    assert!(plan(&case.after(&next)).changes_nothing());
}
