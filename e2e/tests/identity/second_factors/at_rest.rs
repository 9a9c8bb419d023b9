//! What a copy of the database gives away.

use std::fs;

use serde_json::{Value, json};

use super::{App, host, refused, set, sign_in, with};

const MAIL_PASSWORD: &str = "hunter2-of-the-mail-server";

#[tokio::test]
async fn the_database_alone_opens_no_secret() {
    let (mut host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    let mail = json!({
        "host": "mail.example", "from": "muster@example.org",
        "user": "muster", "password": MAIL_PASSWORD,
    });
    set(&client, "mail", mail).await;
    let shown: Value = client.get("/config/mail").await;
    assert_eq!(shown["values"]["password"], "********");
    assert!(host.stop().await.success());
    for file in ["muster.db", "muster.db-wal"] {
        let Ok(bytes) = fs::read(host.data_dir().join(file)) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        for secret in [app.secret(), MAIL_PASSWORD, "PRIVATE KEY"] {
            assert!(!text.contains(secret), "{secret} is in {file}");
        }
    }

    // With its key the host reads them again.
    host.kill_and_restart();
    host.wait_ready().await;
    let code = app.next().await;
    assert!(sign_in(&client, &with(&code)).await.is_ok());

    // Without it, it says what is wrong rather than to begin anew.
    assert!(host.stop().await.success());
    let key = host.data_dir().join("secrets.key");
    let kept = fs::read(&key).expect("the key");
    fs::remove_file(&key).expect("it can be removed");
    host.kill_and_restart();
    assert!(!host.ended().await.success());
    let told = host.log();
    assert!(told.contains("does not open with this key"), "{told}");
    fs::write(&key, kept).expect("it can be written");
    host.kill_and_restart();
    host.wait_ready().await;
    let wrong = refused(&client, &with(&app.wrong())).await;
    assert_eq!(wrong.error, "invalid_grant");
}
