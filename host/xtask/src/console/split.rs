//! The program in parts: what is loaded at first, and a part for each page that is loaded
//! later, with what several of those share. `wasm_split` in `frontend` says where to cut.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use wasm_split_cli_support::{Options, transform};

use super::files::{self, Files};

/// How the program names the module that loads its parts.
const LINK: &str = "./link.js";
/// The kind of sections that only tools read.
const CUSTOM: u8 = 0;
/// What stands for the address of the bindings in that module.
const BINDINGS: &str = "{bindings}";

/// A program that was cut into parts.
pub struct Split {
    /// What is loaded at first, for which the bindings are made.
    pub main: PathBuf,
    link: String,
    parts: Vec<PathBuf>,
}

/// Where the scripts that load the program are.
pub struct Linked {
    /// The bindings to the browser.
    pub bindings: String,
    /// What loads the parts.
    pub link: String,
}

impl Split {
    /// Cuts a program into files of a folder, which is made anew.
    ///
    /// # Errors
    /// If the program was linked without relocations or the folder cannot be written.
    pub fn of(compiled: &Path, folder: &Path) -> Result<Self> {
        let program =
            fs::read(compiled).with_context(|| format!("could not read {}", compiled.display()))?;
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("could not remove {}", folder.display()))?;
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let main = folder.join("main.wasm");
        let mut options = Options::new(&program);
        options.output_dir = folder;
        options.main_out_path = &main;
        options.link_name = LINK;
        options.main_module = BINDINGS;
        let split = transform(options)
            .map_err(|error| anyhow!("could not cut the console into parts: {error:#}"))?;
        let link = folder.join(LINK);
        let link = fs::read_to_string(&link)
            .with_context(|| format!("could not read {}", link.display()))?;
        Ok(Self {
            main,
            link,
            parts: split.split_modules,
        })
    }

    /// Adds the parts and the scripts that load them to the files of the console.
    ///
    /// # Errors
    /// If the scripts are not as they should be, or a part cannot be read.
    pub fn link(self, bindings: String, files: &mut Files) -> Result<Linked> {
        let mut link = self.link;
        for path in &self.parts {
            let part =
                fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let part = bare(&part).with_context(|| format!("{} is no module", path.display()))?;
            let address = files.add_later(&stem.replace('_', "-"), "wasm", &part);
            link = replace(
                &link,
                &format!("\"./{stem}.wasm\""),
                &format!("{address:?}"),
            )?;
        }
        // Both import the other, so that neither can be named after the other's name.
        let name = files::name("console", "js", &[bindings.as_bytes(), link.as_bytes()]);
        let address = files::address(&name);
        let link = replace(&link, BINDINGS, &address)?;
        let link = files.add("link", "js", link.as_bytes());
        let bindings = replace(
            &bindings,
            &format!("from \"{LINK}\""),
            &format!("from {link:?}"),
        )?;
        files.put(name, bindings.as_bytes());
        Ok(Linked {
            bindings: address,
            link,
        })
    }
}

fn replace(text: &str, what: &str, by: &str) -> Result<String> {
    if !text.contains(what) {
        bail!("a script of the console says nothing of {what}");
    }
    Ok(text.replace(what, by))
}

/// A module without its custom sections, such as the names of its functions: they are for
/// tools. Nothing if it is no module.
fn bare(module: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = module.split_at_checked(8)?;
    let mut kept = header.to_vec();
    while let Some((kind, after)) = rest.split_first() {
        let (length, body) = number(after)?;
        let (_, next) = body.split_at_checked(length)?;
        if *kind != CUSTOM {
            kept.extend_from_slice(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    Some(kept)
}

/// A number as modules have them, seven bits a byte, and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn custom_sections_are_left_out() {
        let long = [b'x'; 200];
        let types: &[u8] = &[1, 4, 1, 0x60, 0, 0];
        let names: &[u8] = &[&[CUSTOM, 0xc8, 1][..], &long].concat();
        let functions: &[u8] = &[3, 2, 1, 0];
        let module = [HEADER, types, names, functions].concat();
        let expected = [HEADER, types, functions].concat();
        assert_eq!(bare(&module), Some(expected));
    }

    #[test]
    fn what_breaks_off_is_no_module() {
        for cut in [
            &b"\0asm"[..],
            &[HEADER, &[1, 4, 1]].concat(),
            &[HEADER, &[1, 0x80]].concat(),
        ] {
            assert_eq!(bare(cut), None, "{cut:?}");
        }
    }

    #[test]
    fn scripts_that_refer_to_each_other_have_names_that_change_with_either() {
        let name = |bindings: &str, link: &str| {
            let split = Split {
                main: PathBuf::new(),
                link: format!("import {{ initSync }} from \"{BINDINGS}\";{link}"),
                parts: Vec::new(),
            };
            let bindings = format!("import * as link from \"{LINK}\";{bindings}");
            let linked = split.link(bindings, &mut Files::default()).unwrap();
            (linked.bindings, linked.link)
        };
        let first = name("a", "b");
        assert_eq!(first, name("a", "b"));
        let (other_bindings, other_link) = (name("x", "b"), name("a", "y"));
        assert_ne!(first.0, other_bindings.0);
        assert_ne!(first.1, other_bindings.1);
        assert_ne!(first.0, other_link.0);
        assert_ne!(first.1, other_link.1);
    }
}
