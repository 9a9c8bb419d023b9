use http::HeaderValue;
use muster_api::{config::Secret, users::UserType};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PROXY: &str = "10.0.0.7";

fn settings() -> ShibbolethSettings {
    ShibbolethSettings {
        proxies: vec!["10.0.0.7/32".to_owned(), "fd00::/8".to_owned()],
        secret: Secret::from(SECRET),
        group_types: [("staff@example.org".to_owned(), UserType::Developer)].into(),
        ..ShibbolethSettings::default()
    }
}

fn build(settings: &ShibbolethSettings) -> Result<Shibboleth, SignInError> {
    let about = About {
        name: "uni".to_owned(),
        kind: "shibboleth",
        label: "University".to_owned(),
    };
    Shibboleth::new(about, settings)
}

/// What a proxy sends for Ada, with the headers of `more` added.
fn headers(more: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let ada: &[(&str, &[u8])] = &[
        ("X-Muster-Proxy-Secret", SECRET.as_bytes()),
        ("eppn", b"ada@example.org"),
    ];
    for (name, value) in ada.iter().chain(more) {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value).unwrap(),
        );
    }
    headers
}

fn without(name: &str, more: &[(&str, &[u8])]) -> HeaderMap {
    let mut plain = headers(&[]);
    plain.remove(name);
    let all = headers(more);
    for (name, value) in all.iter().skip(2) {
        plain.append(name, value.clone());
    }
    plain
}

async fn ask(peer: &str, headers: &HeaderMap) -> Result<Profile, SignInError> {
    let peer = peer.parse().unwrap();
    build(&settings())
        .unwrap()
        .sign_in(Attempt::Headers { peer, headers })
        .await
}

#[tokio::test]
async fn a_proxy_with_the_secret_is_believed() {
    let headers = headers(&[
        ("givenName", "Žofie".as_bytes()),
        ("sn", "王".as_bytes()),
        ("mail", b"ada@example.org;countess@example.org"),
        (
            "affiliation",
            b"member@example.org; staff@example.org;a\\;b",
        ),
    ]);
    for peer in [PROXY, "::ffff:10.0.0.7", "fd00::1"] {
        let profile = ask(peer, &headers).await.unwrap();
        assert_eq!(profile.method, "uni");
        assert_eq!(profile.subject, "ada@example.org");
        assert_eq!(profile.username, "ada@example.org");
        assert_eq!(profile.email.as_deref(), Some("ada@example.org"));
        assert!(!profile.email_verified);
        assert_eq!(profile.display_name.as_deref(), Some("Žofie 王"));
        assert_eq!(profile.user_type, Some(UserType::Developer));
        assert!(profile.groups.contains("a;b"));
        assert_eq!(profile.groups.len(), 3);
    }
}

