use muster_api::config::Secret;

use super::*;

fn settings() -> LdapSettings {
    LdapSettings {
        urls: vec!["ldap://127.0.0.1:1".to_owned()],
        user_base: "ou=people,dc=example,dc=org".to_owned(),
        ..LdapSettings::default()
    }
}

fn build(settings: &LdapSettings) -> Result<Ldap, SignInError> {
    let about = About {
        name: "ldap".to_owned(),
        kind: "ldap",
        label: "Directory".to_owned(),
    };
    Ldap::new(about, settings)
}

fn told(change: impl FnOnce(&mut LdapSettings)) -> String {
    let mut settings = settings();
    change(&mut settings);
    let Err(error) = build(&settings) else {
        panic!("this could never work: {settings:?}");
    };
    assert!(matches!(error, SignInError::Misconfigured { .. }));
    error.detail().to_owned()
}

#[test]
fn what_could_never_work_is_told_at_once() {
    assert!(build(&settings()).is_ok());
    assert!(told(|s| s.urls.clear()).contains("urls"));
    assert!(told(|s| s.urls[0] = "http://directory".to_owned()).contains("urls"));
    assert!(told(|s| s.urls[0] = "ldapi:///tmp/x".to_owned()).contains("urls"));
    assert!(told(|s| s.user_base.clear()).contains("user_base"));
    assert!(told(|s| s.attributes.subject.clear()).contains("attributes.subject"));
    assert!(told(|s| s.user_filter = "(uid=ada)".to_owned()).contains("user_filter"));
    assert!(told(|s| s.user_filter = "(uid={username}".to_owned()).contains("user_filter"));
    assert!(told(|s| s.bind_dn = "cn=muster".to_owned()).contains("bind_password"));
    assert!(told(|s| s.bind_password = Secret::from(Secret::MASK)).contains("again"));
    assert!(told(|s| s.ca_file = Some("/nonexistent".to_owned())).contains("/nonexistent"));
}

#[tokio::test]
async fn without_a_password_nobody_is_asked() {
    let ldap = build(&settings()).unwrap();
    for (username, password) in [
        ("ada", ""),
        ("", "secret"),
        (" ", "secret"),
        ("ada", "a\0b"),
        ("ada", &"x".repeat(LONGEST_INPUT + 1)),
    ] {
        let attempt = Attempt::Password { username, password };
        let error = ldap.sign_in(attempt).await.unwrap_err();
        // To be asked, the server would have to be there.
        assert!(
            matches!(error, SignInError::WrongCredentials { .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn every_server_that_is_down_is_named() {
    let mut settings = settings();
    settings.urls.push("ldaps://127.0.0.1:2".to_owned());
    let attempt = Attempt::Password {
        username: "ada",
        password: "secret",
    };
    let error = build(&settings)
        .unwrap()
        .sign_in(attempt)
        .await
        .unwrap_err();
    assert!(matches!(error, SignInError::Unavailable { .. }));
    assert!(error.detail().contains("ldap://127.0.0.1:1: "), "{error:?}");
    assert!(error.detail().contains("ldaps://127.0.0.1:2: "));
}
