//! The text of `BENCHMARKS.md`.

use std::fmt::Write;

use super::{Benchmark, CONNECTIONS, Effort, WARM_UP};
use crate::wrk::Measure;

/// What a benchmark measured.
pub struct Outcome {
    /// The question.
    pub benchmark: &'static Benchmark,
    /// Muster.
    pub ours: Side,
    /// Whom it is beside.
    pub theirs: Side,
}

/// One side's rounds.
pub struct Side {
    /// Its name in the table.
    pub name: &'static str,
    /// What each round measured; there is at least one.
    pub rounds: Vec<Measure>,
}

impl Side {
    fn median(&self) -> Measure {
        let of = |field: fn(&Measure) -> f64| median(self.rounds.iter().map(field).collect());
        Measure {
            rate: of(|m| m.rate),
            p50: of(|m| m.p50),
            p99: of(|m| m.p99),
        }
    }
}

/// The whole document.
pub fn render(machine: &[(&str, String)], effort: Effort, outcomes: &[Outcome]) -> String {
    let Effort { rounds, seconds } = effort;
    let mut text = format!(
        "# Benchmarks

`cargo xtask bench` wrote this page: it builds a release host, starts it with an empty data folder on free ports of 127.0.0.1, pushes `plugins/samples/hello`, and loads each side in turns with

```sh
wrk --threads 1 --connections {CONNECTIONS} --duration {seconds}s --latency --header Host:NAME http://ADDRESS/
```

after {WARM_UP} s of warm-up. Numbers are medians of {rounds} rounds. The rates hold for this machine alone; the ratio is what to compare.

| machine | |
| --- | --- |
"
    );
    for (name, value) in machine {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {value} |");
    }
    for outcome in outcomes {
        let _ = write!(text, "\n{}", section(outcome));
    }
    text
}

fn section(outcome: &Outcome) -> String {
    let Outcome {
        benchmark,
        ours,
        theirs,
    } = outcome;
    let (our, their) = (ours.median(), theirs.median());
    let rows = [(ours.name, our), (theirs.name, their)].map(|(name, m)| {
        format!(
            "| {name} | {:.0} | {:.2} | {:.2} |\n",
            m.rate,
            m.p50 / 1e3,
            m.p99 / 1e3
        )
    });
    format!(
        "## {title}

{question}

| | requests/s | p50, ms | p99, ms |
| --- | --- | --- | --- |
{rows}
Ratio {ratio:.2}; the mark is {mark:.1}.
",
        title = benchmark.title,
        question = benchmark.question,
        rows = rows.concat(),
        ratio = our.rate / their.rate,
        mark = benchmark.mark,
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// A field of a file in `/proc`, such as `MemTotal:  24 kB`.
pub fn proc_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

/// A size in `/proc`, such as `24684084 kB`, in whole GiB.
pub fn gib(size: &str) -> Option<String> {
    let kib: u64 = size.strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{} GiB", (kib + (1 << 19)) >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::BENCHMARKS;

    fn side(name: &'static str, rates: &[f64]) -> Side {
        let rounds = rates.iter().map(|rate| Measure {
            rate: *rate,
            p50: 1100.0,
            p99: 2345.0,
        });
        Side {
            name,
            rounds: rounds.collect(),
        }
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn the_page_tells_medians_and_ratio() {
        let outcome = Outcome {
            benchmark: &BENCHMARKS[0],
            ours: side("muster", &[400.0, 900.0, 450.0]),
            theirs: side("other", &[100.0, 10.0, 100.0]),
        };
        let machine = [("memory", "24 GiB".to_owned())];
        let page = render(
            &machine,
            Effort {
                rounds: 3,
                seconds: 10,
            },
            &[outcome],
        );
        assert!(page.contains("| memory | 24 GiB |\n"), "{page}");
        assert!(
            page.contains("| muster | 450 | 1.10 | 2.35 |\n| other | 100 |"),
            "{page}"
        );
        assert!(page.contains("\nRatio 4.50; the mark is 4.0.\n"), "{page}");
    }

    #[test]
    fn fields_of_proc_are_read() {
        let text = "processor\t: 0\nmodel name\t: Fast: very\n\nMemTotal:       24 kB\n";
        assert_eq!(proc_field(text, "model name"), Some("Fast: very"));
        assert_eq!(proc_field(text, "MemTotal"), Some("24 kB"));
        assert_eq!(proc_field(text, "absent"), None);
        assert_eq!(gib("24684084 kB").as_deref(), Some("24 GiB"));
        assert_eq!(gib("24 MB"), None);
    }
}