#[tokio::test]
async fn the_whole_name_comes_first() {
    let headers = headers(&[("givenName", b"A"), ("sn", b"L"), ("cn", b"Ada Lovelace")]);
    let profile = ask(PROXY, &headers).await.unwrap();
    assert_eq!(profile.display_name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(profile.user_type, None);
}

/// Attempts to get past the proxy: from where, with what, and what the log
/// must say.
#[tokio::test]
async fn nobody_gets_past_the_proxy() {
    let secret: &[u8] = SECRET.as_bytes();
    let long = [b'a'; LONGEST_NAME + 1];
    let bare = |more: &[(&str, &[u8])]| without("x-muster-proxy-secret", more);
    let nobody = |more: &[(&str, &[u8])]| without("eppn", more);
    let table: &[(&str, &str, HeaderMap, &str)] = &[
        ("from elsewhere", "10.0.0.8", headers(&[]), "networks"),
        ("from this very host", "127.0.0.1", headers(&[]), "networks"),
        ("from IPv6", "::1", headers(&[]), "networks"),
        (
            "naming the proxy as the origin",
            "10.0.0.8",
            headers(&[
                ("X-Forwarded-For", b"10.0.0.7"),
                ("Forwarded", b"for=10.0.0.7"),
            ]),
            "networks",
        ),
        ("without the secret", PROXY, bare(&[]), "secret"),
        (
            "with an empty secret",
            PROXY,
            bare(&[("X-Muster-Proxy-Secret", b"")]),
            "secret",
        ),
        (
            "with a part of the secret",
            PROXY,
            bare(&[("X-Muster-Proxy-Secret", &secret[..31])]),
            "secret",
        ),
        (
            "with more than the secret",
            PROXY,
            bare(&[(
                "X-Muster-Proxy-Secret",
                b"0123456789abcdef0123456789abcdef0",
            )]),
            "secret",
        ),
        (
            "with the secret under another spelling",
            PROXY,
            bare(&[("X_Muster_Proxy_Secret", secret)]),
            "also there as",
        ),
        (
            "with a second secret",
            PROXY,
            headers(&[("X-Muster-Proxy-Secret", b"guess")]),
            "twice",
        ),
        (
            "with a second principal",
            PROXY,
            headers(&[("eppn", b"root@example.org")]),
            "twice",
        ),
        (
            "with the same principal twice",
            PROXY,
            headers(&[("EPPN", b"ada@example.org")]),
            "twice",
        ),
        (
            "with the principal as CGI has it",
            PROXY,
            headers(&[("HTTP_EPPN", b"root@example.org")]),
            "also there as",
        ),
        (
            "with only the principal as CGI has it",
            PROXY,
            nobody(&[("HTTP_EPPN", b"root@example.org")]),
            "also there as",
        ),
        (
            "with hyphens in what CGI has",
            PROXY,
            nobody(&[("http-eppn", b"root@example.org")]),
            "also there as",
        ),
        (
            "with several principals in one",
            PROXY,
            nobody(&[("eppn", b"root@example.org;ada@example.org")]),
            "several values",
        ),
        ("without a principal", PROXY, nobody(&[]), "no eppn"),
        (
            "with a blank principal",
            PROXY,
            nobody(&[("eppn", b"  ")]),
            "no eppn",
        ),
        (
            "with a long principal",
            PROXY,
            nobody(&[("eppn", &long)]),
            "too long",
        ),
        (
            "with Latin-1",
            PROXY,
            nobody(&[("eppn", b"zo\xeb@example.org")]),
            "UTF-8",
        ),
        (
            "with a control character of Unicode",
            PROXY,
            nobody(&[("eppn", "ada\u{85}@example.org".as_bytes())]),
            "control",
        ),
        (
            "with a second affiliation",
            PROXY,
            headers(&[
                ("affiliation", b"member@x"),
                ("affiliation", b"staff@example.org"),
            ]),
            "twice",
        ),
        (
            "with a long name",
            PROXY,
            headers(&[("cn", &long)]),
            "too long",
        ),
    ];
    for (what, peer, headers, told) in table {
        let error = ask(peer, headers).await.expect_err(what);
        assert!(
            matches!(error, SignInError::Refused { .. }),
            "{what}: {error:?}"
        );
        assert!(error.detail().contains(told), "{what}: {error:?}");
        assert!(!error.detail().contains(SECRET), "{what}");
        assert!(!error.to_string().contains("secret"), "{what}");
    }
}

#[tokio::test]
async fn names_may_be_written_as_cgi_has_them() {
    let mut settings = settings();
    settings.headers.principal = "HTTP_REMOTE_USER".to_owned();
    let headers = headers(&[("Remote-User", b"ada")]);
    let peer = PROXY.parse().unwrap();
    let profile = build(&settings)
        .unwrap()
        .sign_in(Attempt::Headers {
            peer,
            headers: &headers,
        })
        .await
        .unwrap();
    assert_eq!(profile.subject, "ada");
}

#[test]
fn what_would_believe_too_much_is_told_at_once() {
    let told = |change: fn(&mut ShibbolethSettings)| {
        let mut settings = settings();
        change(&mut settings);
        match build(&settings) {
            Err(error @ SignInError::Misconfigured { .. }) => error.detail().to_owned(),
            _ => panic!("{settings:?} is too much"),
        }
    };
    assert!(told(|s| s.proxies.clear()).contains("proxies"));
    assert!(told(|s| s.proxies[0] = "0.0.0.0/0".to_owned()).contains("everybody"));
    assert!(told(|s| s.proxies[0] = "proxy.example".to_owned()).contains("proxies"));
    assert!(told(|s| s.secret = Secret::default()).contains("secret"));
    assert!(told(|s| s.secret = Secret::from("short")).contains("secret"));
    assert!(told(|s| s.secret_header.clear()).contains("secret_header"));
    assert!(told(|s| s.headers.principal.clear()).contains("principal"));
    assert!(told(|s| s.headers.surname = "s n".to_owned()).contains("surname"));
    assert!(told(|s| s.headers.surname = "HTTP_EPPN".to_owned()).contains("two things"));
}
