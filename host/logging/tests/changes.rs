//! What is logged, how and where to, is changed while the process runs. One
//! test: a process has one logging.

use std::{fs, time::Duration};

use muster_api::logging::{LogFilter, LogFormat, Logging};
use muster_logging::{Handle, LoggingError, Start, start};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn logging(filter: &str, format: LogFormat, to: &[&str]) -> Logging {
    let filter: LogFilter = filter.parse().expect("a filter");
    Logging {
        level: filter.level,
        modules: filter.modules,
        format,
        to: to.iter().map(|to| to.parse().expect("a place")).collect(),
    }
}

fn say(handle: &Handle, word: &str) {
    tracing::info!(word, "told");
    tracing::debug!(word, "whispered");
    tracing::debug!(target: "elsewhere", word, "rumoured");
    handle.flush(PATIENCE);
}

#[test]
fn everything_can_be_changed_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let begun = start(Start {
        logging: logging("info", LogFormat::Text, &["file:a.log"]),
        explicit: true,
        folder: folder.path().to_owned(),
    });
    let handle = begun.unwrap();
    say(&handle, "first");
    let lines = read("a.log");
    assert!(
        lines.contains("INFO changes: told word=\"first\"\n"),
        "{lines}"
    );
    assert!(!lines.contains("whispered"), "{lines}");
    assert!(!lines.contains('\u{1b}'), "no colours in files: {lines}");

    handle
        .apply(&logging(
            "info,changes=debug",
            LogFormat::Text,
            &["file:a.log"],
        ))
        .unwrap();
    say(&handle, "second");
    let lines = read("a.log");
    assert!(
        lines.contains("DEBUG changes: whispered word=\"second\""),
        "{lines}"
    );
    assert!(!lines.contains("rumoured"), "{lines}");

    let both = ["file:a.log", "file:b.log"];
    handle
        .apply(&logging("off,elsewhere=debug", LogFormat::Json, &both))
        .unwrap();
    say(&handle, "third");
    let lines = read("b.log");
    let parsed: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(parsed.len(), 1, "{lines}");
    assert_eq!(parsed[0]["message"], "rumoured");
    assert_eq!(parsed[0]["word"], "third");
    assert_eq!(parsed[0]["level"], "DEBUG");
    assert!(read("a.log").ends_with(&lines), "it goes to both");

    // What cannot be used changes nothing, and is named.
    fs::create_dir(folder.path().join("taken")).unwrap();
    let wrong = logging("trace", LogFormat::Text, &["file:a.log", "file:taken"]);
    let refused = handle.apply(&wrong).unwrap_err();
    assert!(
        matches!(refused, LoggingError::Target { index: 1, .. }),
        "{refused}"
    );
    assert_eq!(
        handle.current(),
        logging("off,elsewhere=debug", LogFormat::Json, &both)
    );
    say(&handle, "fourth");
    assert_eq!(read("b.log").lines().count(), 2);

    // A disk that is full costs lines, which are counted; other places go on.
    std::os::unix::fs::symlink("/dev/full", folder.path().join("full.log")).unwrap();
    handle
        .apply(&logging(
            "info",
            LogFormat::Text,
            &["file:full.log", "file:b.log"],
        ))
        .unwrap();
    say(&handle, "fifth");
    handle.flush(PATIENCE);
    assert!(handle.lost() > 0);
    let lines = read("b.log");
    assert!(lines.contains("fifth"), "{lines}");
    assert!(lines.contains("log lines are being lost"), "{lines}");
}
