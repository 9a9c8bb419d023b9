//! Charts: lines over the last hour. What they tell is said in words as well, and pages
//! have the numbers as a table.

use leptos::prelude::*;
use muster_console_model::chart::{largest, path, top};

use crate::words::{Text, t, with};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;

/// One line of a chart. Lines are told apart by their dashes as well as their colours.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it is of.
    pub text: Text,
    /// Its class: `first`, `second` or `bad`.
    pub class: &'static str,
    /// Its values, oldest first.
    pub values: Vec<Option<f64>>,
}

/// A chart.
#[component]
pub fn Chart(
    /// Names its elements.
    name: &'static str,
    /// What it is about.
    title: Text,
    lines: Vec<Line>,
    /// How a value reads.
    reads: fn(f64) -> String,
) -> impl IntoView {
    let most = lines.iter().map(|line| largest(&line.values));
    let end = top(most.fold(0.0, f64::max));
    let told = lines.iter().map(|line| {
        let last = line.values.iter().rev().find_map(|value| *value);
        let last = last.map_or_else(|| "–".to_owned(), reads);
        with(
            Text::ChartTold,
            &[t(line.text), &reads(largest(&line.values)), &last],
        )
    });
    let told = told.collect::<Vec<_>>().join(" ");
    let legend = lines.iter().map(|line| {
        let class = format!("line {}", line.class);
        view! {
            <li>
                <svg viewBox="0 0 24 8" aria-hidden="true"><path class=class d="M0 4h24" /></svg>
                {t(line.text)}
            </li>
        }
    });
    let legend = legend.collect_view();
    let drawn = lines.iter().map(|line| {
        let class = format!("line {}", line.class);
        view! { <path class=class d=path(&line.values, end, WIDTH, HEIGHT) /> }
    });
    let drawn = drawn.collect_view();
    let (titled, described) = (format!("{name}-title"), format!("{name}-told"));
    let labels = format!("{titled} {described}");
    view! {
        <figure class="chart card">
            <figcaption>
                <h2>{t(title)}</h2>
                <ul>{legend}</ul>
            </figcaption>
            <div class="plot">
                <span aria-hidden="true">{reads(end)}</span>
                <svg
                    viewBox=format!("0 0 {WIDTH} {HEIGHT}")
                    preserveAspectRatio="none"
                    role="img"
                    aria-labelledby=labels
                >
                    <title id=titled>{t(title)}</title>
                    <desc id=described>{told}</desc>
                    <path class="grid" d=format!("M0 0H{WIDTH}M0 {}H{WIDTH}M0 {HEIGHT}H{WIDTH}", HEIGHT / 2.0) />
                    {drawn}
                </svg>
                <span aria-hidden="true">{reads(0.0)}</span>
            </div>
            <p class="ends" aria-hidden="true"><span>{t(Text::HourAgo)}</span><span>{t(Text::Now)}</span></p>
        </figure>
    }
}
