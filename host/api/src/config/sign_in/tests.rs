use serde_json::json;

use super::*;

fn ldap(url: &str, password: &str) -> SignIn {
    let section = json!({"methods": [{
        "name": "ldap-corp",
        "label": "Company account",
        "settings": {"kind": "ldap", "urls": [url], "bind_password": password},
    }]});
    serde_json::from_value(section).unwrap()
}

fn secret(section: &SignIn) -> &str {
    section.methods[0].settings.secret().unwrap().expose()
}

#[test]
fn without_a_word_people_sign_in_with_passwords() {
    let section: SignIn = serde_json::from_value(json!({})).unwrap();
    assert_eq!(section, SignIn::default());
    assert_eq!(section.methods[0].settings.kind(), LOCAL);
}

#[test]
fn accounts_are_neither_made_nor_linked_unless_told() {
    let method = &ldap("ldap://a", "x").methods[0];
    assert!(method.enabled);
    assert_eq!(method.policy, SignInPolicy::default());
    assert!(!method.policy.create && !method.policy.link_by_email);
}

#[test]
fn unknown_keys_and_symmetric_algorithms_are_refused() {
    for settings in [
        json!({"kind": "ldap", "url": "ldap://a"}),
        json!({"kind": "oidc", "algorithms": ["HS256"]}),
        json!({"kind": "oidc", "algorithms": ["none"]}),
        json!({"kind": "kerberos"}),
        json!({"kind": "local", "hash": "md5"}),
    ] {
        let told = settings.to_string();
        assert!(
            serde_json::from_value::<MethodSettings>(settings).is_err(),
            "{told}"
        );
    }
}

#[test]
fn what_does_not_go_together_is_told() {
    assert_eq!(SignIn::default().check(), Ok(()));
    let good = ldap("ldap://a", "x");
    assert_eq!(good.check(), Ok(()));
    let told = |change: fn(&mut SignIn)| {
        let mut section = good.clone();
        change(&mut section);
        section.check().unwrap_err().problem
    };
    assert!(told(|s| s.methods.clear()).contains("nobody"));
    assert!(told(|s| s.methods[0].enabled = false).contains("nobody"));
    assert!(told(|s| s.methods.push(s.methods[0].clone())).contains("two"));
    assert!(told(|s| s.methods[0].name = "../admin".to_owned()).contains("../admin"));
    assert!(told(|s| s.methods[0].name = LOCAL.to_owned()).contains(LOCAL));
    assert!(told(|s| s.methods[0].label = " ".to_owned()).contains("label"));
    assert!(told(SignIn::mask).contains("again"));
}

#[test]
fn a_secret_that_is_not_changed_is_kept() {
    let current = ldap("ldap://a", "hunter2");
    let mut shown = current.clone();
    shown.mask();
    assert!(!format!("{shown:?}").contains("hunter2"));
    assert_eq!(secret(&shown), Secret::MASK);
    shown.keep(&current);
    assert_eq!(shown, current);
}

#[test]
fn a_secret_is_not_sent_to_a_place_chosen_by_somebody_without_it() {
    let current = ldap("ldap://a", "hunter2");
    let mut moved = ldap("ldap://attacker", Secret::MASK);
    moved.keep(&current);
    assert_eq!(secret(&moved), Secret::MASK);
    let mut renamed = ldap("ldap://a", Secret::MASK);
    renamed.methods[0].name = "other".to_owned();
    renamed.keep(&current);
    assert_eq!(secret(&renamed), Secret::MASK);
}
