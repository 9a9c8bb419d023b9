use proptest::prelude::*;

use super::*;

fn token() -> impl Strategy<Value = LinkToken> {
    (
        any::<(u128, u128, [u8; 32])>(),
        prop::collection::vec(any::<[u8; 32]>(), 1..=anchors::MOST),
        prop::collection::vec(
            "[a-z]{1,9}(\\.[a-z]{1,9}){0,3}:[1-9][0-9]{0,3}",
            1..=MOST_ADDRESSES,
        ),
        0i64..4_000_000_000,
        prop::collection::vec("[a-z][a-z0-9-]{0,20}", 0..=4),
    )
        .prop_map(
            |((cluster, id, secret), pins, addresses, expires, roles)| LinkToken {
                cluster: Uuid::from_u128(cluster),
                pins: pins.into_iter().map(Pin::from_bytes).collect(),
                addresses,
                id: Uuid::from_u128(id),
                secret,
                expires_at: OffsetDateTime::from_unix_timestamp(expires).unwrap(),
                roles,
            },
        )
}

fn example() -> LinkToken {
    LinkToken {
        cluster: Uuid::from_u128(1),
        pins: vec![Pin::from_bytes([0xab; 32])],
        addresses: vec!["192.0.2.7:7444".to_owned()],
        id: Uuid::from_u128(2),
        secret: *b"a secret of thirty-two bytes, ok",
        expires_at: OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
        roles: vec!["dea".to_owned()],
    }
}

