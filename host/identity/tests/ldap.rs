//! Signing in at a real directory.

use std::{fs, sync::Arc};

use muster_api::{
    config::{
        Secret,
        sign_in::{LdapSettings, MethodSettings, SignInMethod, SignInPolicy},
    },
    users::UserType,
};
use muster_e2e::servers::{Authority, SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Slapd};
use muster_identity::sign_in::{Attempt, Method, Profile, SignInError, Style, method};

struct Directory {
    authority: Authority,
    slapd: Slapd,
}

impl Directory {
    fn start() -> Self {
        let authority = Authority::new();
        let slapd = Slapd::start(&authority);
        Self { authority, slapd }
    }

    fn settings(&self) -> LdapSettings {
        LdapSettings {
            urls: vec![self.slapd.url()],
            ca_file: Some(self.authority.file()),
            bind_dn: SERVICE_DN.to_owned(),
            bind_password: Secret::from(SERVICE_PASSWORD),
            user_base: format!("ou=people,{SUFFIX}"),
            group_base: format!("ou=groups,{SUFFIX}"),
            group_types: [
                ("staff".to_owned(), UserType::Developer),
                ("operators".to_owned(), UserType::Operator),
            ]
            .into(),
            ..LdapSettings::default()
        }
    }
}

fn ldap(settings: LdapSettings) -> Arc<dyn Method> {
    let described = SignInMethod {
        name: "ldap-corp".to_owned(),
        label: "Company account".to_owned(),
        enabled: true,
        policy: SignInPolicy::default(),
        settings: MethodSettings::Ldap(Box::new(settings)),
    };
    method(&described)
        .expect("it could work")
        .expect("it is not local")
}

async fn ask(
    settings: LdapSettings,
    username: &str,
    password: &str,
) -> Result<Profile, SignInError> {
    ldap(settings)
        .sign_in(Attempt::Password { username, password })
        .await
}

