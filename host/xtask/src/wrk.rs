//! wrk, the load generator: one call and what it measured.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{debian, project::on_path, step::Step, step::ask};

/// How hard to press.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Connections that stay open, each with one request at a time.
    pub connections: u32,
    /// For how long, in seconds.
    pub seconds: u64,
}

/// What one call of wrk measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Requests per second.
    pub rate: f64,
    /// Median latency in microseconds.
    pub p50: f64,
    /// The latency that 99 of 100 requests kept below, in microseconds.
    pub p99: f64,
}

/// Installs wrk if it is missing.
///
/// # Errors
/// If it cannot be installed.
pub fn prepare(step: &Step) -> Result<()> {
    if on_path("wrk") {
        Ok(())
    } else {
        debian::install(step, &["wrk"])
    }
}

/// Loads a URL from one thread, with this `Host` header.
///
/// # Errors
/// If wrk fails, or any request did.
pub fn run(url: &str, host: &str, load: Load) -> Result<Measure> {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--latency"]);
    command.args(["--connections", &load.connections.to_string()]);
    command.args(["--duration", &format!("{}s", load.seconds)]);
    command.args(["--header", &format!("Host: {host}")]);
    parse(&ask(command.arg(url))?)
}

fn parse(report: &str) -> Result<Measure> {
    let fault = report
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("Non-2xx") || line.starts_with("Socket errors:"));
    if let Some(fault) = fault {
        bail!("requests failed under load: {fault}");
    }
    let value = |label: &str| {
        let mut values = report
            .lines()
            .filter_map(|line| line.trim().strip_prefix(label));
        values
            .next()
            .map(str::trim)
            .with_context(|| format!("wrk reported no {label} in:\n{report}"))
    };
    let rate = value("Requests/sec:")?
        .parse()
        .context("wrk's rate is not a number")?;
    Ok(Measure {
        rate,
        p50: microseconds(value("50%")?)?,
        p99: microseconds(value("99%")?)?,
    })
}

/// A time as wrk writes it, such as `812.00us`, `1.25ms`, `2.00s` or `1.00m`.
fn microseconds(text: &str) -> Result<f64> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[digits.len()..] {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 6e7,
        _ => bail!("wrk writes times in us, ms, s or m, not '{text}'"),
    };
    let number: f64 = digits
        .parse()
        .with_context(|| format!("'{text}' is not a time"))?;
    Ok(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "Running 10s test @ http://127.0.0.1:8080/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.11ms  231.46us   6.43ms   88.30%
    Req/Sec    28.85k     1.02k   30.92k    71.00%
  Latency Distribution
     50%    1.08ms
     75%    1.19ms
     90%    1.31ms
     99%  812.00us
  287187 requests in 10.00s, 40.53MB read
Requests/sec:  28716.33
Transfer/sec:      4.05MB
";

    #[test]
    fn a_report_is_read() {
        assert_eq!(
            parse(REPORT).unwrap(),
            Measure {
                rate: 28716.33,
                p50: 1080.0,
                p99: 812.0
            }
        );
    }

    #[test]
    fn failed_requests_are_no_measure() {
        let report = REPORT.replace(
            "Requests/sec",
            "  Non-2xx or 3xx responses: 7\nRequests/sec",
        );
        let error = parse(&report).unwrap_err();
        assert!(error.to_string().contains("responses: 7"), "{error}");
        assert!(parse("wrk: unknown").is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(microseconds("2.50s").unwrap(), 2_500_000.0);
        assert_eq!(microseconds("1.00m").unwrap(), 60_000_000.0);
        assert!(microseconds("3").is_err());
        assert!(microseconds("us").is_err());
    }
}
