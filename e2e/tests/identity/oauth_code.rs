//! Authorization codes: a browser signs in, a client gets tokens; and whatever
//! else somebody may try.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use muster_api::{
    authorization::{AuthorizationMetadata, AuthorizationRequest},
    tokens::{OAuthError, TokenReply, TokenRequest},
    users::Profile,
};
use muster_e2e::{
    Host, PASSWORD, eventually,
    servers::Browser,
    sign_in::{
        CALLBACK, CHALLENGE, VERIFIER, authorize, code_of, enter, parameters, redeem, token,
    },
};
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::{Value, json};

fn http() -> Client {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

/// A code for the command line, of the admin.
async fn code(host: &Host) -> String {
    let mut browser = Browser::new(None);
    let page = browser
        .visit(&authorize(host, "s", None), &host.url())
        .await;
    let page = enter(&mut browser, host, &page, "admin", PASSWORD).await;
    code_of(&page)
}

async fn denied(host: &Host, request: &TokenRequest) -> OAuthError {
    let reply = token(host, request).await;
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    reply.json().await.expect("an OAuth error")
}

async fn is_good(host: &Host, tokens: &TokenReply) -> bool {
    let url = format!("{}/api/v1/self", host.url());
    let reply = http().get(url).bearer_auth(&tokens.access_token).send();
    reply.await.expect("an answer").status() == StatusCode::OK
}

#[tokio::test]
async fn a_browser_signs_in_and_the_client_gets_tokens() {
    let host = Host::start().await;
    let mut browser = Browser::new(None);
    let url = authorize(&host, "some state & more", Some("app:read status:read"));
    let page = browser.visit(&url, &host.url()).await;
    assert!(page.left.is_none(), "the form is shown: {}", page.body);
    let page = enter(&mut browser, &host, &page, "admin", PASSWORD).await;
    let left = page.left.clone().expect("it is sent to the client");
    assert!(left.starts_with(&format!("{CALLBACK}?")), "{left}");
    let told = parameters(&left);
    assert_eq!(told["state"], "some state & more");
    assert_eq!(told["iss"], host.url());

    let reply = token(&host, &redeem(&code_of(&page))).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let tokens: TokenReply = reply.json().await.expect("tokens");
    assert_eq!(tokens.scope.as_deref(), Some("app:read status:read"));
    let url = format!("{}/api/v1/self", host.url());
    let me = http().get(url).bearer_auth(&tokens.access_token).send();
    let me: Profile = me.await.expect("an answer").json().await.expect("JSON");
    assert_eq!(me.user.name, "admin");
    assert_eq!(me.permissions.len(), 2, "{:?}", me.permissions);
}

#[tokio::test]
async fn a_code_serves_once_and_its_second_use_ends_the_session() {
    let host = Host::start().await;
    let request = redeem(&code(&host).await);
    let tokens: TokenReply = token(&host, &request).await.json().await.expect("tokens");
    assert!(is_good(&host, &tokens).await);
    assert_eq!(denied(&host, &request).await.error, "invalid_grant");
    assert!(!is_good(&host, &tokens).await, "somebody has a copy");
}

#[tokio::test]
async fn a_code_is_for_its_client_its_address_and_its_verifier_alone() {
    let host = Host::start().await;
    let others: [fn(&mut TokenRequest); 5] = [
        |r| r.code_verifier = Some("b".repeat(43)),
        |r| r.code_verifier = Some(CHALLENGE.to_owned()),
        |r| r.redirect_uri = Some("http://127.0.0.1:4001/callback".to_owned()),
        |r| r.client_id = Some("muster-console".to_owned()),
        |r| r.code = Some(format!("{}x", r.code.clone().unwrap_or_default())),
    ];
    for (number, change) in others.iter().enumerate() {
        let mut request = redeem(&code(&host).await);
        change(&mut request);
        let told = denied(&host, &request).await;
        assert_eq!(told.error, "invalid_grant", "case {number}");
    }
    let mut request = redeem(&code(&host).await);
    request.code_verifier = None;
    assert_eq!(denied(&host, &request).await.error, "invalid_request");
}

#[tokio::test]
async fn answers_go_to_nobody_but_the_client() {
    let host = Host::start().await;
    let begin = |change: &dyn Fn(&mut AuthorizationRequest)| {
        let mut request = muster_e2e::sign_in::request();
        change(&mut request);
        let url = format!("{}/oauth/authorize", host.url());
        http().get(url).query(&request).send()
    };
    for address in [
        "",
        "https://evil.example/callback",
        "http://127.0.0.1:4000@evil.example/callback",
        "http://127.0.0.1.evil.example:4000/callback",
        "http://localhost:4000/callback",
        "http://127.0.0.1:4000/callback/../../evil",
        "http://127.0.0.1:4000/other",
        "//evil.example/callback",
        "javascript:alert(1)",
        "http://127.0.0.1:4000/callback\r\nset-cookie: a=b",
    ] {
        let reply = begin(&|r| r.redirect_uri = address.to_owned()).await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{address}");
        assert!(!reply.headers().contains_key("location"), "{address}");
    }
    for client in ["", "other", "muster-console"] {
        let reply = begin(&|r| r.client_id = client.to_owned()).await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{client}");
        assert!(!reply.headers().contains_key("location"), "{client}");
    }
    type Change<'a> = &'a dyn Fn(&mut AuthorizationRequest);
    let wrongs: [(&str, Change); 5] = [
        ("unsupported_response_type", &|r| {
            r.response_type = "token".to_owned();
        }),
        ("invalid_request", &|r| r.code_challenge = None),
        ("invalid_request", &|r| r.code_challenge_method = None),
        ("invalid_request", &|r| {
            r.code_challenge_method = Some("plain".to_owned());
        }),
        ("invalid_scope", &|r| {
            r.scope = Some("everything".to_owned());
        }),
    ];
    for (error, change) in wrongs {
        let reply = begin(change).await.expect("an answer");
        assert_eq!(reply.status(), StatusCode::SEE_OTHER, "{error}");
        let location = reply.headers()["location"].to_str().expect("text");
        assert!(location.starts_with(&format!("{CALLBACK}?")), "{location}");
        let told = parameters(location);
        assert_eq!(told["error"], error);
        assert_eq!(told["state"], "s");
    }
}

#[tokio::test]
async fn forms_of_others_are_refused_and_pages_keep_to_themselves() {
    let host = Host::start().await;
    let mut browser = Browser::new(None);
    let page = browser
        .visit(&authorize(&host, "s", None), &host.url())
        .await;
    let action = page.form_action();
    let good = page.hidden("token");
    for token in ["", "x", &good.replace(|c: char| c.is_ascii_digit(), "z")] {
        if token == good {
            continue;
        }
        let fields = [
            ("token", token),
            ("username", "admin"),
            ("password", PASSWORD),
        ];
        let page = browser.submit(&action, &fields, &host.url()).await;
        assert!(
            page.left.is_none() && page.body.contains("not sent from this page"),
            "{}",
            page.body
        );
    }
    // Another browser has another visit, or none.
    let fields = [
        ("token", good.as_str()),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    let mut other = Browser::new(None);
    let page = other.submit(&action, &fields, &host.url()).await;
    assert!(
        page.left.is_none() && page.body.contains("Nothing waits"),
        "{}",
        page.body
    );
    other.visit(&authorize(&host, "s", None), &host.url()).await;
    let page = other.submit(&action, &fields, &host.url()).await;
    assert!(
        page.left.is_none() && page.body.contains("not sent from this page"),
        "{}",
        page.body
    );

    let reply = http()
        .get(format!("{}/sign-in", host.url()))
        .send()
        .await
        .expect("an answer");
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    let headers = reply.headers();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let policy = headers["content-security-policy"].to_str().expect("text");
    for part in [
        "default-src 'none'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src"), "{policy}");
}

#[tokio::test]
async fn a_cookie_from_before_does_not_count_after_signing_in() {
    let host = Host::start().await;
    let begun = http()
        .get(authorize(&host, "s", None))
        .send()
        .await
        .expect("an answer");
    let set = begun.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().unwrap_or_default().to_owned();
    let form = format!("{}/sign-in/local", host.url());
    let page = http().get(&form).header("cookie", &cookie).send();
    let page = page.await.expect("an answer").text().await.expect("a page");
    let token = page
        .split("name=\"token\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a token");
    let fields = [
        ("token", token),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    let reply = http()
        .post(&form)
        .header("cookie", &cookie)
        .form(&fields)
        .send()
        .await
        .expect("an answer");
    assert_eq!(reply.status(), StatusCode::SEE_OTHER);
    let renewed = reply.headers()["set-cookie"].to_str().expect("text");
    assert!(!renewed.starts_with(&cookie), "{renewed}");
    let before = http()
        .get(format!("{}/sign-in", host.url()))
        .header("cookie", &cookie)
        .send()
        .await
        .expect("an answer");
    assert_eq!(before.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_and_cancelling_tells_the_client() {
    let host = Host::start().await;
    let mut browser = Browser::new(None);
    let page = browser
        .visit(&authorize(&host, "s", None), &host.url())
        .await;
    let page = enter(&mut browser, &host, &page, "admin", "wrong").await;
    assert!(
        page.left.is_none() && page.body.contains("role=\"alert\""),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("value=\"admin\"") && !page.body.contains("wrong\""),
        "{}",
        page.body
    );
    let site = host.url();
    let fields = [("token", page.hidden("token")), ("answer", "no".to_owned())];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let page = browser
        .submit(&format!("{site}/sign-in"), &fields, &site)
        .await;
    assert_eq!(
        parameters(&page.left.expect("it is sent back"))["error"],
        "access_denied"
    );
}

#[tokio::test]
async fn the_server_says_what_it_can_do() {
    let host = Host::start().await;
    let url = format!("{}/.well-known/oauth-authorization-server", host.url());
    let reply = http().get(url).send().await.expect("an answer");
    let metadata: AuthorizationMetadata = reply.json().await.expect("metadata");
    assert_eq!(metadata.issuer, host.url());
    let claims = |client: &muster_e2e::Client| -> Value {
        let part = client.token().split('.').nth(1).expect("a JWT").to_owned();
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    // Tokens are from whom the metadata names, whatever that is; a new address
    // ends no token.
    let admin = host.client().await;
    assert_eq!(claims(&admin)["iss"], host.url());
    let named = json!({ "public_url": "https://muster.test" });
    let _: Value = admin.send(Method::PUT, "/config/management", &named).await;
    eventually("tokens have the new issuer", async || {
        (claims(&host.client().await)["iss"] == "https://muster.test").then_some(())
    })
    .await;
    let _: Value = admin.get("/self").await;
    assert_eq!(metadata.code_challenge_methods_supported, ["S256"]);
    for endpoint in [
        &metadata.token_endpoint,
        &metadata.device_authorization_endpoint,
    ] {
        let reply = http()
            .post(endpoint)
            .form(&[("a", "b")])
            .send()
            .await
            .expect("an answer");
        assert_ne!(reply.status(), StatusCode::NOT_FOUND, "{endpoint}");
    }
    assert!(VERIFIER.len() >= 43);
}

/// Every page, and what it answers to a browser that was sent nowhere: pages
/// are no operations, so that each sees to itself.
const PAGES: [(&str, &str, u16); 11] = [
    ("GET", "/sign-in", 400),
    ("POST", "/sign-in", 400),
    ("GET", "/sign-in/local", 400),
    ("POST", "/sign-in/local", 400),
    ("GET", "/sign-in/local/callback", 400),
    ("GET", "/sign-in/nothing", 400),
    ("GET", "/sign-in-link/nothing", 400),
    ("GET", "/sign-in-assets/nothing", 404),
    ("GET", "/device", 200),
    ("POST", "/device", 422),
    ("GET", "/oauth/authorize", 400),
];

#[tokio::test]
async fn pages_show_nothing_to_browsers_that_were_not_sent_there() {
    let host = Host::start().await;
    for (method, path, status) in PAGES {
        let method: reqwest::Method = method.parse().expect("a method");
        for cookie in ["", "muster-sign-in=muster_s_made-up"] {
            let url = format!("{}{path}", host.url());
            let request = http()
                .request(method.clone(), url)
                .header("cookie", cookie)
                .form(&[
                    ("token", "x"),
                    ("username", "admin"),
                    ("password", PASSWORD),
                ]);
            let reply = request.send().await.expect("an answer");
            assert_eq!(reply.status().as_u16(), status, "{method} {path}");
            assert!(
                !reply.headers().contains_key("set-cookie"),
                "{method} {path}"
            );
        }
    }
    let known = muster_api::permissions::OPERATIONS.iter();
    let mut paths = known.map(|operation| operation.path);
    assert!(
        paths.all(|path| !path.starts_with("/sign-in") && !path.starts_with("/device")),
        "pages are not described"
    );
}