#[tokio::test]
async fn the_directory_says_who_somebody_is() {
    let directory = Directory::start();
    let method = ldap(directory.settings());
    assert_eq!(method.style(), Style::Password);
    let ada = ask(directory.settings(), "ADA", "ada's password")
        .await
        .unwrap();
    assert_eq!(ada.method, "ldap-corp");
    assert_eq!(ada.username, "ada");
    assert_eq!(ada.subject.len(), 36, "an entryUUID: {}", ada.subject);
    assert_eq!(ada.email.as_deref(), Some("ada@example.org"));
    assert!(!ada.email_verified);
    assert_eq!(ada.display_name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(
        ada.groups,
        ["operators".to_owned(), "staff".to_owned()].into()
    );
    assert_eq!(ada.user_type, Some(UserType::Operator));

    // Her distinguished name has all that filters escape.
    let grace = ask(directory.settings(), "ghopper", "grace's password")
        .await
        .unwrap();
    assert_eq!(grace.username, "ghopper");
    assert_eq!(
        grace.display_name.as_deref(),
        Some("Grace (\"Amazing\") Höpper, USN*")
    );
    assert_eq!(grace.user_type, Some(UserType::Developer));
    assert_ne!(grace.subject, ada.subject);
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let directory = Directory::start();
    for (username, password, told) in [
        ("ada", "wrong", "invalidCredentials"),
        ("ada", "Ada's password", "invalidCredentials"),
        // slapd would take this for an anonymous bind, and let it in.
        ("ada", "", "empty"),
        ("nobody", "any", "does not let"),
        ("mallory", "ada's password", "no entry"),
        ("twin", "twin's password", "more than one"),
        // The service account is no user.
        ("muster", SERVICE_PASSWORD, "no entry"),
        // What people enter is never a part of the filter.
        ("*", "ada's password", "no entry"),
        ("ad*", "ada's password", "no entry"),
        (")(uid=ada", "ada's password", "no entry"),
        ("*)(uid=*))(|(uid=*", "ada's password", "no entry"),
        ("ada)(!(uid=x)", "ada's password", "no entry"),
        ("ada\0", "ada's password", "no entry"),
        ("\\61da", "ada's password", "no entry"),
        ("ada\u{200b}", "ada's password", "no entry"),
    ] {
        let error = ask(directory.settings(), username, password)
            .await
            .expect_err(username);
        assert!(
            matches!(error, SignInError::WrongCredentials { .. }),
            "{username:?}: {error:?}"
        );
        assert!(error.detail().contains(told), "{username:?}: {error:?}");
        assert_eq!(error.to_string(), "the user name or password is wrong");
        assert!(!error.detail().contains(password) || password.len() < 4);
    }
}

#[tokio::test]
async fn only_the_directorys_authority_is_believed() {
    let directory = Directory::start();
    let stranger = Authority::new();
    let over = |url: String, start_tls: bool, authority: &Authority| LdapSettings {
        urls: vec![url],
        start_tls,
        ca_file: Some(authority.file()),
        ..directory.settings()
    };
    let (plain, secure) = (directory.slapd.url(), directory.slapd.secure_url());
    for (url, start_tls) in [(&plain, true), (&secure, false), (&secure, true)] {
        let right = over(url.clone(), start_tls, &directory.authority);
        ask(right, "ada", "ada's password").await.expect(url);
        let wrong = over(url.clone(), start_tls, &stranger);
        let error = ask(wrong, "ada", "ada's password").await.expect_err(url);
        assert!(
            matches!(error, SignInError::Unavailable { .. }),
            "{error:?}"
        );
        assert!(error.detail().contains("certificate"), "{error:?}");
    }
    // Nor are public authorities.
    let public = LdapSettings {
        ca_file: None,
        ..directory.settings()
    };
    let error = ask(public, "ada", "ada's password").await.unwrap_err();
    assert!(error.detail().contains("certificate"), "{error:?}");
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_is_down() {
    let mut directory = Directory::start();
    let mut settings = directory.settings();
    settings.urls.insert(0, "ldap://127.0.0.1:1".to_owned());
    ask(settings.clone(), "ada", "ada's password")
        .await
        .expect("the second answers");
    // But what one says is not asked of another.
    settings.urls.reverse();
    let error = ask(settings.clone(), "ada", "wrong").await.unwrap_err();
    assert!(matches!(error, SignInError::WrongCredentials { .. }));
    directory.slapd.stop();
    let error = ask(settings, "ada", "ada's password").await.unwrap_err();
    assert!(
        matches!(error, SignInError::Unavailable { .. }),
        "{error:?}"
    );
    assert!(error.detail().contains("127.0.0.1:1"), "{error:?}");
}

#[tokio::test]
async fn operators_are_told_what_is_not_set_up() {
    let directory = Directory::start();
    let told = async |change: fn(&mut LdapSettings)| {
        let mut settings = directory.settings();
        change(&mut settings);
        match ask(settings, "ada", "ada's password").await {
            Err(error @ SignInError::Misconfigured { .. }) => error.detail().to_owned(),
            other => panic!("this cannot work: {other:?}"),
        }
    };
    assert!(
        told(|s| s.bind_password = "wrong".into())
            .await
            .contains(SERVICE_DN)
    );
    assert!(told(|s| s.bind_dn.push_str("x=y")).await.contains("x=y"));
    assert!(
        told(|s| s.user_base = "ou=no,dc=example,dc=org".into())
            .await
            .contains("ou=no")
    );
    assert!(
        told(|s| s.group_base = "ou=no,dc=example,dc=org".into())
            .await
            .contains("ou=no")
    );
    assert!(
        told(|s| s.attributes.subject = "title".into())
            .await
            .contains("title")
    );
    assert!(
        told(|s| s.attributes.username = "title".into())
            .await
            .contains("title")
    );
}

#[tokio::test]
async fn a_directory_that_says_nothing_is_given_up() {
    // It accepts connections but never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = LdapSettings {
        urls: vec![format!("ldap://{}", silent.local_addr().unwrap())],
        start_tls: false,
        user_base: SUFFIX.to_owned(),
        timeout: muster_api::units::Millis(50),
        ..LdapSettings::default()
    };
    let error = ask(settings, "ada", "ada's password").await.unwrap_err();
    assert!(
        matches!(error, SignInError::Unavailable { .. }),
        "{error:?}"
    );
    assert!(error.detail().contains("timeout"), "{error:?}");
}

#[tokio::test]
async fn a_damaged_ca_file_is_told_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, "damaged").unwrap();
    let settings = LdapSettings {
        urls: vec!["ldaps://127.0.0.1:1".to_owned()],
        user_base: SUFFIX.to_owned(),
        ca_file: Some(path.to_str().unwrap().to_owned()),
        ..LdapSettings::default()
    };
    let described = SignInMethod {
        name: "ldap".to_owned(),
        label: String::new(),
        enabled: true,
        policy: SignInPolicy::default(),
        settings: MethodSettings::Ldap(Box::new(settings)),
    };
    let Err(error) = method(&described) else {
        panic!("this cannot work");
    };
    assert!(error.detail().contains("ca.pem"), "{error:?}");
}