/// A whole token around any JSON.
fn around(json: &str) -> String {
    let mut bytes = json.as_bytes().to_vec();
    bytes.extend(checksum(json.as_bytes()));
    format!("muster1.{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn refused(text: &str) -> TokenError {
    text.parse::<LinkToken>().unwrap_err()
}

#[test]
fn the_text_form_is_settled() {
    let text = example().to_string();
    let body = URL_SAFE_NO_PAD.decode(&text["muster1.".len()..]).unwrap();
    let json = std::str::from_utf8(&body[..body.len() - CHECKSUM]).unwrap();
    insta::assert_snapshot!(json, @r#"{"cluster":"00000000-0000-0000-0000-000000000001","pins":["abababababababababababababababababababababababababababababababab"],"addresses":["192.0.2.7:7444"],"id":"00000000-0000-0000-0000-000000000002","secret":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2s","expires_at":1800000000,"roles":["dea"]}"#);
}

#[test]
fn each_mistake_is_named() {
    let text = example().to_string();
    assert_eq!(refused(""), TokenError::NotAToken);
    assert_eq!(refused("hello"), TokenError::NotAToken);
    assert_eq!(refused("SWMTKN-1-abc"), TokenError::NotAToken);
    assert_eq!(refused("muster_key_abc.def"), TokenError::NotAToken);
    assert_eq!(refused("muster"), TokenError::Damaged);
    assert_eq!(refused("muster1"), TokenError::Damaged);
    assert_eq!(refused("muster1."), TokenError::Damaged);
    assert_eq!(refused(&text[..text.len() - 1]), TokenError::Damaged);
    assert_eq!(refused(&text[..text.len() / 2]), TokenError::Damaged);
    assert_eq!(
        refused(&text.replacen("muster1", "muster2", 1)),
        TokenError::Newer("2".into())
    );
    assert_eq!(
        refused(&format!("muster1.{}", "A".repeat(LONGEST))),
        TokenError::TooLong
    );
    assert_eq!(refused(&around("{}")), TokenError::Content);
    assert_eq!(refused(&around("[1]")), TokenError::Content);
}

#[test]
fn what_is_out_of_bounds_is_neither_given_out_nor_taken() {
    let with = |change: fn(&mut LinkToken)| {
        let mut token = example();
        change(&mut token);
        let error = token.check().unwrap_err();
        assert_eq!(refused(&token.to_string()), error);
        error
    };
    assert_eq!(with(|token| token.pins.clear()), TokenError::Pins);
    assert_eq!(
        with(|token| token.pins = vec![Pin::from_bytes([1; 32]); anchors::MOST + 1]),
        TokenError::Pins
    );
    assert_eq!(with(|token| token.addresses.clear()), TokenError::NoAddress);
    assert_eq!(
        with(|token| token.addresses = vec!["a:1".to_owned(); MOST_ADDRESSES + 1]),
        TokenError::TooManyAddresses
    );
    assert_eq!(
        with(|token| token.addresses.push("\u{1b}[2J".to_owned())),
        TokenError::Address("?[2J".to_owned())
    );
    assert_eq!(
        with(|token| token.roles.push("Not A Role".to_owned())),
        TokenError::Roles
    );
    assert_eq!(
        with(|token| token.roles = vec!["a".to_owned(); MOST_ROLES + 1]),
        TokenError::Roles
    );
}

#[test]
fn the_largest_token_can_be_read() {
    let mut token = example();
    token.pins = vec![Pin::from_bytes([1; 32]); anchors::MOST];
    token.addresses = vec![format!("{}.example:65535", "long".repeat(15)); MOST_ADDRESSES];
    token.roles = vec!["a-role-of-quite-some-length".to_owned(); MOST_ROLES];
    assert_eq!(token.to_string().parse(), Ok(token));
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let token = example();
    let body = URL_SAFE_NO_PAD
        .decode(&token.to_string()["muster1.".len()..])
        .unwrap();
    let json = std::str::from_utf8(&body[..body.len() - CHECKSUM]).unwrap();
    let more = json.replacen('{', r#"{"zone":"a","#, 1);
    assert_eq!(around(&more).parse(), Ok(token));
}

#[test]
fn what_is_logged_shows_no_secret() {
    let token = example();
    let shown = format!("{token:?}");
    for secret in [
        URL_SAFE_NO_PAD.encode(token.secret),
        format!("{:?}", token.secret),
    ] {
        assert!(!shown.contains(&secret), "{shown}");
    }
    assert!(!shown.contains("secret"), "{shown}");
}

proptest! {
    #[test]
    fn tokens_survive_being_written(token in token()) {
        prop_assert_eq!(token.to_string().parse(), Ok(token));
    }

    #[test]
    fn broken_lines_do_no_harm(token in token(), width in 1usize..100) {
        let text = token.to_string();
        let lines: Vec<_> = text.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
        prop_assert_eq!(format!("  {}\r\n", lines.join("\n")).parse(), Ok(token));
    }

    #[test]
    fn every_changed_character_is_noticed(token in token(), at: prop::sample::Index, to in any::<char>()) {
        let text = token.to_string();
        let mut letters: Vec<char> = text.chars().collect();
        let at = at.index(letters.len());
        prop_assume!(letters[at] != to);
        letters[at] = to;
        let changed: String = letters.into_iter().collect();
        prop_assert!(changed.parse::<LinkToken>().is_err());
    }

    #[test]
    fn every_truncation_is_noticed(token in token(), at: prop::sample::Index) {
        let text = token.to_string();
        let at = at.index(text.len());
        prop_assert!(text[..at].parse::<LinkToken>().is_err());
        prop_assert!(text[at + 1..].parse::<LinkToken>().is_err());
    }

    #[test]
    fn any_text_may_be_asked_about(text in ".*") {
        prop_assert!(text.parse::<LinkToken>().is_err());
    }

    #[test]
    fn any_bytes_may_be_inside(bytes: Vec<u8>, json in ".*") {
        let text = format!("muster1.{}", URL_SAFE_NO_PAD.encode(bytes));
        prop_assert!(text.parse::<LinkToken>().is_err());
        prop_assert_eq!(around(&json).parse::<LinkToken>(), Err(TokenError::Content));
    }
}

/// The same, for one token and all of its characters, without luck.
#[test]
fn every_place_and_every_letter_of_base64_is_noticed() {
    let text = example().to_string();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    for at in 0..text.len() {
        for &to in alphabet {
            let mut changed = text.clone().into_bytes();
            if changed[at] == to {
                continue;
            }
            changed[at] = to;
            let changed = String::from_utf8(changed).unwrap();
            assert!(changed.parse::<LinkToken>().is_err(), "{changed}");
        }
    }
}
