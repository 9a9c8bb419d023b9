//! The end of a leaf, and clocks that are wrong. The clock of the machine that
//! runs these tests is years from all of these times.

use muster_peering::{Authority, tls};
use time::{Duration, OffsetDateTime, macros::datetime};
use tls::Distrust;
use uuid::Uuid;

use super::meeting::*;

#[tokio::test]
async fn a_leaf_that_ended_is_refused_by_whoever_was_renewed_since() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let mut one = Host::new(&authority, 1, NOW);
    let stale = Host::new(&authority, 2, NOW);

    one.renew(&authority, NOW + LIFE);
    meet(one.serves(&trusted, anyone), stale.dials(&trusted, &one))
        .await
        .client
        .unwrap();

    one.renew(&authority, NOW + LIFE + Duration::HOUR);
    let met = meet(one.serves(&trusted, anyone), stale.dials(&trusted, &one)).await;
    let told = met.client.unwrap_err();
    assert_eq!(tls::reason(&told), Some(Distrust::Expired), "{told}");
    let met = meet(stale.serves(&trusted, anyone), one.dials(&trusted, &stale)).await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::Expired), "{error}");
}

#[tokio::test]
async fn a_host_that_was_off_for_months_gets_back_to_its_leader() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let mut leader = Host::new(&authority, 1, NOW);
    let stale = Host::new(&authority, 2, NOW);
    leader.renew(&authority, NOW + Duration::days(200));

    let list = Leading(anyone);
    let met = meet(
        leader.serves(&trusted, list),
        stale.dials_leader(&trusted, &leader),
    )
    .await;
    assert_eq!(met.server.unwrap().peer, Some(stale.identity()));
    met.client.unwrap();
}

#[tokio::test]
async fn but_not_when_it_was_removed_meanwhile() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let mut leader = Host::new(&authority, 1, NOW);
    let removed = Host::new(&authority, 2, NOW);
    leader.renew(&authority, NOW + Duration::days(200));

    let list = Leading(|_, _| false);
    let met = meet(
        leader.serves(&trusted, list),
        removed.dials_leader(&trusted, &leader),
    )
    .await;
    let told = met.client.unwrap_err();
    assert_eq!(tls::reason(&told), Some(Distrust::NotAMember), "{told}");
}

#[tokio::test]
async fn a_leader_that_is_away_takes_no_connection_down() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    // Renewed at different times before the leader went, years ago.
    let one = Host::new(&authority, 1, NOW);
    let other = Host::new(&authority, 2, NOW + Duration::days(29));
    meet(one.serves(&trusted, anyone), other.dials(&trusted, &one))
        .await
        .client
        .unwrap();
    meet(other.serves(&trusted, anyone), one.dials(&trusted, &other))
        .await
        .client
        .unwrap();
}

#[tokio::test]
async fn wrong_clocks_do_no_harm() {
    for now in [
        OffsetDateTime::UNIX_EPOCH,
        datetime!(2001-01-01 00:00 UTC),
        datetime!(2049-12-31 23:59:59 UTC),
        datetime!(2199-06-01 00:00 UTC),
    ] {
        let authority = Authority::generate(Uuid::from_u128(1), now).unwrap();
        let trusted = anchors(&[&authority]);
        let (one, other) = (Host::new(&authority, 1, now), Host::new(&authority, 2, now));
        meet(
            one.serves(&trusted, anyone),
            tls::joiner_config(&[authority.pin()], ALPN).unwrap(),
        )
        .await
        .client
        .unwrap();
        meet(one.serves(&trusted, anyone), other.dials(&trusted, &one))
            .await
            .client
            .unwrap();
    }
}

/// The leader's clock was a year ahead when it renewed one member, and was then
/// put right.
#[tokio::test]
async fn a_leaders_clock_that_was_put_right_heals_the_cluster() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (leader, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let ahead = NOW + Duration::days(365);
    let mut odd = Host::new(&authority, 3, ahead);

    let met = meet(other.serves(&trusted, anyone), odd.dials(&trusted, &other)).await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::Expired), "{error}");

    // It is told to ask for another leaf, and can: its leader it knows by key.
    assert!(odd.leaf.is_due(NOW, 0.5));
    meet(
        leader.serves(&trusted, Leading(anyone)),
        odd.dials_leader(&trusted, &leader),
    )
    .await
    .client
    .unwrap();
    odd.renew(&authority, NOW);
    meet(other.serves(&trusted, anyone), odd.dials(&trusted, &other))
        .await
        .client
        .unwrap();
}
