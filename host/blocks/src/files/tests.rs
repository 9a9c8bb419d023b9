use muster_api::blocks::Digest;
use proptest::prelude::*;

use super::*;
use crate::{
    file_digest,
    testing::{Fixture, abc, content, on_both, store},
};

on_both!(
    files_are_cut_into_whole_blocks_and_a_rest,
    a_range_is_read_across_blocks,
    a_file_that_contradicts_its_blocks_is_refused,
    a_damaged_block_ends_the_stream,
);

async fn read(blocks: &Blocks, file: &FileEntry, range: Range<u64>) -> Result<Bytes, BlocksError> {
    let pieces: Vec<Bytes> = blocks.read_file(file, range)?.try_collect().await?;
    Ok(pieces.concat().into())
}

async fn files_are_cut_into_whole_blocks_and_a_rest(at: Fixture) {
    let blocks = &at.blocks;
    for (size, count) in [
        (0, 0),
        (1, 1),
        (MAX_BLOCK, 1),
        (MAX_BLOCK + 1, 2),
        (2 * MAX_BLOCK, 2),
    ] {
        let bytes = content(size);
        let file = blocks.write_file("a/b", bytes.as_ref()).await.unwrap();
        assert_eq!(
            (file.size, file.blocks.len()),
            (size as u64, count),
            "{size}"
        );
        assert_eq!(
            file,
            blocks.write_bytes("a/b", bytes.clone()).await.unwrap(),
            "{size}"
        );
        assert_eq!(blocks.load_file(&file).await.unwrap(), bytes, "{size}");
        blocks.check_files(&[file]).await.unwrap();
    }
    let refused = blocks.write_bytes("../a", content(1)).await;
    assert!(matches!(refused, Err(BlocksError::Path(_))));
}

async fn a_range_is_read_across_blocks(at: Fixture) {
    let blocks = &at.blocks;
    let bytes = content(2 * MAX_BLOCK + 100);
    let file = blocks.write_bytes("a", bytes.clone()).await.unwrap();
    let (end, limit) = (file.size, u64::MAX);
    for range in [
        0..0,
        0..1,
        5..BLOCK,
        BLOCK - 1..BLOCK + 1,
        BLOCK..2 * BLOCK,
        7..end,
        end - 1..limit,
        limit..limit,
    ] {
        let expected = bytes.slice(range.start.min(end) as usize..range.end.min(end) as usize);
        assert_eq!(
            read(blocks, &file, range.clone()).await.unwrap(),
            expected,
            "{range:?}"
        );
    }
}

async fn a_file_that_contradicts_its_blocks_is_refused(at: Fixture) {
    let blocks = &at.blocks;
    let (abc, bytes) = abc();
    blocks.put(&abc, bytes).await.unwrap();
    let file = |size, blocks: &[&Digest]| FileEntry {
        path: "a".to_owned(),
        size,
        blocks: blocks.iter().map(|block| (*block).clone()).collect(),
    };
    blocks.check_files(&[file(3, &[&abc])]).await.unwrap();
    let wrong = [
        file(4, &[&abc]),
        file(0, &[&abc]),
        file(3, &[]),
        file(6, &[&abc, &abc]),
        file(BLOCK, &[&abc]),
    ];
    for file in wrong {
        assert!(
            matches!(blocks.load_file(&file).await, Err(BlocksError::Size { .. })),
            "{file:?}"
        );
        assert!(matches!(
            blocks.check_files(std::slice::from_ref(&file)).await,
            Err(BlocksError::Size { .. })
        ));
    }
    let absent = Digest::from_bytes(&[1; 32]);
    let missing = blocks
        .check_files(&[
            file(3, &[&abc]),
            FileEntry {
                path: "b".into(),
                ..file(1, &[&absent])
            },
        ])
        .await;
    assert!(
        matches!(missing, Err(BlocksError::Missing(ref block)) if *block == absent),
        "{missing:?}"
    );
    let twice = blocks
        .check_files(&[file(3, &[&abc]), file(3, &[&abc])])
        .await;
    assert!(matches!(twice, Err(BlocksError::Path(_))));
}

async fn a_damaged_block_ends_the_stream(at: Fixture) {
    let blocks = &at.blocks;
    let file = blocks
        .write_bytes("a", content(MAX_BLOCK + 3))
        .await
        .unwrap();
    at.damage(&file.blocks[1], "odd");
    let mut stream = blocks.read_file(&file, 0..file.size).unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    assert!(matches!(
        stream.next().await,
        Some(Err(BlocksError::Corrupt(_)))
    ));
}

proptest! {
    #[test]
    fn pieces_are_the_range_and_nothing_else(
        size in 0..5 * BLOCK,
        range in (0..6 * BLOCK).prop_flat_map(|start| (Just(start), start..6 * BLOCK)),
    ) {
        let mut at = range.0.min(size);
        for piece in pieces(size, range.0..range.1) {
            let begin = piece.index as u64 * BLOCK;
            prop_assert_eq!(begin + piece.wanted.start as u64, at);
            prop_assert!(piece.wanted.start < piece.wanted.end && piece.wanted.end <= piece.length);
            prop_assert!(begin + piece.length as u64 <= size);
            prop_assert!(piece.length == MAX_BLOCK || begin + piece.length as u64 == size);
            at = begin + piece.wanted.end as u64;
        }
        prop_assert_eq!(at, range.1.min(size).max(range.0.min(size)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_is_written_reads_back(size in 0..2 * MAX_BLOCK + MAX_BLOCK / 2, from in 0..BLOCK, length in 0..2 * BLOCK) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (blocks, _dir) = store();
            let bytes = content(size);
            let file = blocks.write_file("a", bytes.as_ref()).await.unwrap();
            let (start, end) = (from.min(file.size) as usize, (from + length).min(file.size) as usize);
            let range = read(&blocks, &file, from..from + length).await.unwrap();
            prop_assert_eq!(range, bytes.slice(start..end.max(start)));
            prop_assert_eq!(file_digest(&file).len(), 64);
            Ok(())
        })?;
    }
}
