//! Decides how a request is answered.

use std::ops::Range;

use crate::{
    etag, media,
    negotiate::{self, Encoding},
    path::{self, Refusal, Target},
    range::{self, Asked},
};

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// Any other.
    Other,
}

/// The head of a request.
pub struct Request<'a, H: Fn(&str) -> Option<String>> {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: &'a str,
    /// Gives a header field by its lower-case name, several joined by commas.
    pub header: H,
}

/// What is found at a path.
#[derive(Debug)]
pub enum Found<F> {
    /// A file of that many bytes.
    File(F, u64),
    /// A directory.
    Directory,
    /// Nothing.
    Nothing,
    /// Something that cannot be read right now.
    Broken,
}

/// The files that are served.
pub trait Files {
    /// An open file.
    type File;

    /// Opens what is at a path.
    fn open(&self, path: &str) -> Found<Self::File>;

    /// The text of a small file; none if there is no such file.
    fn text(&self, path: &str) -> Option<String>;
}

/// The body of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Body<F> {
    /// None, also where the head speaks of a length.
    Empty,
    /// A short text.
    Text(&'static str),
    /// These bytes of a file.
    File(F, Range<u64>),
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<F> {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body<F>,
}

/// Answers a request.
pub fn serve<D: Files, H: Fn(&str) -> Option<String>>(
    files: &D,
    request: &Request<'_, H>,
) -> Answer<D::File> {
    let mut answer = match request.method {
        Method::Get | Method::Head => found(files, request),
        Method::Other => {
            let mut refused = text(
                405,
                "This is a site of files: only GET and HEAD work here.\n",
            );
            refused.fields.push(("allow", "GET, HEAD".to_owned()));
            refused
        }
    };
    if request.method == Method::Head {
        answer.body = Body::Empty;
    }
    answer
}

/// The answer when files cannot be read.
#[must_use]
pub fn broken<F>() -> Answer<F> {
    text(500, "The files of this site cannot be read.\n")
}

fn found<D: Files, H: Fn(&str) -> Option<String>>(
    files: &D,
    request: &Request<'_, H>,
) -> Answer<D::File> {
    let (raw, query) = request
        .target
        .split_once('?')
        .map_or((request.target, None), |(raw, query)| (raw, Some(query)));
    let (name, slash) = match path::parse(raw) {
        Ok(Target::Named(name)) => (name, false),
        Ok(Target::Directory(name)) if name.is_empty() => ("index.html".to_owned(), true),
        Ok(Target::Directory(name)) => (format!("{name}/index.html"), true),
        Err(Refusal::Bad) => return text(400, "This path is malformed.\n"),
        Err(Refusal::Nowhere) => return nothing(files, request),
    };
    match files.open(&format!("site/{name}")) {
        Found::File(file, length) => whole(files, request, &name, file, length),
        Found::Directory if !slash => match files.open(&format!("site/{name}/index.html")) {
            Found::File(..) => {
                let query = query.map_or_else(String::new, |query| format!("?{query}"));
                let mut moved = text(308, "The address of a directory ends with a slash.\n");
                moved.fields.push(("location", format!("{raw}/{query}")));
                moved
            }
            _ => nothing(files, request),
        },
        Found::Directory | Found::Nothing => nothing(files, request),
        Found::Broken => broken(),
    }
}

/// Answers where there is no file: with the fallback, if there is one and the
/// client wants a page.
fn nothing<D: Files, H: Fn(&str) -> Option<String>>(
    files: &D,
    request: &Request<'_, H>,
) -> Answer<D::File> {
    let wants_page =
        (request.header)("accept").is_some_and(|accept| negotiate::accepts_pages(&accept));
    if wants_page
        && let Some(fallback) = files.text("fallback")
        && let fallback = fallback.trim()
        && let Found::File(file, length) = files.open(&format!("site/{fallback}"))
    {
        let mut page = whole(files, request, fallback, file, length);
        page.fields.push(("vary", "accept".to_owned()));
        return page;
    }
    let mut nothing = text(404, "There is nothing here.\n");
    nothing.fields.push(("vary", "accept".to_owned()));
    nothing
}

/// Answers with a file, encoded if the client likes and the site has it so.
fn whole<D: Files, H: Fn(&str) -> Option<String>>(
    files: &D,
    request: &Request<'_, H>,
    name: &str,
    plain: D::File,
    length: u64,
) -> Answer<D::File> {
    let wanted = (request.header)("accept-encoding").unwrap_or_default();
    for encoding in negotiate::encodings(&wanted) {
        let variant = format!("{name}{}", encoding.suffix);
        if let Found::File(file, length) = files.open(&format!("site/{variant}")) {
            let tag = tag(files, &variant);
            return part(
                request,
                name,
                Representation {
                    file,
                    length,
                    encoding: Some(encoding),
                    tag,
                },
            );
        }
    }
    let tag = tag(files, name);
    part(
        request,
        name,
        Representation {
            file: plain,
            length,
            encoding: None,
            tag,
        },
    )
}

fn tag(files: &impl Files, name: &str) -> Option<String> {
    etag::of_digest(&files.text(&format!("etags/{name}"))?)
}

/// What is sent of a file: it as it is, or one of its encoded variants.
struct Representation<F> {
    file: F,
    length: u64,
    encoding: Option<Encoding>,
    tag: Option<String>,
}

/// Answers with a representation: whole, in part, or not at all if the client
/// has it already.
fn part<F, H: Fn(&str) -> Option<String>>(
    request: &Request<'_, H>,
    name: &str,
    Representation {
        file,
        length,
        encoding,
        tag,
    }: Representation<F>,
) -> Answer<F> {
    let header = &request.header;
    let mut fields = vec![
        ("cache-control", "no-cache".to_owned()),
        ("vary", "accept-encoding".to_owned()),
    ];
    if let Some(tag) = &tag {
        fields.push(("etag", tag.clone()));
        if header("if-none-match").is_some_and(|known| etag::is_known(&known, tag)) {
            return Answer {
                status: 304,
                fields,
                body: Body::Empty,
            };
        }
    }
    let same = match (header("if-range"), &tag) {
        (None, _) => true,
        (Some(known), Some(tag)) => etag::is_same(&known, tag),
        (Some(_), None) => false,
    };
    let asked = match header("range") {
        Some(asked) if same && request.method == Method::Get => range::parse(&asked, length),
        _ => Asked::Whole,
    };
    let (status, sent) = match asked {
        Asked::Whole => (200, 0..length),
        Asked::Part(sent) => {
            fields.push(("content-range", range::content_range(&sent, length)));
            (206, sent)
        }
        Asked::Beyond => {
            let mut refused = text(416, "The file is shorter than that.\n");
            refused
                .fields
                .push(("content-range", format!("bytes */{length}")));
            return refused;
        }
    };
    fields.push(("content-type", media::of_path(name).to_owned()));
    fields.push(("content-length", (sent.end - sent.start).to_string()));
    fields.push(("accept-ranges", "bytes".to_owned()));
    fields.push(("x-content-type-options", "nosniff".to_owned()));
    if let Some(encoding) = encoding {
        fields.push(("content-encoding", encoding.name.to_owned()));
    }
    Answer {
        status,
        fields,
        body: Body::File(file, sent),
    }
}

fn text<F>(status: u16, text: &'static str) -> Answer<F> {
    let fields = vec![
        ("content-type", "text/plain; charset=utf-8".to_owned()),
        ("content-length", text.len().to_string()),
    ];
    Answer {
        status,
        fields,
        body: Body::Text(text),
    }
}

#[cfg(test)]
mod tests;
