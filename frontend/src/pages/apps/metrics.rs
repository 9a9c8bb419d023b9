//! What became of an app's requests in the last hour: charts, and the same as a table.

use leptos::prelude::*;
use muster_api::metrics::{AppMetrics, Stretch};
use muster_console_model::{
    chart::values,
    table::{Cell, Row},
};

use crate::{
    api::{
        self,
        fetch::escape,
        follow::{Followed, follow, refresh},
    },
    components::{
        chart::{Chart, Line},
        cli_line::CliLine,
        rest::{Empty, shown},
        table::{Table, rows},
    },
    words::{Text, t, with},
};

/// How often it is read again, in seconds.
const AGAIN: u32 = 10;

/// The charts and the table.
#[component]
pub fn Metrics(app: String) -> impl IntoView {
    let path = StoredValue::new(format!("/apps/{}/metrics", escape(&app)));
    let (metrics, again) = follow(&[], move || {
        let path = path.get_value();
        async move { api::get::<AppMetrics>(&path).await }
    });
    refresh(again, AGAIN);
    view! {
        {shown(metrics, 6, charts)}
        <details class="numbers">
            <summary>{t(Text::AsTable)}</summary>
            <Numbers metrics />
        </details>
        <CliLine command=format!("muster app metrics {app}") />
    }
}

fn charts(metrics: AppMetrics) -> impl IntoView {
    let seconds = f64::from(metrics.stretch_seconds.max(1));
    let line = |text, class, values| Line {
        text,
        class,
        values,
    };
    let all = values(&metrics, Some(0.0), |it| it.requests as f64 / seconds);
    let failed = values(&metrics, Some(0.0), |it| it.failed as f64 / seconds);
    let median = values(&metrics, None, |it| it.median_micros as f64 / 1e3);
    let p95 = values(&metrics, None, |it| it.p95_micros as f64 / 1e3);
    let gaps = metrics.missing.into_iter().map(|gap| {
        let why = gap.reason.unwrap_or_default();
        view! { <p class="hint" role="status">{with(Text::MetricsWithout, &[&gap.host, &why])}</p> }
    });
    view! {
        {gaps.collect_view()}
        <div class="charts">
            <Chart
                name="requests"
                title=Text::RequestsPerSecond
                lines=vec![line(Text::AllRequests, "first", all), line(Text::FailedRequests, "bad", failed)]
                reads=|value| format!("{}/s", short(value))
            />
            <Chart
                name="latency"
                title=Text::Latency
                lines=vec![line(Text::Median, "first", median), line(Text::Slowest, "second", p95)]
                reads=|value| format!("{} ms", short(value))
            />
        </div>
    }
}

/// A number with as many digits as say something.
fn short(value: f64) -> String {
    if value == 0.0 || value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[component]
fn Numbers(metrics: Followed<AppMetrics>) -> impl IntoView {
    // The newest is what people look for.
    let table = rows(metrics, |metrics| {
        metrics.stretches.iter().rev().map(row).collect()
    });
    view! {
        <Table
            label=Text::Metrics
            heads=&[Text::When, Text::AllRequests, Text::FailedRequests, Text::Median, Text::Slowest]
            rows=table
        >
            <Empty title=t(Text::Metrics) more=t(Text::NoRequests)>""</Empty>
        </Table>
    }
}

fn row(stretch: &Stretch) -> Row {
    let millis = |micros: u64| Cell::Number(micros, format!("{} ms", short(micros as f64 / 1e3)));
    let (hour, minute, second) = stretch.at.to_hms();
    let cells = vec![
        Cell::Text(format!("{hour:02}:{minute:02}:{second:02} UTC")),
        Cell::count(stretch.requests),
        Cell::count(stretch.failed),
        millis(stretch.median_micros),
        millis(stretch.p95_micros),
    ];
    Row::new(stretch.at.unix_timestamp().to_string(), cells)
}
