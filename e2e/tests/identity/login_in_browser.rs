//! `muster login` with a browser, and with a code that is entered elsewhere.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use muster_e2e::{
    Host, PASSWORD, muster_binary,
    servers::{Browser, Page},
    sign_in::enter,
};
use reqwest::{Client, StatusCode};
use tempfile::TempDir;

/// Somebody's terminal.
struct Terminal {
    home: TempDir,
    child: Child,
}

impl Terminal {
    fn run(host: &Host, more: &[&str]) -> Self {
        let home = TempDir::new().expect("a directory");
        let url = host.url();
        let child = Command::new(muster_binary())
            .args(["login", "--url", &url])
            .args(more)
            .env_clear()
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        Self { home, child }
    }

    /// The next line that stands out.
    fn shown(&mut self) -> String {
        let stderr = self.child.stderr.as_mut().expect("it is piped");
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut byte = [0];
            while stderr.read(&mut byte).expect("text") == 1 && byte[0] != b'\n' {
                line.push(byte[0]);
            }
            assert!(
                !line.is_empty() || byte[0] == b'\n',
                "nothing more is shown"
            );
            if line.starts_with(b"  ") {
                return String::from_utf8_lossy(&line).trim().to_owned();
            }
        }
    }

    /// What it says at its end.
    fn end(mut self) -> (bool, String, TempDir) {
        let status = self.child.wait().expect("it ends");
        let mut text = String::new();
        let stdout = self.child.stdout.take().expect("it is piped");
        let stderr = self.child.stderr.take().expect("it is piped");
        for line in BufReader::new(stdout)
            .lines()
            .chain(BufReader::new(stderr).lines())
        {
            text.push_str(&line.expect("text"));
            text.push('\n');
        }
        (status.success(), text, self.home)
    }
}

/// The address of the client that a page sends the browser to.
fn back(page: &Page) -> String {
    let left = page.left.clone();
    left.unwrap_or_else(|| panic!("it is not sent back: {}", page.body))
}

async fn open(url: &str) -> StatusCode {
    let http = Client::builder().no_proxy().build().expect("a client");
    http.get(url)
        .send()
        .await
        .expect("the command answers")
        .status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_logs_the_command_line_in() {
    let host = Host::start().await;
    let mut terminal = Terminal::run(&host, &["--no-browser"]);
    let url = terminal.shown();
    let mut browser = Browser::new(None);
    let page = browser.visit(&url, &host.url()).await;
    let page = enter(&mut browser, &host, &page, "admin", PASSWORD).await;
    let back = back(&page);
    // Somebody else's answer is not taken.
    let forged = back.replace("state=", "state=x");
    assert_eq!(open(&forged).await, StatusCode::NOT_FOUND);
    assert_eq!(open(&back).await, StatusCode::OK);
    let (good, text, home) = terminal.end();
    assert!(good && text.contains("as admin"), "{text}");
    let info = Command::new(muster_binary())
        .arg("info")
        .env_clear()
        .env("HOME", home.path())
        .output()
        .expect("it runs");
    assert!(info.status.success(), "{info:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_is_not_logged_in() {
    let host = Host::start().await;
    let mut terminal = Terminal::run(&host, &["--no-browser"]);
    let url = terminal.shown();
    let site = host.url();
    let mut browser = Browser::new(None);
    let page = browser.visit(&url, &site).await;
    let token = page.hidden("token");
    let fields = [("token", token.as_str()), ("answer", "no")];
    let page = browser
        .submit(&format!("{site}/sign-in"), &fields, &site)
        .await;
    open(&back(&page)).await;
    let (good, text, _home) = terminal.end();
    assert!(!good && text.contains("does not want"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_logs_the_command_line_in() {
    let host = Host::start().await;
    let mut terminal = Terminal::run(&host, &["--device"]);
    let (page, code) = (terminal.shown(), terminal.shown());
    let site = host.url();
    let mut browser = Browser::new(None);
    browser.visit(&page, &site).await;
    let page = browser.submit(&page, &[("user_code", &code)], &site).await;
    let page = enter(&mut browser, &host, &page, "admin", PASSWORD).await;
    let token = page.hidden("token");
    let fields = [("token", token.as_str()), ("answer", "yes")];
    let page = browser.submit(&page.form_action(), &fields, &site).await;
    assert!(page.body.contains("device is in"), "{}", page.body);
    let (good, text, _home) = terminal.end();
    assert!(good && text.contains("as admin"), "{text}");
}
