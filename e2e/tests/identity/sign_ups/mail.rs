//! Mail that waits, and hosts that send none.

use muster_api::{
    sign_ups::MailTestReply,
    users::{Activation, CreatedUser, User, UserState},
};
use muster_e2e::{
    Host, HostOptions, eventually, refuse,
    servers::{SmtpOptions, SmtpServer},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, configure, mail_to, open, public, somebody, token};

#[tokio::test]
async fn mail_waits_for_a_server_that_is_down_and_for_a_host_that_is() {
    let mut smtp = SmtpServer::start(&SmtpOptions::default());
    let mut host = Host::start_with(HostOptions::default()).await;
    let client = host.client().await;
    configure(&client, &smtp).await;
    let port = smtp.port();
    smtp.stop();
    let new = json!({ "name": "ada", "email": "ada@example.org" });
    let made: CreatedUser = client.send(Method::POST, "/users", &new).await;
    assert!(made.activation.unwrap().link.is_none());
    let reply: MailTestReply = client
        .send(
            Method::POST,
            "/mail/test",
            &json!({ "to": "root@example.org" }),
        )
        .await;
    let problem = reply.problem.unwrap();
    assert!(
        !reply.accepted && problem.contains(&format!("127.0.0.1:{port}")),
        "{problem}"
    );

    let smtp = SmtpServer::start(&SmtpOptions::default());
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    configure(&client, &smtp).await;
    let mail = mail_to(&smtp, "ada@example.org", 1).await;
    let set = json!({ "token": token(&mail), "password": GOOD });
    let set = public(&client, "/activations", &set)
        .send()
        .await
        .expect("an answer");
    assert_eq!(set.status(), StatusCode::OK);
    let reply: MailTestReply = client
        .send(
            Method::POST,
            "/mail/test",
            &json!({ "to": "root@example.org" }),
        )
        .await;
    assert_eq!((reply.accepted, reply.problem), (true, None));
    mail_to(&smtp, "root@example.org", 1).await;
    assert!(!host.log().contains(&token(&mail)), "a link is in the log");
}

#[tokio::test]
async fn where_no_mail_is_sent_an_admin_passes_the_link_on() {
    let host = Host::start().await;
    let client = host.client().await;
    open(&client, None, json!({ "allowed": true })).await;
    let huge = "x".repeat(65 << 10);
    let huge = public(&client, "/sign-ups", &somebody(&huge, "ada@example.org"));
    refuse(huge, 413, "invalid-request").await;

    let ada = public(&client, "/sign-ups", &somebody("ada", "ada@example.org"));
    let told: Value = ada.send().await.unwrap().json().await.unwrap();
    let next = told["next"].as_str().expect("text");
    assert!(next.contains("no mail") && next.contains("admin"), "{next}");
    eventually("ada is there", async || {
        let request = client.request(Method::GET, "/users/ada").send().await;
        request.unwrap().status().is_success().then_some(())
    })
    .await;
    let user: User = client.get("/users/ada").await;
    assert_eq!(user.state, UserState::Unverified);
    let path = "/users/ada/actions/send-activation";
    let activation: Activation = client.send(Method::POST, path, &json!({})).await;
    let link = activation.link.expect("it is shown");
    let (_, token) = link.split_once("?token=").expect("a token");
    let verified = public(
        &client,
        "/sign-ups/verification",
        &json!({ "token": token }),
    );
    assert_eq!(verified.send().await.unwrap().status(), StatusCode::OK);
}
