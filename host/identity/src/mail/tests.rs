use muster_api::config::Secret;

use super::*;

fn settings() -> Mail {
    Mail {
        host: "127.0.0.1".to_owned(),
        from: "Muster <muster@example.org>".to_owned(),
        ..Mail::default()
    }
}

fn letter(to: &str) -> Letter<'_> {
    Letter {
        occasion: Occasion::Pending,
        to,
        variables: Variables {
            site: "https://muster.example",
            name: "Ada",
            username: "grace",
            display_name: "",
            email: "grace@example.org",
            link: "https://muster.example/users/grace",
            expires: "",
        },
    }
}

#[test]
fn addresses_are_told_from_what_is_none() {
    for good in [
        "ada@example.org",
        "ada.lovelace+muster@sub.example.org",
        "ada@xn--bcher-kva.example",
        "o'hara@example.org",
        "ada@[127.0.0.1]",
    ] {
        assert!(address(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example.org, eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\n",
        " ada@example.org",
        "ada @example.org",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "ada@example.org\0",
        "ada@exa mple.org",
        &format!("{}@example.org", "a".repeat(255)),
    ] {
        assert!(address(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_could_never_work_is_told_at_once() {
    let told = |change: fn(&mut Mail)| {
        let mut settings = settings();
        change(&mut settings);
        match Mailer::new(&settings) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("this could never work: {settings:?}"),
        }
    };
    assert!(Mailer::new(&settings()).is_ok());
    assert!(told(|s| s.host.clear()).contains("no SMTP server"));
    assert!(told(|s| s.from.clear()).contains("from"));
    assert!(told(|s| s.from = "a@b.example\nBcc: c@d.example".to_owned()).contains("from"));
    assert!(told(|s| s.user = "muster".to_owned()).contains("password"));
    assert!(told(|s| s.password = Secret::from("x")).contains("user"));
    assert!(told(|s| s.password = Secret::from(Secret::MASK)).contains("again"));
    assert!(told(|s| s.ca_file = Some("/nonexistent".to_owned())).contains("/nonexistent"));
    assert!(
        told(|s| s.template_directory = Some("/nonexistent".to_owned()))
            .contains("template_directory")
    );
}

#[test]
fn a_message_has_no_header_that_we_did_not_write() {
    let mailer = Mailer::new(&settings()).unwrap();
    let message = mailer.compose(&letter("ada@example.org")).unwrap();
    let text = String::from_utf8(message.formatted()).unwrap();
    let head = text.split("\r\n\r\n").next().unwrap();
    let mut names: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(':').next())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "Auto-Submitted",
            "Content-Type",
            "Date",
            "From",
            "MIME-Version",
            "Message-ID",
            "Subject",
            "To"
        ]
    );
    assert!(
        mailer
            .compose(&letter("ada@example.org\r\nBcc: eve@example.org"))
            .is_err()
    );
    let mut injected = letter("ada@example.org");
    injected.variables.username = "grace\r\nBcc: eve@example.org";
    assert!(mailer.compose(&injected).is_err());
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    let mailer = Mailer::new(&Mail {
        port: Some(1),
        ..settings()
    })
    .unwrap();
    let error = mailer.send(&letter("ada@example.org")).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}
