//! `muster audit verify`

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use clap::Args;
use muster_api::audit::{AuditBreak, AuditHead, AuditRecord, AuditVerification, Chain};

use super::Scope;
use crate::failure::{Exit, Failure};

/// What to check, and against what.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A head that was noted earlier: everything up to it must still be what it was
    #[arg(long, value_name = "NUMBER:HASH")]
    head: Option<AuditHead>,
    /// Check this export instead of the host's log; nothing is asked of the host
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The export has only some of the entries, so that gaps are no fault
    #[arg(long, requires = "file")]
    filtered: bool,
}

/// Checks a log and tells what came of it.
///
/// # Errors
/// If the log is broken, or could not be read.
pub async fn run(scope: &Scope, args: VerifyArgs) -> Result<(), Failure> {
    let found = match &args.file {
        Some(path) => of_file(path, args.head.as_ref(), args.filtered)?,
        None => scope.client()?.verify_audit(args.head.as_ref()).await?,
    };
    scope.output.show(&found)?;
    match found.broken {
        None => Ok(()),
        Some(broken) => {
            let AuditBreak { number, reason } = broken;
            let message = format!("the audit log is broken at entry {number}: {reason}");
            Err(Failure::new(Exit::Failure, message)
                .hint("keep the database as it is, and compare it with a backup or an export"))
        }
    }
}

fn of_file(
    path: &Path,
    noted: Option<&AuditHead>,
    filtered: bool,
) -> Result<AuditVerification, Failure> {
    let refused =
        |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| refused(&error))?;
    let mut check = Check {
        noted,
        filtered,
        chain: None,
    };
    let mut broken = None;
    for (line, text) in (1..).zip(BufReader::new(file).lines()) {
        let text = text.map_err(|error| refused(&error))?;
        if text.trim().is_empty() {
            continue;
        }
        let record: AuditRecord = serde_json::from_str(&text)
            .map_err(|error| refused(&format!("line {line} is no entry: {error}")))?;
        if let Err(fault) = check.entry(&record) {
            broken = Some(fault);
            break;
        }
    }
    let chain = check
        .chain
        .ok_or_else(|| refused(&"there are no entries in it"))?;
    if let Some(noted) = noted
        && broken.is_none()
        && noted.number > chain.now.head().number
    {
        broken = Some(AuditBreak {
            number: noted.number,
            reason: format!(
                "it was noted, but the file ends with entry {}",
                chain.now.head().number
            ),
        });
    }
    Ok(AuditVerification {
        whole: broken.is_none(),
        broken,
        head: chain.now.head().clone(),
        entries: chain.entries,
        pruned: chain.begin,
    })
}

struct Check<'a> {
    noted: Option<&'a AuditHead>,
    filtered: bool,
    chain: Option<Checked>,
}

/// What was checked so far.
struct Checked {
    now: Chain,
    entries: u64,
    /// The number before the first entry.
    begin: u64,
}

impl Check<'_> {
    fn entry(&mut self, record: &AuditRecord) -> Result<(), AuditBreak> {
        let before = AuditHead {
            number: record.number.saturating_sub(1),
            hash: record.previous.clone(),
        };
        let checked = self.chain.get_or_insert_with(|| Checked {
            begin: before.number,
            entries: 0,
            now: Chain::after(before.clone()),
        });
        // Over a gap, the entry's own word is taken for the one before it.
        if self.filtered && record.number > checked.now.head().number + 1 {
            checked.now = Chain::after(before);
        }
        checked.now.push(record)?;
        checked.entries += 1;
        let differs =
            |noted: &&AuditHead| noted.number == record.number && noted.hash != record.hash;
        if self.noted.filter(differs).is_some() {
            return Err(AuditBreak {
                number: record.number,
                reason: "it is another entry than the one that was noted".to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use muster_api::audit::{AuditEntry, entry_hash, genesis};
    use serde_json::json;
    use tempfile::NamedTempFile;

    use super::*;

    fn export(count: u64) -> Vec<AuditRecord> {
        let mut previous = genesis();
        let entry = |number: u64| -> AuditEntry {
            serde_json::from_value(json!({
                "at": "2026-03-01T12:00:00.123Z", "actor": "ada", "action": "app.scale",
                "subject": format!("app {number}"), "after": { "instances": number },
            }))
            .unwrap()
        };
        let record = |number| {
            let entry = entry(number);
            let hash = entry_hash(number, &previous, &entry);
            let record = AuditRecord {
                number,
                entry,
                previous: previous.clone(),
                hash: hash.clone(),
            };
            previous = hash;
            record
        };
        (1..=count).map(record).collect()
    }

    fn verified(
        records: &[AuditRecord],
        noted: Option<&AuditHead>,
        filtered: bool,
    ) -> AuditVerification {
        let mut file = NamedTempFile::new().unwrap();
        for record in records {
            writeln!(file, "{}", serde_json::to_string(record).unwrap()).unwrap();
        }
        of_file(file.path(), noted, filtered).unwrap()
    }

    fn broken_at(records: &[AuditRecord]) -> Option<u64> {
        let broken = verified(records, None, false).broken;
        broken.map(|broken| broken.number)
    }

    #[test]
    fn an_export_is_checked_without_a_host() {
        let good = export(5);
        let found = verified(&good, None, false);
        assert!(
            found.whole && found.entries == 5 && found.head.number == 5,
            "{found:?}"
        );
        assert_eq!(broken_at(&good[2..]), None, "it may begin anywhere");

        let mut edited = good.clone();
        edited[2].entry.actor = "eve".to_owned();
        assert_eq!(broken_at(&edited), Some(3));
        let mut gap = good.clone();
        gap.remove(2);
        assert_eq!(broken_at(&gap), Some(4));
        assert!(verified(&gap, None, true).whole);
        let mut swapped = good.clone();
        swapped.swap(2, 3);
        assert_eq!(broken_at(&swapped), Some(4));
        assert!(!verified(&swapped, None, true).whole);

        let noted = found.head;
        assert!(verified(&good, Some(&noted), false).whole);
        assert!(!verified(&good[..4], Some(&noted), false).whole, "cut off");
        let other = AuditHead {
            number: 3,
            hash: genesis(),
        };
        let found = verified(&good, Some(&other), false);
        assert_eq!(found.broken.unwrap().number, 3);
    }

    #[test]
    fn what_is_no_export_is_a_usage_error() {
        for text in ["", "{}\n", "not JSON\n"] {
            let mut file = NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let failure = of_file(file.path(), None, false).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{text}");
        }
    }
}
