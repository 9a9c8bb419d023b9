//! Projects and who is in them.

use comfy_table::Cell;
use muster_api::{
    page::Page,
    projects::{JoinPolicy, Member, MemberRole, MemberState, Project, ProjectState},
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{moment, printable, yes_no},
};

fn policy(policy: JoinPolicy) -> &'static str {
    match policy {
        JoinPolicy::Open => "open",
        JoinPolicy::Moderated => "moderated",
        JoinPolicy::Closed => "closed",
    }
}

fn state(state: ProjectState) -> Cell {
    match state {
        ProjectState::Active => Mood::Good.cell("active"),
        ProjectState::Suspended => Mood::Wary.cell("suspended"),
        ProjectState::Terminated => Mood::Bad.cell("terminated"),
    }
}

fn role(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Owner => "owner",
        MemberRole::Member => "member",
        MemberRole::Viewer => "viewer",
    }
}

fn membership(state: MemberState) -> Cell {
    match state {
        MemberState::Member => Mood::Good.cell("in"),
        MemberState::Joining => Mood::Wary.cell("asks to be let in"),
        MemberState::Leaving => Mood::Wary.cell("asks to be let out"),
    }
}

/// As what the reader is in a project.
fn yours(project: &Project) -> Cell {
    match (project.role, project.membership) {
        (Some(_), Some(MemberState::Joining)) => Cell::new("asked"),
        (Some(mine), _) => Cell::new(role(mine)),
        _ => Cell::new("-"),
    }
}

impl View for Page<Project> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no projects that you may see or join.");
            return;
        }
        let rows = self.items.iter().map(|project| {
            [
                Cell::new(&project.name),
                state(project.state),
                yours(project),
                Cell::new(policy(project.join_policy)),
                Cell::new(printable(&project.description)),
            ]
        });
        sheet.list(["NAME", "STATE", "YOU", "JOINING", "DESCRIPTION"], rows);
    }
}

impl View for Project {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(&self.name)),
            ("description", Cell::new(printable(&self.description))),
            ("state", state(self.state)),
            ("personal", Cell::new(yes_no(self.personal))),
            ("joining", Cell::new(policy(self.join_policy))),
            ("leaving", Cell::new(policy(self.leave_policy))),
            ("you", yours(self)),
            ("made", Cell::new(moment(self.created_at))),
            ("id", Cell::new(self.id)),
        ]);
    }
}

impl View for Page<Member> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("Nobody is in this project.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|member| {
                [
                    Cell::new(&member.user),
                    Cell::new(role(member.role)),
                    membership(member.state),
                    Cell::new(sheet.age(member.created_at)),
                ]
            })
            .collect();
        sheet.list(["USER", "ROLE", "STATE", "SINCE"], rows);
    }
}
