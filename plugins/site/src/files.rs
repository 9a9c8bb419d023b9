//! The component's directory.

use wasip2::filesystem::{
    preopens::get_directories,
    types::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags},
};

use crate::serve::{Files, Found};

/// The largest file that is read as a small text, in bytes.
const SMALL: u64 = 4096;

/// The directory that the host gives the component.
pub struct Directory(Descriptor);

impl Directory {
    /// Opens it. None if the host gave none.
    pub fn open() -> Option<Self> {
        let (directory, _) = get_directories()
            .into_iter()
            .find(|(_, name)| name == "/")?;
        Some(Self(directory))
    }

    fn at(&self, path: &str) -> Result<Descriptor, ErrorCode> {
        self.0.open_at(
            PathFlags::SYMLINK_FOLLOW,
            path,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )
    }
}

impl Files for Directory {
    type File = Descriptor;

    fn open(&self, path: &str) -> Found<Descriptor> {
        let opened = self
            .at(path)
            .and_then(|file| file.stat().map(|stat| (file, stat)));
        match opened {
            Ok((file, stat)) => match stat.type_ {
                DescriptorType::RegularFile => Found::File(file, stat.size),
                DescriptorType::Directory => Found::Directory,
                _ => Found::Nothing,
            },
            Err(ErrorCode::Io | ErrorCode::InsufficientMemory | ErrorCode::Busy) => Found::Broken,
            Err(_) => Found::Nothing,
        }
    }

    fn text(&self, path: &str) -> Option<String> {
        let (bytes, _) = self.at(path).ok()?.read(SMALL, 0).ok()?;
        String::from_utf8(bytes).ok()
    }
}
