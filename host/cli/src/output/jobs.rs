//! Jobs.

use comfy_table::Cell;
use muster_api::{
    jobs::{Job, JobState, Progress},
    page::Page,
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{self, printable},
};

fn state(state: JobState) -> Cell {
    let mood = match state {
        JobState::Queued | JobState::Cancelled => Mood::Plain,
        JobState::Running => Mood::Wary,
        JobState::Succeeded => Mood::Good,
        JobState::Failed => Mood::Bad,
    };
    mood.cell(&state.to_string())
}

fn progress(progress: Option<Progress>) -> String {
    progress.map_or("-".to_owned(), |progress| {
        format!("{}/{}", progress.done, progress.total)
    })
}

impl View for Page<Job> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no jobs.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|job| {
                [
                    Cell::new(job.id),
                    Cell::new(&job.kind),
                    Cell::new(&job.subject),
                    state(job.state),
                    Cell::new(progress(job.progress)),
                    Cell::new(printable(&job.step)),
                    Cell::new(sheet.age(job.created_at)),
                ]
            })
            .collect();
        sheet.list(
            ["ID", "KIND", "SUBJECT", "STATE", "DONE", "STEP", "AGE"],
            rows,
        );
    }
}

impl View for Job {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("id", Cell::new(self.id)),
            ("kind", Cell::new(&self.kind)),
            ("subject", Cell::new(&self.subject)),
            ("state", state(self.state)),
            ("done", Cell::new(progress(self.progress))),
            ("step", Cell::new(printable(&self.step))),
            ("created", Cell::new(text::moment(self.created_at))),
            (
                "ended",
                Cell::new(self.ended_at.map_or("-".to_owned(), text::moment)),
            ),
        ]);
        if !self.log.is_empty() {
            sheet.gap();
            for line in &self.log {
                sheet.line(&printable(line));
            }
        }
        if let Some(problem) = &self.problem {
            sheet.gap();
            sheet.line(&problem.to_string());
        }
    }
}
