//! The text of `BENCHMARKS.md`.

use std::fmt::Write;

use super::{
    Benchmark, Effort,
    race::{CONNECTIONS, WARM_UP},
};

/// What a benchmark measured.
pub struct Outcome {
    /// The figures.
    pub table: Table,
    /// What they come to, in a sentence.
    pub verdict: String,
}

/// Figures, the first column being what they are of.
pub struct Table {
    /// The heads of the columns.
    pub head: &'static [&'static str],
    /// The rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
}

/// Says how a ratio stands to the mark, which it should not be below.
pub fn ratio(ratio: f64, mark: f64) -> String {
    let word = if ratio >= mark { "reached" } else { "missed" };
    format!("Ratio {ratio:.2}; the mark is {mark:.1}: {word}.")
}

/// Says how a time in seconds stands to the mark, which it should not be above.
pub fn limit(seconds: f64, mark: f64) -> String {
    let word = if seconds <= mark { "reached" } else { "missed" };
    format!("Median {seconds:.2} s; the mark is {mark:.0} s: {word}.")
}

/// The whole document.
pub fn render(
    machine: &[(&str, String)],
    effort: Effort,
    outcomes: &[(&Benchmark, Outcome)],
) -> String {
    let Effort { rounds, seconds } = effort;
    let mut text = format!(
        "# Benchmarks

`cargo xtask bench` wrote this page: it builds a release host, and starts for each benchmark as many of it as that needs, with empty data folders on free ports of 127.0.0.1, all on this one machine. The app is `plugins/samples/hello`. `cargo xtask bench NAME` repeats a benchmark alone and leaves the page as it is.

Rates are those of

```sh
wrk --threads 1 --connections {CONNECTIONS} --duration {seconds}s --latency --header Host:NAME http://ADDRESS/
```

with each side in turns, after {WARM_UP} s of warm-up. Unless told, numbers are medians of {rounds} rounds. They hold for this machine alone; ratios are what to compare.

| machine | |
| --- | --- |
"
    );
    for (name, value) in machine {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {value} |");
    }
    for (benchmark, outcome) in outcomes {
        let _ = write!(text, "\n{}", section(benchmark, outcome));
    }
    text
}

/// What the document says of one benchmark.
pub fn section(benchmark: &Benchmark, outcome: &Outcome) -> String {
    let Outcome { table, verdict } = outcome;
    let row = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |");
    let rows = table.rows.iter();
    let rows: String = rows
        .map(|it| row(it.iter().map(String::as_str).collect()))
        .collect();
    format!(
        "## {title} (`{name}`)

{question}

{head}{rule}{rows}
{verdict}
",
        title = benchmark.title,
        name = benchmark.name,
        question = benchmark.question,
        head = row(table.head.to_vec()),
        rule = row(vec!["---"; table.head.len()]),
    )
}

/// The middle of values; between the two in the middle of an even number.
pub fn median(mut values: Vec<f64>) -> f64 {
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

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
    }

    #[test]
    fn the_page_has_a_table_for_each_benchmark() {
        let outcome = Outcome {
            table: Table {
                head: &["", "requests/s"],
                rows: vec![vec!["muster".to_owned(), "450".to_owned()]],
            },
            verdict: ratio(3.9, 4.0),
        };
        let machine = [("memory", "24 GiB".to_owned())];
        let effort = Effort {
            rounds: 3,
            seconds: 10,
        };
        let page = render(&machine, effort, &[(&BENCHMARKS[0], outcome)]);
        assert!(page.contains("| memory | 24 GiB |\n"), "{page}");
        let table = "\n| | requests/s |\n| --- | --- |\n| muster | 450 |\n\n";
        assert!(page.contains(table), "{page}");
        assert!(
            page.ends_with("\nRatio 3.90; the mark is 4.0: missed.\n"),
            "{page}"
        );
    }

    #[test]
    fn marks_are_reached_or_missed() {
        assert_eq!(ratio(0.9, 0.9), "Ratio 0.90; the mark is 0.9: reached.");
        assert_eq!(limit(0.25, 1.0), "Median 0.25 s; the mark is 1 s: reached.");
        assert!(limit(15.1, 15.0).ends_with("missed."));
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
