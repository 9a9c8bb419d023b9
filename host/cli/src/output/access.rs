//! Permissions, access roles, and who has them.

use comfy_table::Cell;
use muster_api::{
    access::{AccessBinding, AccessRole, PermissionEntry},
    page::Page,
    permissions::Reach,
};

use super::{
    Sheet, View,
    text::{printable, yes_no},
};

impl View for Page<PermissionEntry> {
    fn show(&self, sheet: &mut Sheet) {
        let rows = self.items.iter().map(|entry| {
            [
                Cell::new(entry.permission.word()),
                Cell::new(match entry.reach {
                    Reach::Global => "everywhere",
                    Reach::Project => "projects",
                }),
                Cell::new(printable(&entry.description)),
            ]
        });
        sheet.list(["PERMISSION", "REACH", "ALLOWS TO"], rows);
    }
}

impl View for Page<AccessRole> {
    fn show(&self, sheet: &mut Sheet) {
        let rows = self.items.iter().map(|role| {
            [
                Cell::new(&role.name),
                Cell::new(yes_no(role.built_in)),
                Cell::new(role.permissions.len()),
                Cell::new(printable(&role.description)),
            ]
        });
        sheet.list(["NAME", "BUILT IN", "PERMISSIONS", "DESCRIPTION"], rows);
    }
}

impl View for AccessRole {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(&self.name)),
            ("description", Cell::new(printable(&self.description))),
            ("built in", Cell::new(yes_no(self.built_in))),
        ]);
        sheet.gap();
        for permission in &self.permissions {
            sheet.line(permission.word());
        }
    }
}

impl View for Page<AccessBinding> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line(
                "There are no access bindings. `muster access-binding create USER ROLE` makes one.",
            );
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|binding| {
                [
                    Cell::new(binding.id),
                    Cell::new(&binding.user),
                    Cell::new(&binding.role),
                    Cell::new(binding.project.as_deref().unwrap_or("everywhere")),
                    Cell::new(sheet.age(binding.created_at)),
                ]
            })
            .collect();
        sheet.list(["ID", "USER", "ACCESS ROLE", "WHERE", "SINCE"], rows);
    }
}
