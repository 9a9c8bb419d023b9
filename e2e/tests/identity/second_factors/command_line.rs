//! The same, as people type it.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use muster_e2e::{Host, PASSWORD, muster_binary};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{App, host, password, refused, set};

/// Somebody with a home of their own.
struct Person(TempDir);

impl Person {
    fn run(&self, line: &str, input: &str) -> Output {
        let mut child = Command::new(muster_binary())
            .args(line.split(' '))
            .env_clear()
            .env("HOME", self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A command that fails early does not read it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    fn good(&self, line: &str, input: &str) -> String {
        let output = self.run(line, input);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn bad(&self, line: &str, input: &str, code: i32) -> String {
        let output = self.run(line, input);
        assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    fn json(&self, line: &str, input: &str) -> Value {
        let text = self.good(&format!("{line} -o json"), input);
        serde_json::from_str(&text).expect("JSON")
    }
}

fn login(host: &Host) -> String {
    format!("login --url {} --user admin --password-stdin", host.url())
}

#[tokio::test]
async fn factors_are_looked_after_and_shown_at_login() {
    let (host, client) = host().await;
    let person = Person(TempDir::new().expect("a directory"));
    person.good(&login(&host), PASSWORD);
    let add = "self factor add-totp --password-stdin";
    person.bad(add, "wrong", 1);
    let enrolment = person.json(add, PASSWORD);
    let mut app = App::new(enrolment["secret"].as_str().expect("a secret"));
    person.bad("self factor confirm-totp 12", "", 1);
    let line = format!("self factor confirm-totp {}", app.next().await);
    let told = person.good(&line, "");
    assert!(told.contains("recovery-codes"), "{told}");
    let make = "self factor recovery-codes";
    let told = person.bad(&format!("{make} --password-stdin"), PASSWORD, 1);
    assert!(told.contains("second factor"), "{told}");
    let codes = person.json(&format!("{make} --otp {}", app.next().await), "");
    let codes = codes["codes"].as_array().expect("codes").clone();
    let listed = person.json("self factor list", "");
    assert_eq!(
        (&listed["required"], &listed["recovery_codes"]),
        (&json!(true), &json!(10))
    );
    let told = person.good("self passkey list", "");
    assert!(told.contains("browser"), "{told}");

    // Nobody is there to type a code.
    let refused_login = person.bad(&login(&host), PASSWORD, 4);
    assert!(refused_login.contains("--otp CODE"), "{refused_login}");
    let with = |code: &str| format!("{} --otp {code}", login(&host));
    person.bad(&with(&app.wrong()), PASSWORD, 4);
    person.good(&with(&app.next().await), PASSWORD);
    let code = codes[0].as_str().expect("text");
    person.good(
        &format!("{} --otp-stdin", login(&host)),
        &format!("{PASSWORD}\n{code}\n"),
    );

    let code = codes[1].as_str().expect("text");
    person.bad("self factor remove-totp", "", 2);
    person.good(&format!("self factor remove-totp --otp {code}"), "");
    person.good(&login(&host), PASSWORD);

    App::confirmed(&client).await;
    person.bad("user reset-factors admin", "", 6);
    person.good("user reset-factors admin --yes", "");
    person.good(&login(&host), PASSWORD);
}

#[tokio::test]
async fn login_solves_the_puzzle_that_is_set_after_failures() {
    let (host, client) = host().await;
    let puzzle = json!({ "after_failures": 1, "puzzle": { "rounds": 10, "zeros": 1 } });
    set(&client, "captcha", puzzle).await;
    let mut app = App::confirmed(&client).await;
    let person = Person(TempDir::new().expect("a directory"));
    person.bad(&login(&host), "wrong", 4);
    assert_eq!(
        refused(&client, &password()).await.error,
        "captcha_required"
    );
    let with = format!("{} --otp {}", login(&host), app.next().await);
    person.good(&with, PASSWORD);
}
