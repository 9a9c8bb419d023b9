//! The pages on which people sign up, verify, and choose another password.

use muster_api::{
    sign_ups::SignUpInfo,
    terms::TermInfo,
    users::{User, UserState},
};
use muster_e2e::{
    Client, Host, refuse,
    servers::{Browser, Mail, Page, SmtpOptions, SmtpServer},
    sign_in::{authorize, code_of, enter},
};
use reqwest::{Client as Http, Method, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};

use super::{GOOD, OTHER, log_in, mail_to, open, text};

/// A page of users.
type Users = muster_api::page::Page<User>;

async fn visit(browser: &mut Browser, host: &Host, path: &str) -> Page {
    let site = host.url();
    browser.visit(&format!("{site}{path}"), &site).await
}

/// Sends the form of a page with these fields and its token.
async fn send(browser: &mut Browser, host: &Host, page: &Page, fields: &[(&str, &str)]) -> Page {
    let token = page.hidden("token");
    let mut all = vec![("token", token.as_str())];
    all.extend(fields);
    browser.submit(&page.form_action(), &all, &host.url()).await
}

/// The link in a mail.
fn link(mail: &Mail) -> String {
    let text = text(mail);
    let found = text
        .split_whitespace()
        .find(|word| word.contains("?token="));
    found.expect("a link").to_owned()
}

async fn get(host: &Host, path: &str) -> Response {
    let http = Http::builder().redirect(Policy::none()).no_proxy().build();
    let http = http.expect("a client");
    let request = http.get(format!("{}{path}", host.url()));
    let request = request.header(header::ACCEPT, "text/html,*/*;q=0.8");
    request.send().await.expect("an answer")
}

fn says(page: &Page, told: &str) {
    assert!(
        page.body.contains(told),
        "'{told}' is missing: {}",
        page.body
    );
}

async fn ready() -> (SmtpServer, Host, Client) {
    let smtp = SmtpServer::start(&SmtpOptions::default());
    let host = Host::start().await;
    let client = host.client().await;
    let section = json!({ "allowed": true, "moderation": "none" });
    open(&client, Some(&smtp), section).await;
    (smtp, host, client)
}

