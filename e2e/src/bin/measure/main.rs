//! What benchmarks need beside a host: many more hosts, changes as fast as they are
//! taken, and a database that is as careful as one should be. Results are JSON on
//! standard output.

mod hosts;
mod writes;

use std::{
    env,
    io::{self, Read, Write},
    process::ExitCode,
    time::Duration,
};

use muster_e2e::{servers::Postgres, simulated::Failure};
use serde_json::Value;

const USAGE: &str = "\
measure hosts OS SECONDS           simulates a host for each link token on standard input
measure writes URL SECONDS CLIENTS changes something as fast as it can; MUSTER_PASSWORD is the admin's
measure postgres                   runs a database until standard input ends; prints its URL";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let measured = match words[..] {
        ["hosts", os, seconds] => match seconds.parse() {
            Ok(seconds) => hosts::measure(os, Duration::from_secs(seconds)).await,
            Err(_) => return usage(),
        },
        ["writes", url, seconds, clients] => match (seconds.parse(), clients.parse()) {
            (Ok(seconds), Ok(clients)) => {
                writes::measure(url, Duration::from_secs(seconds), clients).await
            }
            _ => return usage(),
        },
        ["postgres"] => postgres(),
        _ => return usage(),
    };
    match measured {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn postgres() -> Result<Value, Failure> {
    let server = Postgres::durable();
    println!("{}", server.url(&server.database()));
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(Value::Null)
}

/// The value that so much of all values, of 1, are not above, in milliseconds.
fn quantile(sorted: &[Duration], part: f64) -> f64 {
    let place = (sorted.len() as f64 * part) as usize;
    let value = sorted.get(place).or(sorted.last());
    value.map_or(0.0, |it| it.as_secs_f64() * 1e3)
}
