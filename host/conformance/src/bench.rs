//! What the cases of a suite work with.

use std::{marker::PhantomData, sync::Arc};

use http::request::Parts;
use muster_engine::plugin::{Manifest, Plugin, PluginCode, PluginError, RoleWorld};

/// What a plugin did against its contract.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

impl From<PluginError> for Fault {
    fn from(error: PluginError) -> Self {
        Self(error.to_string())
    }
}

/// What comes of a case.
pub(crate) type Verdict = Result<(), Fault>;

/// Ends a case at what must not be.
macro_rules! ensure {
    ($holds:expr, $($told:tt)+) => {
        if !$holds {
            return Err($crate::bench::Fault(format!($($told)+)));
        }
    };
}
pub(crate) use ensure;

/// What one case wants of a plugin.
pub(crate) struct Check<W> {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Bench<W>) -> Verdict,
}

/// A plugin that can be made any number of times.
pub(crate) struct Bench<W> {
    code: PluginCode,
    world: PhantomData<fn() -> W>,
}

impl<W: RoleWorld> Bench<W> {
    pub(crate) fn new(code: PluginCode) -> Self {
        Self {
            code,
            world: PhantomData,
        }
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        self.code.manifest()
    }

    /// An instance that has not been started.
    pub(crate) fn instance(&self) -> Result<Plugin<W>, Fault> {
        Ok(self.code.instantiate(Arc::new(|_, _| {}))?)
    }

    /// An instance that has been started.
    pub(crate) fn started(&self) -> Result<Plugin<W>, Fault> {
        let mut plugin = self.instance()?;
        plugin.start()?;
        Ok(plugin)
    }
}

/// A request's head.
pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Parts, Fault> {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    let request = request
        .body(())
        .map_err(|error| Fault(format!("the suite is wrong: {error}")))?;
    Ok(request.into_parts().0)
}

/// Texts that were never meant to be: empty, long, with what ends lines, with
/// what other programs take for a part of theirs.
pub(crate) fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "a\r\nset-cookie: b=c",
        "../../etc/passwd",
        "*",
        "*.*",
        "a;b,c=d\"e'",
        "%00%0d%0a",
        "\u{202e}\u{1f4a9}\u{fffd}",
        "-1",
        "18446744073709551616",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(64 << 10));
    texts.push("a.".repeat(4 << 10));
    texts
}
