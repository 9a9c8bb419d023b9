//! What goes wrong, with its exit code and the next step.

use muster_e2e::guest;
use reqwest::StatusCode;

use crate::{person::logged_in, seen};

#[tokio::test]
async fn mistakes_have_exit_codes_and_a_next_step() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    person.write("note/note.txt", "just words");
    person.write("bad/muster.toml", "name = \"bad\"\nroute = [\"a\"]\n");
    person.write("bad/index.html", "<p>");
    person.write("empty/.git/config", "");
    person.write("index.html", "<p>");
    for (line, code, told) in [
        ("", 2, "Usage: muster"),
        ("fly", 2, "unrecognized subcommand 'fly'"),
        ("app", 2, "Usage: muster app"),
        ("app show", 2, "<NAME>"),
        ("app list --all", 2, "unexpected argument '--all'"),
        ("app list -o xml", 2, "invalid value 'xml'"),
        ("app scale shop", 2, "--instances"),
        ("app scale shop --instances many", 2, "invalid value 'many'"),
        (
            "app scale shop --instances 1001",
            1,
            "out of bounds: 0 to 1000",
        ),
        ("app env shop --set A", 2, "NAME=VALUE"),
        (
            "app env shop --unset GONE",
            1,
            "there is no variable 'GONE'",
        ),
        ("app logs shop --tail 10001", 2, "10001 is not in 0..=10000"),
        ("app show nobody", 3, "there is no app 'nobody'"),
        ("app stop nobody", 3, "there is no app 'nobody'"),
        ("app logs nobody -f", 3, "there is no app 'nobody'"),
        ("app rollback shop", 1, "no droplet before the current one"),
        ("job show 17", 2, "invalid value '17'"),
        (
            "job show 0199d1a2-0000-7000-8000-000000000000",
            3,
            "there is no job",
        ),
        ("app push --path index.html", 2, "the app has no name"),
        ("app push Shop --path index.html", 2, "lower-case letter"),
        ("app push shop --path gone", 2, "gone"),
        ("app push shop --path empty", 2, "holds nothing to push"),
        ("app push --path bad", 2, "muster.toml, line 2"),
        (
            "app push shop --path note",
            1,
            "note.txt is text, not a WebAssembly component",
        ),
        (
            "app push shop --path index.html --route http://a",
            1,
            "routes.0",
        ),
        (
            "app push shop --path index.html --memory 1KiB",
            1,
            "limits.memory",
        ),
    ] {
        let line = if line.is_empty() {
            "--output=table"
        } else {
            line
        };
        let ran = person.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{line}: {ran:?}");
        assert!(ran.err.contains(told), "{line}: {ran:?}");
    }
    // A push that is rejected says why, and leaves what runs alone.
    seen(
        "app-push-rejected",
        &person.run("app push shop --path note").err,
    );
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    assert!(person.run("--version").good().starts_with("muster 0."));
    assert!(person.run("completion bash").good().contains("complete -F"));
    for line in ["--help", "help app push", "serve --help"] {
        assert!(person.run(line).good().contains("Usage: muster"), "{line}");
    }
}
