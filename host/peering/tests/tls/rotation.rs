//! Another authority for a cluster that goes on working.

use muster_peering::tls;
use tls::Distrust;

use super::meeting::*;

#[tokio::test]
async fn an_authority_is_replaced_without_a_moment_of_silence() {
    let (old, new) = (authority(), authority());
    let (only_old, both, only_new) = (anchors(&[&old]), anchors(&[&new, &old]), anchors(&[&new]));
    let mut one = Host::new(&old, 1, NOW);
    let mut other = Host::new(&old, 2, NOW);
    let meets = async |one: &Host, its: &_, other: &Host, others: &_| {
        let met = meet(one.serves(its, anyone), other.dials(others, one)).await;
        met.client.unwrap();
        let met = meet(other.serves(others, anyone), one.dials(its, other)).await;
        met.client.unwrap();
    };

    // First both trust the new one too, one after the other.
    meets(&one, &only_old, &other, &only_old).await;
    meets(&one, &both, &other, &only_old).await;
    meets(&one, &both, &other, &both).await;
    // Then both get leaves of it.
    one.renew(&new, NOW);
    meets(&one, &both, &other, &both).await;
    let laggard = Host {
        id: other.id,
        key: muster_peering::HostKey::from_pem(&other.key.to_pem()).unwrap(),
        leaf: other.leaf.clone(),
    };
    other.renew(&new, NOW);
    meets(&one, &both, &other, &both).await;
    // Then the old one goes.
    meets(&one, &only_new, &other, &both).await;
    meets(&one, &only_new, &other, &only_new).await;

    // Whoever has slept through it is told why.
    let met = meet(one.serves(&only_new, anyone), laggard.dials(&both, &one)).await;
    let told = met.client.unwrap_err();
    assert_eq!(tls::reason(&told), Some(Distrust::OtherCluster), "{told}");
}

#[tokio::test]
async fn a_token_from_before_the_change_is_good_if_it_knew_of_the_new_one() {
    let (old, new) = (authority(), authority());
    let leader = Host::new(&new, 1, NOW);
    let both = anchors(&[&new, &old]);
    let met = meet(
        leader.serves(&both, anyone),
        tls::joiner_config(&both.pins(), ALPN).unwrap(),
    )
    .await;
    met.client.unwrap();
    let met = meet(
        leader.serves(&both, anyone),
        tls::joiner_config(&[old.pin()], ALPN).unwrap(),
    )
    .await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::PinMismatch), "{error}");
}
