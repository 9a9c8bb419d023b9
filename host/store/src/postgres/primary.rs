//! Which of the hosts of a URL is the primary.

use std::time::Duration;

use sea_orm::{
    SqlxError,
    sqlx::{
        ConnectOptions, Connection, Row,
        postgres::{PgConnectOptions, PgConnection},
        query,
    },
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use super::{
    failure::plain,
    options,
    url::{Address, DatabaseUrl},
};

/// How long a host may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the others may take once one has said that it is the primary.
const REST: Duration = Duration::from_millis(500);

/// A server that takes writes.
#[derive(Debug)]
pub(super) struct Primary {
    pub address: Address,
    pub options: PgConnectOptions,
    /// Grows with each promotion of a standby; 0 if the server does not tell.
    pub timeline: u32,
}

/// What a host answers.
enum Answer {
    Primary(u32),
    Standby,
    ReadOnly,
}

/// Asks all hosts at once and takes the primary; of several, the one that was
/// promoted last. A former primary that comes back does not know that it is one:
/// `oldest` is the timeline below which nobody is believed.
///
/// # Errors
/// What each host said instead.
pub(super) async fn find(url: &DatabaseUrl, oldest: u32) -> Result<Primary, String> {
    let mut asked = JoinSet::new();
    for (place, address) in url.hosts.iter().enumerate() {
        let options = options::for_work(url, address);
        asked.spawn(async move {
            let answer = timeout(PATIENCE, ask(&options)).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(format!("no answer within {} seconds", PATIENCE.as_secs()))
            });
            (place, options, answer)
        });
    }
    let mut refusals = vec![String::new(); url.hosts.len()];
    let mut found: Option<(usize, Primary)> = None;
    let mut until = Instant::now() + 2 * PATIENCE;
    while let Ok(Some(answered)) = timeout_at(until, asked.join_next()).await {
        let Ok((place, options, answer)) = answered else {
            continue;
        };
        let address = url.hosts[place].clone();
        match answer {
            Ok(Answer::Primary(timeline)) if timeline >= oldest => {
                let better = found
                    .as_ref()
                    .is_none_or(|(other, primary)| (timeline, *other) > (primary.timeline, place));
                until = until.min(Instant::now() + REST);
                if better {
                    found = Some((
                        place,
                        Primary {
                            address,
                            options,
                            timeline,
                        },
                    ));
                }
            }
            Ok(Answer::Primary(_)) => {
                refusals[place] = format!("{address} was the primary before another was promoted");
            }
            Ok(Answer::Standby) => refusals[place] = format!("{address} is a standby"),
            Ok(Answer::ReadOnly) => refusals[place] = format!("{address} can only be read"),
            Err(reason) => refusals[place] = format!("{address}: {reason}"),
        }
    }
    match found {
        Some((_, primary)) => Ok(primary),
        None => Err(refusals.join("; ")),
    }
}

async fn ask(options: &PgConnectOptions) -> Result<Answer, String> {
    let mut connection = options.connect().await.map_err(refusal)?;
    let answer = role(&mut connection).await.map_err(|error| plain(&error));
    let _ = connection.close().await;
    answer
}

/// Why a server did not let us in.
fn refusal(error: SqlxError) -> String {
    let reason = plain(&error);
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        // A setting of the session that it does not know.
        Some("42704") => format!("PostgreSQL 14 or newer is needed ({reason})"),
        _ => reason,
    }
}

async fn role(connection: &mut PgConnection) -> Result<Answer, SqlxError> {
    let row = query("SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'")
        .fetch_one(&mut *connection)
        .await?;
    if row.try_get(0)? {
        return Ok(Answer::Standby);
    }
    if row.try_get(1)? {
        return Ok(Answer::ReadOnly);
    }
    // Not every service lets its users see the log's position.
    let position = query("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
        .fetch_one(connection)
        .await;
    let timeline = position
        .ok()
        .and_then(|row| row.try_get::<String, _>(0).ok())
        .and_then(|text| u32::from_str_radix(&text, 16).ok());
    Ok(Answer::Primary(timeline.unwrap_or_default()))
}