#[tokio::test]
async fn somebody_comes_by_the_pages_alone() {
    let (smtp, host, client) = ready().await;
    let terms = json!({ "media_type": "text/plain", "text": "Be <b>kind</b>." });
    let _: TermInfo = client.send(Method::POST, "/terms", &terms).await;
    // A program has sent the browser to sign in, and the page leads on.
    let mut browser = Browser::new(None);
    let asked = browser
        .visit(&authorize(&host, "s", None), &host.url())
        .await;
    says(&asked, "href=\"/account/sign-up\"");
    says(&asked, "href=\"/account/forgot\"");
    let form = visit(&mut browser, &host, "/account/sign-up").await;
    says(&form, "Be &lt;b&gt;kind");
    let mut fields = vec![
        ("name", "ada"),
        ("display_name", "<i>Ada</i>"),
        ("email", "ada@example.org"),
        ("password", "ada"),
    ];
    // Terms come first, then the password; what was entered stays, but for that.
    let form = send(&mut browser, &host, &form, &fields).await;
    says(&form, "Read the terms of use and accept them.");
    fields.push(("accept_terms", "1"));
    let form = send(&mut browser, &host, &form, &fields).await;
    says(&form, "Password: ");
    says(&form, "value=\"&lt;i&gt;Ada");
    assert!(
        !form
            .body
            .contains("value=\"ada\" autocomplete=\"new-password")
    );
    fields[3].1 = GOOD;
    let done = send(&mut browser, &host, &form, &fields).await;
    says(&done, "Follow the link in the mail");
    says(&done, "href=\"/sign-in\"");

    let mail = mail_to(&smtp, "ada@example.org", 1).await;
    let opened = browser.visit(&link(&mail), &host.url()).await;
    let ada: User = client.get("/users/ada").await;
    assert_eq!(
        ada.state,
        UserState::Unverified,
        "a link alone does nothing"
    );
    let done = send(&mut browser, &host, &opened, &[]).await;
    says(&done, "Your account is active");
    // The sign-in that began it all goes on, and the terms are not asked again.
    let sign_in = visit(&mut browser, &host, "/sign-in").await;
    let left = enter(&mut browser, &host, &sign_in, "ada", GOOD).await;
    assert!(!code_of(&left).is_empty());
    // The link was good once.
    let again = send(&mut browser, &host, &opened, &[]).await;
    says(&again, "role=\"alert\"");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_the_pages() {
    let (smtp, host, client) = ready().await;
    let new = json!({ "name": "ada", "email": "ada@example.org", "password": GOOD });
    let _: Value = client.send(Method::POST, "/users", &new).await;
    let mut browser = Browser::new(None);
    let form = visit(&mut browser, &host, "/account/forgot").await;
    let odd = send(&mut browser, &host, &form, &[("email", "ada")]).await;
    says(&odd, "role=\"alert\"");
    // Known or not, the page is the same.
    let unknown = send(
        &mut browser,
        &host,
        &odd,
        &[("email", "nobody@example.org")],
    )
    .await;
    let known = send(&mut browser, &host, &odd, &[("email", "ada@example.org")]).await;
    says(&known, "If anybody is known by this address");
    assert_eq!(known.body, unknown.body);
    let mail = mail_to(&smtp, "ada@example.org", 1).await;
    let opened = browser.visit(&link(&mail), &host.url()).await;
    let weak = send(&mut browser, &host, &opened, &[("password", "ada")]).await;
    says(&weak, "role=\"alert\"");
    let done = send(&mut browser, &host, &weak, &[("password", OTHER)]).await;
    says(&done, "Your account is active");
    assert_eq!(log_in(&client, "ada", OTHER).await, StatusCode::OK);
    assert_eq!(log_in(&client, "ada", GOOD).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_pages_do_not_tell_who_is_known() {
    let (smtp, host, client) = ready().await;
    let new = json!({ "name": "ada", "email": "ada@example.org", "password": GOOD });
    let _: Value = client.send(Method::POST, "/users", &new).await;
    let mut browser = Browser::new(None);
    let form = visit(&mut browser, &host, "/account/sign-up").await;
    let mut answers = Vec::new();
    for (name, email) in [
        ("new", "new@example.org"),
        ("ada", "third@example.org"),
        ("other", "ada@example.org"),
    ] {
        let fields = [("name", name), ("email", email), ("password", GOOD)];
        answers.push(send(&mut browser, &host, &form, &fields).await.body);
    }
    assert!(answers[0].contains("Follow the link"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    // Only the owners of the addresses learn more.
    let told = mail_to(&smtp, "ada@example.org", 1).await;
    assert!(text(&told).contains("already"), "{}", told.text);
}

#[tokio::test]
async fn forms_of_other_browsers_are_refused_and_the_pages_keep_to_themselves() {
    let (_smtp, host, client) = ready().await;
    for path in ["/account/sign-up", "/account/forgot"] {
        let mut browser = Browser::new(None);
        let form = visit(&mut browser, &host, path).await;
        let fields = [
            ("name", "eve"),
            ("email", "eve@example.org"),
            ("password", GOOD),
        ];
        let mut other = Browser::new(None);
        let page = send(&mut other, &host, &form, &fields).await;
        says(&page, "not sent from this page");
        visit(&mut other, &host, path).await;
        let page = send(&mut other, &host, &form, &fields).await;
        says(&page, "not sent from this page");
        let bare = browser
            .submit(&form.form_action(), &fields, &host.url())
            .await;
        says(&bare, "not sent from this page");

        let reply = get(&host, path).await;
        assert_eq!(reply.status(), StatusCode::OK, "{path}");
        let cookie = reply.headers()["set-cookie"].to_str().expect("text");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        is_safe(&reply);
    }
    let users: Users = client.get("/users").await;
    assert!(users.items.iter().all(|user| user.name != "eve"));
}

fn is_safe(reply: &Response) {
    let headers = reply.headers();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let policy = headers["content-security-policy"].to_str().expect("text");
    for part in [
        "default-src 'none'",
        "form-action 'self';",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src"), "{policy}");
}

#[tokio::test]
async fn bots_meet_the_puzzle_on_the_page() {
    let host = Host::start().await;
    let client = host.client().await;
    let section = json!({ "allowed": true, "verify_email": false, "moderation": "none" });
    let _: Value = client.send(Method::PUT, "/config/sign-up", &section).await;
    let reply = get(&host, "/account/sign-up").await;
    let policy = reply.headers()["content-security-policy"].to_str();
    assert!(policy.expect("text").contains("script-src 'self'"));
    let mut browser = Browser::new(None);
    let form = visit(&mut browser, &host, "/account/sign-up").await;
    says(&form, "data-challenge=");
    let fields = [
        ("name", "bot"),
        ("email", "b@example.org"),
        ("password", GOOD),
    ];
    let form = send(&mut browser, &host, &form, &fields).await;
    says(&form, "The check for bots: ");
    let forged = [fields[0], fields[1], fields[2], ("captcha", "e30=")];
    let form = send(&mut browser, &host, &form, &forged).await;
    says(&form, "The check for bots: ");
    let users: Users = client.get("/users").await;
    assert!(users.items.iter().all(|user| user.name != "bot"));
}

#[tokio::test]
async fn a_host_that_lets_nobody_in_and_sends_no_mail_says_so() {
    let host = Host::start().await;
    let client = host.client().await;
    let info = client.anonymous(Method::GET, "/api/v1/sign-ups").send();
    let info: SignUpInfo = info.await.expect("an answer").json().await.expect("JSON");
    assert!(!info.allowed);
    let mut browser = Browser::new(None);
    let start = browser
        .visit(&authorize(&host, "s", None), &host.url())
        .await;
    assert!(!start.body.contains("/account/sign-up"), "{}", start.body);
    assert_eq!(
        get(&host, "/account/sign-up").await.status(),
        StatusCode::FORBIDDEN
    );
    let told = visit(&mut browser, &host, "/account/forgot").await;
    says(&told, "ask an admin for a link");
    let ask = json!({ "email": "admin@example.org" });
    let ask = client
        .anonymous(Method::POST, "/api/v1/password-resets")
        .json(&ask);
    let reply: Value = ask.send().await.unwrap().json().await.unwrap();
    assert!(reply["next"].as_str().unwrap().contains("ask an admin"));

    // The admin gets the link, and it opens the page that sets a password.
    let new = json!({ "name": "ada", "email": "ada@example.org", "password": GOOD });
    let _: Value = client.send(Method::POST, "/users", &new).await;
    let path = "/users/ada/actions/send-activation";
    let made: Value = client.send(Method::POST, path, &json!({})).await;
    let link = made["link"].as_str().expect("a link");
    let page = browser.visit(link, &host.url()).await;
    let done = send(&mut browser, &host, &page, &[("password", OTHER)]).await;
    says(&done, "Your account is active");
    assert_eq!(log_in(&client, "ada", OTHER).await, StatusCode::OK);
}

#[tokio::test]
async fn browsers_find_a_page_at_the_root_and_programs_what_they_found_before() {
    let (_smtp, host, client) = ready().await;
    // The console, or what a host without it says.
    assert_eq!(get(&host, "/").await.status(), StatusCode::OK);
    let reply = get(&host, "/account").await;
    assert_eq!(reply.status(), StatusCode::OK);
    is_safe(&reply);
    let body = reply.text().await.expect("a page");
    for link in ["/api/", "/device", "/account/sign-up", "/account/forgot"] {
        assert!(body.contains(&format!("href=\"{link}\"")), "{link}: {body}");
        assert_eq!(get(&host, link).await.status(), StatusCode::OK, "{link}");
    }
    for accept in ["application/json", "*/*"] {
        let request = client.anonymous(Method::GET, "/").header("accept", accept);
        refuse(request, 404, "no-such-route").await;
    }
    let request = client
        .anonymous(Method::POST, "/")
        .header("accept", "text/html");
    refuse(request, 404, "no-such-route").await;
}
