use super::*;
use crate::testing::{Fixture, abc, on_both, open, path_of, relative, server, store};

on_both!(
    a_block_is_kept_under_its_name_only,
    blocks_outlive_the_process,
    a_damaged_block_is_told_once_and_can_be_uploaded_again,
);

async fn is_missing(blocks: &Blocks, digest: &Digest) -> bool {
    let missing = blocks.missing(std::slice::from_ref(digest)).await.unwrap();
    !missing.is_empty()
}

async fn a_block_is_kept_under_its_name_only(at: Fixture) {
    let (abc, bytes) = abc();
    at.blocks.put(&abc, bytes.clone()).await.unwrap();
    assert_eq!(at.blocks.get(&abc).await.unwrap(), bytes);
    assert_eq!(at.blocks.get_kept(&abc).await.unwrap(), bytes);
    assert!(at.has(&format!("ba/78/{abc}")), "the layout others rely on");

    let other = Digest::from_bytes(&[7; 32]);
    let refused = at.blocks.put(&other, bytes).await.unwrap_err();
    assert!(
        matches!(refused, BlocksError::Mismatch { ref actual, .. } if *actual == abc),
        "{refused}"
    );
    assert!(matches!(
        at.blocks.get(&other).await,
        Err(BlocksError::Missing(_))
    ));
    let large = Bytes::from(vec![0; MAX_BLOCK + 1]);
    assert!(matches!(
        at.blocks.put(&other, large).await,
        Err(BlocksError::TooLarge { .. })
    ));
    let asked = [other.clone(), abc, other.clone()];
    assert_eq!(at.blocks.missing(&asked).await.unwrap(), [other]);
}

async fn blocks_outlive_the_process(at: Fixture) {
    let (abc, bytes) = abc();
    at.blocks.put(&abc, bytes.clone()).await.unwrap();
    assert_eq!(at.again().get(&abc).await.unwrap(), bytes);
    assert_eq!(at.again().get_kept(&abc).await.unwrap(), bytes);
}

async fn a_damaged_block_is_told_once_and_can_be_uploaded_again(at: Fixture) {
    let (abc, bytes) = abc();
    let blocks = &at.blocks;
    blocks.put(&abc, bytes.clone()).await.unwrap();
    for damage in ["abd", "ab", ""] {
        at.damage(&abc, damage);
        assert!(
            matches!(blocks.get(&abc).await, Err(BlocksError::Corrupt(_))),
            "{damage:?}"
        );
        assert!(
            matches!(blocks.get(&abc).await, Err(BlocksError::Missing(_))),
            "{damage:?}"
        );
        assert!(is_missing(blocks, &abc).await);
        assert_eq!(at.text(&format!("{SET_ASIDE}/{abc}")), damage);
        blocks.put(&abc, bytes.clone()).await.unwrap();
        assert_eq!(blocks.get(&abc).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn an_upload_that_a_crash_cut_short_is_no_block() {
    let (blocks, dir) = store();
    let (abc, bytes) = abc();
    let file = path_of(&dir, &abc);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(format!("{}#1", file.display()), "a").unwrap();
    assert!(is_missing(&blocks, &abc).await);
    blocks.put(&abc, bytes.clone()).await.unwrap();
    assert_eq!(blocks.get(&abc).await.unwrap(), bytes);
}

#[tokio::test]
async fn what_is_cached_is_read_without_the_server_and_nothing_is_acknowledged() {
    let at = Fixture::s3();
    let (abc, bytes) = abc();
    at.blocks.put(&abc, bytes.clone()).await.unwrap();
    at.server.as_ref().unwrap().go_away();
    let again = at.again();
    for blocks in [&at.blocks, &again] {
        assert_eq!(blocks.get(&abc).await.unwrap(), bytes);
        assert_eq!(blocks.absent(std::slice::from_ref(&abc)).await.unwrap(), []);
    }
    let away = |done: BlocksError| matches!(done, BlocksError::Away { .. });
    assert!(away(again.put(&abc, bytes.clone()).await.unwrap_err()));
    assert!(away(
        again.missing(std::slice::from_ref(&abc)).await.unwrap_err()
    ));
    let other = Digest::from_bytes(&[7; 32]);
    assert!(away(again.get(&other).await.unwrap_err()));
    assert_eq!(
        again.absent(std::slice::from_ref(&other)).await.unwrap(),
        [other]
    );
    at.server.as_ref().unwrap().come_back();
    again.put(&abc, bytes).await.unwrap();
    assert!(!is_missing(&again, &abc).await);
}

#[tokio::test]
async fn a_cache_is_bounded_and_heals() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let blocks = open(&dir, &server, 2500);
    let mut all = Vec::new();
    for byte in 0..5 {
        all.push(blocks.put_new(Bytes::from(vec![byte; 1000])).await.unwrap());
    }
    let state = blocks.cached_state().unwrap();
    assert!(state.bytes <= 2500 && state.blocks > 0, "{state:?}");
    let first = &all[0];
    assert!(!path_of(&dir, first).exists());
    assert_eq!(
        blocks.not_near(&all[..1]).await.unwrap(),
        std::slice::from_ref(first)
    );
    assert_eq!(blocks.absent(&all).await.unwrap(), []);
    assert_eq!(blocks.get(first).await.unwrap(), vec![0; 1000]);
    std::fs::write(path_of(&dir, first), "damage").unwrap();
    assert_eq!(blocks.get(first).await.unwrap(), vec![0; 1000]);
    assert_eq!(std::fs::read(path_of(&dir, first)).unwrap(), vec![0; 1000]);
    let small = open(&dir, &server, 1000).cached_state().unwrap();
    assert!(small.bytes <= 1000, "{small:?}");
    assert!(blocks.put_near(first, Bytes::new()).await.is_err());
}

#[tokio::test]
async fn a_server_that_refuses_is_told_without_secrets() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let (abc, bytes) = abc();
    let wrong = Credentials {
        access_key: "stranger".to_owned(),
        ..crate::testing::credentials()
    };
    let place = crate::testing::place(&server);
    let blocks = Blocks::open_at(dir.path(), place, &wrong, 0).unwrap();
    let refused = blocks
        .put(&abc, bytes.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("refuses these credentials"), "{refused}");
    assert!(!format!("{blocks:?}").contains("\"secret\""));
    let nowhere: Place = server.url("no-such-bucket").parse().unwrap();
    let blocks = Blocks::open_at(dir.path(), nowhere, &crate::testing::credentials(), 0).unwrap();
    for refused in [
        blocks.put(&abc, bytes).await.unwrap_err(),
        blocks.get(&abc).await.unwrap_err(),
    ] {
        assert!(refused.to_string().contains("no such bucket"), "{refused}");
    }
    assert!(!server.keys("blocks").contains(&relative(&abc)));
}
