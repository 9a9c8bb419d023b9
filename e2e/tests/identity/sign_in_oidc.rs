//! Signing in at an OpenID Connect provider, by way of the host's pages; and
//! whatever else somebody may try.

use muster_api::{
    identities::{Identity, MethodOffer},
    page::Page as List,
    tokens::TokenReply,
    users::{Profile, User, UserState, UserType},
};
use muster_e2e::{
    Client, Host, PASSWORD,
    servers::{Browser, OidcOptions, OidcProvider, Page},
    sign_in::{authorize, code_of, enter, offer, parameters, redeem, token},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const METHODS: [&str; 4] = ["sso", "linking", "moderated", "closed"];

struct Scene {
    host: Host,
    admin: Client,
    provider: OidcProvider,
}

impl Scene {
    async fn start() -> Self {
        let host = Host::start().await;
        let admin = host.client().await;
        let callbacks = METHODS.map(|name| format!("{}/sign-in/{name}/callback", host.url()));
        let provider = OidcProvider::start(&OidcOptions {
            authority: None,
            redirect_uris: &callbacks.each_ref().map(String::as_str),
        });
        let scene = Self {
            host,
            admin,
            provider,
        };
        scene.configure("operator").await;
        scene
    }

    /// Offers every method; members of `operators` are of that type.
    async fn configure(&self, operators: &str) {
        let method = |name: &str, policy: Value| {
            json!({
                "name": name,
                "label": format!("With {name}"),
                "policy": policy,
                "settings": {
                    "kind": "oidc",
                    "issuer": self.provider.issuer(),
                    "client_id": OidcProvider::CLIENT_ID,
                    "client_secret": OidcProvider::CLIENT_SECRET,
                    "group_types": { "operators": operators },
                },
            })
        };
        let methods = [
            method("sso", json!({ "create": true })),
            method("linking", json!({ "link_by_email": true })),
            method("moderated", json!({ "create": true, "moderate": true })),
            method("closed", json!({})),
        ];
        offer(&self.admin, &methods).await;
    }

    /// Begins a sign-in with a method, and gives the provider's address.
    async fn depart(&self, browser: &mut Browser, method: &str) -> String {
        let site = self.host.url();
        let page = browser
            .visit(&authorize(&self.host, "s", None), &site)
            .await;
        assert!(
            page.body.contains(&format!("With {method}")),
            "{}",
            page.body
        );
        let page = browser
            .visit(&format!("{site}/sign-in/{method}"), &site)
            .await;
        page.left.expect("it is sent to the provider")
    }

    /// The address that the provider sends somebody back to.
    async fn there(&self, browser: &mut Browser, method: &str, login: &str) -> String {
        let url = self.depart(browser, method).await;
        self.provider
            .sign_in(&mut Browser::new(None), &url, login)
            .await
    }

    async fn sign_in(&self, method: &str, login: &str) -> Page {
        let mut browser = Browser::new(None);
        let callback = self.there(&mut browser, method, login).await;
        browser.visit(&callback, &self.host.url()).await
    }

    async fn user(&self, page: &Page) -> Profile {
        let reply = token(&self.host, &redeem(&code_of(page))).await;
        assert_eq!(reply.status(), StatusCode::OK);
        let tokens: TokenReply = reply.json().await.expect("tokens");
        let me = self.admin.anonymous(Method::GET, "/api/v1/self");
        let me = me.bearer_auth(tokens.access_token).send().await;
        me.expect("an answer").json().await.expect("a profile")
    }
}

#[tokio::test]
async fn somebody_new_gets_an_account_whose_type_follows_their_groups() {
    let scene = Scene::start().await;
    let offers: List<MethodOffer> = scene.admin.get("/sign-in-methods").await;
    let names: Vec<_> = offers
        .items
        .iter()
        .map(|offer| offer.name.as_str())
        .collect();
    assert_eq!(names, ["local", "sso", "linking", "moderated", "closed"]);

    let me = scene.user(&scene.sign_in("sso", "ada").await).await;
    assert_eq!(
        (me.user.name.as_str(), me.user.kind),
        ("ada", UserType::Operator)
    );
    assert_eq!(me.user.email.as_deref(), Some("ada@example.org"));
    assert!(me.user.email_verified);
    scene.configure("viewer").await;
    let again = scene.user(&scene.sign_in("sso", "ada").await).await;
    assert_eq!(
        (again.user.id, again.user.kind),
        (me.user.id, UserType::Viewer)
    );
}

#[tokio::test]
async fn policies_keep_people_out_or_waiting() {
    let scene = Scene::start().await;
    let page = scene.sign_in("closed", "ada").await;
    assert!(
        page.left.is_none() && page.body.contains("obody here is tied"),
        "{}",
        page.body
    );
    let users: List<User> = scene.admin.get("/users").await;
    assert_eq!(users.items.len(), 1, "{users:?}");

    let page = scene.sign_in("moderated", "ada").await;
    assert!(
        page.left.is_none() && page.body.contains("activate you"),
        "{}",
        page.body
    );
    let user: User = scene.admin.get("/users/ada").await;
    assert_eq!(user.state, UserState::Pending);
}

#[tokio::test]
async fn accounts_are_linked_by_verified_addresses_alone() {
    let scene = Scene::start().await;
    let ada = scene.user(&scene.sign_in("sso", "ada").await).await;
    // Eve says that Ada's address is hers.
    let page = scene.sign_in("linking", "eve").await;
    assert!(
        page.left.is_none() && page.body.contains("obody here is tied"),
        "{}",
        page.body
    );
    let linked = scene.user(&scene.sign_in("linking", "ada").await).await;
    assert_eq!(linked.user.id, ada.user.id);
}

#[tokio::test]
async fn the_way_back_is_for_the_browser_that_left_and_once() {
    let scene = Scene::start().await;
    let site = scene.host.url();

    let mut browser = Browser::new(None);
    let callback = scene.there(&mut browser, "sso", "ada").await;
    let page = Browser::new(None).visit(&callback, &site).await;
    assert!(
        page.left.is_none() && page.body.contains("Nothing waits"),
        "no cookie: {}",
        page.body
    );
    // Somebody else's browser, which has a visit of its own under way.
    let mut other = Browser::new(None);
    scene.depart(&mut other, "sso").await;
    let page = other.visit(&callback, &site).await;
    assert!(
        page.left.is_none() && page.body.contains("role=\"alert\""),
        "{}",
        page.body
    );
    // Another method's way back.
    let elsewhere = callback.replace("/sign-in/sso/", "/sign-in/linking/");
    let page = browser.visit(&elsewhere, &site).await;
    assert!(
        page.left.is_none() && page.body.contains("role=\"alert\""),
        "{}",
        page.body
    );
    // What was kept is used up by any try.
    let page = browser.visit(&callback, &site).await;
    assert!(
        page.left.is_none() && page.body.contains("egin anew"),
        "{}",
        page.body
    );

    let mut browser = Browser::new(None);
    let callback = scene.there(&mut browser, "sso", "ada").await;
    let state = parameters(&callback)["state"].clone();
    let wrong = callback.replace(&state, &"x".repeat(state.len()));
    let page = browser.visit(&wrong, &site).await;
    assert!(
        page.left.is_none() && page.body.contains("role=\"alert\""),
        "{}",
        page.body
    );

    let mut browser = Browser::new(None);
    let callback = scene.there(&mut browser, "sso", "ada").await;
    let page = browser.visit(&callback, &site).await;
    scene.user(&page).await;
    let page = browser.visit(&callback, &site).await;
    assert!(page.left.is_none(), "the callback serves once");
    let users: List<User> = scene.admin.get("/users").await;
    assert_eq!(users.items.len(), 2, "{users:?}");
}

#[tokio::test]
async fn somebody_ties_a_method_to_their_account_and_unties_it() {
    let scene = Scene::start().await;
    let site = scene.host.url();
    let link: Value = scene
        .admin
        .send(
            Method::POST,
            "/self/identities",
            &json!({ "method": "closed", "proof": { "password": PASSWORD } }),
        )
        .await;
    let url = link["browser"]["url"].as_str().expect("an address");
    let mut browser = Browser::new(None);
    let page = browser.visit(url, &site).await;
    let there = page.left.expect("it is sent to the provider");
    let callback = scene
        .provider
        .sign_in(&mut Browser::new(None), &there, "ada")
        .await;
    let page = browser.visit(&callback, &site).await;
    assert!(
        page.body.contains("ada") && page.body.contains("admin"),
        "{}",
        page.body
    );
    let none: List<Identity> = scene.admin.get("/self/identities").await;
    assert!(none.items.is_empty(), "not before they agree");
    let token = page.hidden("token");
    let fields = [("token", token.as_str()), ("answer", "yes")];
    let page = browser.submit(&page.form_action(), &fields, &site).await;
    assert!(page.body.contains("is tied"), "{}", page.body);

    let tied: List<Identity> = scene.admin.get("/self/identities").await;
    assert_eq!(
        (
            tied.items[0].method.as_str(),
            tied.items[0].subject.as_str()
        ),
        ("closed", "ada")
    );
    let me = scene.user(&scene.sign_in("closed", "ada").await).await;
    assert_eq!(me.user.name, "admin");
    // The address worked once.
    let page = Browser::new(None).visit(url, &site).await;
    assert!(page.body.contains("works once"), "{}", page.body);

    let untie = scene
        .admin
        .request(Method::POST, "/self/identities/closed/actions/remove")
        .json(&json!({ "password": PASSWORD }));
    assert_eq!(
        untie.send().await.expect("an answer").status(),
        StatusCode::NO_CONTENT
    );
    let page = scene.sign_in("closed", "ada").await;
    assert!(
        page.left.is_none() && page.body.contains("obody here is tied"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn passwords_still_do_beside_other_methods() {
    let scene = Scene::start().await;
    let site = scene.host.url();
    let mut browser = Browser::new(None);
    browser
        .visit(&authorize(&scene.host, "s", None), &site)
        .await;
    let page = browser.visit(&format!("{site}/sign-in/local"), &site).await;
    let page = enter(&mut browser, &scene.host, &page, "admin", PASSWORD).await;
    assert_eq!(scene.user(&page).await.user.name, "admin");
    let page = browser
        .visit(&format!("{site}/sign-in/nothing"), &site)
        .await;
    assert!(page.left.is_none());
}
