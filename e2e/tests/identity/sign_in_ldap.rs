//! Signing in with a directory: with the page's form, and with the grant
//! `password`.

use muster_api::{
    identities::{Identity, IdentityLink},
    page::Page as List,
    tokens::{OAuthError, TokenReply, TokenRequest},
    users::{User, UserState, UserType},
};
use muster_e2e::{
    Client, Host, PASSWORD, eventually, only_field, refuse,
    servers::{Authority, Browser, SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Slapd},
    sign_in::{authorize, code_of, enter, offer, redeem, token},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

struct Scene {
    host: Host,
    admin: Client,
    slapd: Slapd,
    authority: Authority,
}

impl Scene {
    async fn start(policy: Value) -> Self {
        let host = Host::start().await;
        let admin = host.client().await;
        let authority = Authority::new();
        let scene = Self {
            slapd: Slapd::start(&authority),
            host,
            admin,
            authority,
        };
        scene.configure(policy, "operator").await;
        scene
    }

    async fn configure(&self, policy: Value, operators: &str) {
        let method = json!({
            "name": "corp",
            "label": "Company account",
            "policy": policy,
            "settings": {
                "kind": "ldap",
                "urls": [self.slapd.secure_url()],
                "ca_file": self.authority.file(),
                "bind_dn": SERVICE_DN,
                "bind_password": SERVICE_PASSWORD,
                "user_base": format!("ou=people,{SUFFIX}"),
                "group_base": format!("ou=groups,{SUFFIX}"),
                "group_types": { "staff": "developer", "operators": operators },
            },
        });
        offer(&self.admin, &[method]).await;
    }

    async fn by_password(&self, name: &str, password: &str) -> Result<TokenReply, OAuthError> {
        let request = TokenRequest {
            grant_type: "password".to_owned(),
            method: Some("corp".to_owned()),
            username: Some(name.to_owned()),
            password: Some(password.to_owned()),
            ..TokenRequest::default()
        };
        let reply = token(&self.host, &request).await;
        if reply.status() == StatusCode::OK {
            Ok(reply.json().await.expect("tokens"))
        } else {
            Err(reply.json().await.expect("an OAuth error"))
        }
    }
}

#[tokio::test]
async fn a_directory_lets_people_in_by_form_and_by_grant() {
    let scene = Scene::start(json!({ "create": true })).await;
    let site = scene.host.url();
    let mut browser = Browser::new(None);
    let page = browser
        .visit(&authorize(&scene.host, "s", None), &site)
        .await;
    assert!(page.body.contains("Company account"), "{}", page.body);
    let page = browser.visit(&format!("{site}/sign-in/corp"), &site).await;
    let page = enter(&mut browser, &scene.host, &page, "ada", "wrong").await;
    assert!(
        page.left.is_none() && page.body.contains("is wrong"),
        "{}",
        page.body
    );
    let page = enter(&mut browser, &scene.host, &page, "ada", "ada's password").await;
    let reply = token(&scene.host, &redeem(&code_of(&page))).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let user: User = scene.admin.get("/users/ada").await;
    assert_eq!(
        (user.kind, user.state),
        (UserType::Operator, UserState::Active)
    );
    assert!(
        !user.email_verified,
        "this directory's addresses do not count"
    );

    scene.configure(json!({}), "admin").await;
    assert!(scene.by_password("ada", "ada's password").await.is_ok());
    let user: User = scene.admin.get("/users/ada").await;
    assert_eq!(user.kind, UserType::Admin, "the type follows the groups");
}

#[tokio::test]
async fn without_create_nobody_new_gets_in_and_with_moderate_they_wait() {
    let scene = Scene::start(json!({})).await;
    let told = scene
        .by_password("ada", "ada's password")
        .await
        .err()
        .expect("refused");
    assert_eq!(told.error, "no_account");
    scene
        .configure(json!({ "create": true, "moderate": true }), "operator")
        .await;
    for _ in 0..2 {
        let told = scene
            .by_password("ada", "ada's password")
            .await
            .err()
            .expect("refused");
        assert_eq!(told.error, "pending");
    }
    let user: User = scene.admin.get("/users/ada").await;
    assert_eq!(user.state, UserState::Pending);
    for (name, password) in [
        ("ada", ""),
        ("ada", "wrong"),
        ("twin", "twin's password"),
        ("*", "x"),
    ] {
        let told = scene
            .by_password(name, password)
            .await
            .err()
            .expect("refused");
        assert!(
            told.error != "pending" && told.error != "no_account",
            "{name}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_password_there_ties_the_directory_to_an_account() {
    let scene = Scene::start(json!({})).await;
    let off = json!({ "provider": "off" });
    let _: Value = scene.admin.send(Method::PUT, "/config/captcha", &off).await;
    let proof = json!({ "password": PASSWORD });
    let link = |password: &str, proof: &Value| {
        let new =
            json!({ "method": "corp", "username": "ada", "password": password, "proof": proof });
        let request = scene.admin.request(Method::POST, "/self/identities");
        request.json(&new)
    };
    // Whoever has the session alone does not tie it to themselves.
    for (proof, field) in [
        (json!({}), "proof.password"),
        (json!({ "password": "wrong" }), "proof.password"),
        (json!({ "otp": "123456" }), "proof.otp"),
    ] {
        let wrong = refuse(link("ada's password", &proof), 422, "invalid-request");
        assert_eq!(only_field(&wrong.await), field);
    }
    let wrong = refuse(link("wrong", &proof), 422, "invalid-request").await;
    assert_eq!(only_field(&wrong), "password");
    let none: List<Identity> = scene.admin.get("/self/identities").await;
    assert!(none.items.is_empty(), "{none:?}");
    let tied = link("ada's password", &proof).send().await.unwrap();
    assert_eq!(tied.status(), StatusCode::OK);
    let tied: IdentityLink = tied.json().await.unwrap();
    assert!(matches!(tied, IdentityLink::Done(_)), "{tied:?}");
    assert!(scene.by_password("ada", "ada's password").await.is_ok());
    let tied: List<Identity> = scene.admin.get("/self/identities").await;
    assert_eq!(tied.items.len(), 1);
    assert!(tied.items[0].last_used_at.is_some());

    let path = "/self/identities/corp/actions/remove";
    let untie = |proof: &Value| scene.admin.request(Method::POST, path).json(proof);
    let bare = refuse(untie(&json!({})), 422, "invalid-request").await;
    assert_eq!(only_field(&bare), "password");
    let done = untie(&proof).send().await.unwrap();
    assert_eq!(done.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn guessing_passwords_there_costs_what_guessing_at_sign_in_costs() {
    let scene = Scene::start(json!({})).await;
    let set = async |section: &str, values: Value| {
        let path = format!("/config/{section}");
        let _: Value = scene.admin.send(Method::PUT, &path, &values).await;
    };
    let guess = |name: &str, password: &str| {
        let new = json!({
            "method": "corp",
            "username": name,
            "password": password,
            "proof": { "password": PASSWORD },
        });
        let request = scene.admin.request(Method::POST, "/self/identities");
        request.json(&new)
    };
    // A puzzle after the second wrong one, for another name too.
    set("captcha", json!({ "after_failures": 2 })).await;
    for name in ["ada", "grace"] {
        refuse(guess(name, "wrong"), 422, "invalid-request").await;
    }
    let problem = refuse(guess("ada", "ada's password"), 422, "captcha-required").await;
    assert!(problem.captcha.is_some(), "{problem:?}");

    // After the third, whoever guesses has to wait.
    set("captcha", json!({ "provider": "off" })).await;
    let lockout = json!({ "failures": 3, "first_pause": "10m", "longest_pause": "10m" });
    set("passwords", json!({ "lockout": lockout })).await;
    refuse(guess("grace", "wrong"), 422, "invalid-request").await;
    refuse(guess("ada", "ada's password"), 429, "locked").await;

    // And it is known that somebody has tried.
    eventually("it is in the audit log", async || {
        let path = "/audit?action=self.identity_add&outcome=refused";
        let found: List<Value> = scene.admin.get(path).await;
        let about = |code: &str| found.items.iter().any(|entry| entry["reason"] == code);
        (about("invalid-request") && about("captcha-required") && about("locked")).then_some(())
    })
    .await;
}
