use proptest::prelude::*;

use super::*;
use crate::{BlocksIn, KeyKind, Writer};

fn lock() -> Lock {
    Lock::File(vec![7; 32])
}

fn backup(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    sealed(&lock(), parts)
}

fn sealed(lock: &Lock, parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut writer, _) = Writer::new(lock, 17, "north", "0.1.0", BlocksIn::All).unwrap();
    let mut bytes = Vec::new();
    for (name, content) in parts {
        writer.begin(name);
        for piece in content.chunks(100_000) {
            writer.data(piece);
            bytes.append(&mut writer.take());
        }
        writer.end();
    }
    bytes.append(&mut writer.finish());
    bytes
}

fn read(bytes: &[u8], lock: &Lock) -> Result<Vec<(String, Vec<u8>)>, BackupError> {
    let (mut reader, _) = Reader::open(bytes, lock)?;
    let mut parts = Vec::new();
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Part(name) => parts.push((name, Vec::new())),
            Item::Data(bytes) => parts.last_mut().unwrap().1.extend(bytes),
            Item::End => {}
        }
    }
    Ok(parts)
}

#[test]
fn what_is_written_is_read() {
    let large: Vec<u8> = (0..700_000_u32).map(|at| at as u8).collect();
    for parts in [
        vec![],
        vec![("empty", vec![])],
        vec![("a", b"abc".to_vec()), ("large", large), ("b", vec![0])],
    ] {
        let bytes = backup(&parts);
        let expected: Vec<_> = parts
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.clone()))
            .collect();
        assert_eq!(read(&bytes, &lock()).unwrap(), expected);
        let head = head_of(&mut bytes.as_slice()).unwrap();
        assert_eq!((head.made_at, head.host.as_str()), (17, "north"));
    }
}

#[test]
fn only_its_key_opens_it() {
    let bytes = backup(&[("a", b"secret content".to_vec())]);
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    let other = read(&bytes, &Lock::File(vec![8; 32])).unwrap_err();
    assert!(matches!(other, BackupError::Closed), "{other}");
    for lock in [
        Lock::File(vec![7; 31]),
        Lock::Passphrase("correct horse".to_owned()),
    ] {
        assert!(matches!(read(&bytes, &lock), Err(BackupError::Key(_))));
    }
    let phrase = |text: &str| Lock::Passphrase(text.to_owned());
    let bytes = sealed(&phrase("correct horse"), &[("a", vec![1])]);
    assert_eq!(read(&bytes, &phrase("correct horse")).unwrap().len(), 1);
    assert!(matches!(
        read(&bytes, &phrase("battery staple")),
        Err(BackupError::Closed)
    ));
    assert!(Writer::new(&phrase(""), 0, "", "", BlocksIn::List).is_err());
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let parts = [("a", vec![1; 300_000]), ("b", vec![2; 10])];
    let bytes = backup(&parts);
    let expected = read(&bytes, &lock()).unwrap();
    // All of the small things, and samples of the long ones.
    let near = |at: usize| at < 700 || at.is_multiple_of(977) || at + 400 > bytes.len();
    for at in (0..bytes.len()).filter(|at| near(*at)) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let found = read(&flipped, &lock());
        assert!(found.is_err(), "{at} {:?}", found.map(|it| it == expected));
        assert!(read(&bytes[..at], &lock()).is_err(), "cut at {at}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(
        read(&longer, &lock()),
        Err(BackupError::Damaged { .. })
    ));
    let cut = read(&bytes[..bytes.len() - 1], &lock()).unwrap_err();
    assert!(matches!(cut, BackupError::CutOff), "{cut}");
}

#[test]
fn what_is_no_backup_is_told_from_a_newer_one() {
    for (bytes, newer) in [
        (&b""[..], false),
        (b"PK\x03\x04", false),
        (b"MUSTER-BACKUP x\n{}\n", false),
        (b"MUSTER-BACKUP 1\n{}\n", false),
        (b"MUSTER-BACKUP 2\n{}\n", true),
    ] {
        let refused = head_of(&mut &*bytes).unwrap_err();
        assert_eq!(matches!(refused, BackupError::Newer(_)), newer, "{refused}");
    }
    let greedy = KeyKind::Passphrase {
        memory: u32::MAX,
        passes: 1,
    };
    let lock = Lock::Passphrase("x".to_owned());
    assert!(matches!(
        lock.key(greedy, &[0; 32]),
        Err(BackupError::Key(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_parts_come_back(parts in prop::collection::vec((".{0,20}", prop::collection::vec(any::<u8>(), 0..5000)), 0..6)) {
        let named: Vec<_> = parts.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
        prop_assert_eq!(read(&backup(&named), &lock()).unwrap(), parts);
    }

    #[test]
    fn any_change_is_noticed(content in prop::collection::vec(any::<u8>(), 0..2000), at: prop::sample::Index, flip in 1..=255_u8) {
        let mut bytes = backup(&[("a", content)]);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(read(&bytes, &lock()).is_err());
    }

    #[test]
    fn whatever_comes_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut with_head = backup(&[]);
        let end = with_head.iter().rposition(|byte| *byte == b'}').unwrap() + 2;
        with_head.truncate(end);
        with_head.extend(bytes);
        prop_assert!(read(&with_head, &lock()).is_err());
    }
}
