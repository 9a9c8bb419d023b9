//! E-mail through a real SMTP server.

use std::fs;

use muster_api::{
    config::{
        Secret,
        mail::{Mail as Settings, MailTls},
    },
    units::Millis,
};
use muster_e2e::servers::{Authority, SmtpOptions, SmtpServer};
use muster_identity::mail::{Letter, MailError, Mailer, Occasion, Variables};

const LINK: &str = "https://muster.example/sign-up/verify?token=\
    0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn settings(server: &SmtpServer) -> Settings {
    Settings {
        host: "127.0.0.1".to_owned(),
        port: Some(server.port()),
        tls: MailTls::None,
        from: "Müster <muster@example.org>".to_owned(),
        ..Settings::default()
    }
}

fn letter(occasion: Occasion) -> Letter<'static> {
    Letter {
        occasion,
        to: "zofie@example.org",
        variables: Variables {
            site: "https://muster.example",
            name: "Žofie <王>",
            username: "zofie",
            display_name: "Žofie <王>",
            email: "zofie@example.org",
            link: LINK,
            expires: "24 hours",
        },
    }
}

async fn send(settings: &Settings) -> Result<(), MailError> {
    let mailer = Mailer::new(settings).expect("it could work");
    mailer.send(&letter(Occasion::VerifyEmail)).await
}

#[tokio::test]
async fn every_letter_arrives_as_it_was_written() {
    let server = SmtpServer::start(&SmtpOptions::default());
    let mailer = Mailer::new(&settings(&server)).unwrap();
    mailer.check().await.unwrap();
    for occasion in Occasion::ALL {
        mailer.send(&letter(occasion)).await.unwrap();
    }
    let mails = server.received(Occasion::ALL.len()).await;
    assert_eq!(mails.len(), Occasion::ALL.len());
    for mail in &mails {
        assert_eq!(mail.from, "muster@example.org");
        assert_eq!(mail.to, ["zofie@example.org"]);
        assert!(!mail.secure);
        assert_eq!(mail.header("Auto-Submitted").unwrap(), "auto-generated");
        assert!(mail.header("Message-ID").unwrap().ends_with("@example.org"));
        assert!(mail.body().starts_with("Hello Žofie <王>,\n\n"), "{mail:?}");
        assert_eq!(mail.link(), LINK);
        let html = mail.html();
        assert!(html.contains("<p>Hello Žofie &lt;王&gt;,</p>"), "{html}");
        assert!(mail.text.is_ascii(), "any server takes ASCII");
        assert!(mail.text.lines().all(|line| line.len() <= 998));
    }
    assert_eq!(
        mails[0].header("Subject").unwrap(),
        "Confirm your e-mail address for Muster"
    );
}

#[tokio::test]
async fn an_operators_words_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("verify-email.txt"),
        "Subject: Grüß Gott, {{ name }}\n\n{{ link }}\n",
    )
    .unwrap();
    let server = SmtpServer::start(&SmtpOptions::default());
    let settings = Settings {
        template_directory: Some(folder.path().to_str().unwrap().to_owned()),
        ..settings(&server)
    };
    send(&settings).await.unwrap();
    let mail = server.received(1).await.remove(0);
    assert_eq!(mail.header("Subject").unwrap(), "Grüß Gott, Žofie <王>");
    assert_eq!(mail.body().trim(), LINK);
}

#[tokio::test]
async fn with_tls_only_the_servers_authority_is_believed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (tls, implicit) in [(MailTls::Starttls, false), (MailTls::Implicit, true)] {
        let server = SmtpServer::start(&SmtpOptions {
            authority: Some(&authority),
            implicit,
            login: Some(("muster", "hunter2 %+")),
            ..SmtpOptions::default()
        });
        let with = |authority: &Authority, password: &str| Settings {
            tls,
            ca_file: Some(authority.file()),
            user: "muster".to_owned(),
            password: Secret::from(password),
            ..settings(&server)
        };
        send(&with(&authority, "hunter2 %+")).await.unwrap();
        let mail = server.received(1).await.remove(0);
        assert!(mail.secure);
        assert_eq!(mail.user.as_deref(), Some("muster"));

        let error = send(&with(&authority, "wrong")).await.unwrap_err();
        assert!(matches!(error, MailError::Login { .. }), "{error:?}");
        assert!(error.to_string().contains("muster"), "{error}");
        assert!(!error.to_string().contains("wrong"), "{error}");

        let error = send(&with(&stranger, "hunter2 %+")).await.unwrap_err();
        assert!(matches!(error, MailError::Tls { .. }), "{error:?}");

        let public = Settings {
            ca_file: None,
            ..with(&authority, "hunter2 %+")
        };
        let error = send(&public).await.unwrap_err();
        assert!(matches!(error, MailError::Tls { .. }), "{error:?}");
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test]
async fn starttls_is_never_done_without() {
    // Somebody on the way strips the server's offer.
    let server = SmtpServer::start(&SmtpOptions::default());
    let settings = Settings {
        tls: MailTls::Starttls,
        ..settings(&server)
    };
    let error = send(&settings).await.unwrap_err();
    assert!(matches!(error, MailError::Tls { .. }), "{error:?}");
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_refused_recipient_is_told_apart_from_a_server_that_is_down() {
    let mut server = SmtpServer::start(&SmtpOptions {
        refuse: &["zofie@example.org"],
        ..SmtpOptions::default()
    });
    let settings = settings(&server);
    let error = send(&settings).await.unwrap_err();
    assert!(matches!(error, MailError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("no such user"), "{error}");
    assert!(!error.is_transient());

    server.stop();
    let error = send(&settings).await.unwrap_err();
    assert!(matches!(error, MailError::Unavailable { .. }), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = Settings {
        host: "127.0.0.1".to_owned(),
        port: Some(silent.local_addr().unwrap().port()),
        tls: MailTls::None,
        from: "muster@example.org".to_owned(),
        timeout: Millis(50),
        ..Settings::default()
    };
    let error = send(&settings).await.unwrap_err();
    assert!(matches!(error, MailError::Unavailable { .. }), "{error:?}");
}
