//! From templates to texts. `templates/README.md` describes them.

use std::{fs, io, path::Path};

use minijinja::{Environment, UndefinedBehavior};

use super::{MailError, Occasion, Variables};

const SUBJECT: &str = "Subject: ";

/// The parts of an e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The subject: one line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// All templates: an operator's, and ours where there is none.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Templates {
    /// Reads the templates of a folder and tries each.
    ///
    /// # Errors
    /// [`MailError::Template`] for one that cannot be read or rendered.
    pub fn load(folder: Option<&str>) -> Result<Self, MailError> {
        if let Some(folder) = folder.filter(|folder| !Path::new(folder).is_dir()) {
            return Err(MailError::Misconfigured {
                setting: "template_directory",
                problem: format!("{folder} is no folder"),
            });
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for occasion in Occasion::ALL {
            let (text, html) = built_in(occasion);
            for (ending, ours) in [("txt", text), ("html", html)] {
                let name = format!("{}.{ending}", occasion.name());
                let source = match folder {
                    Some(folder) => read(&Path::new(folder).join(&name))?,
                    None => None,
                };
                let source = source.unwrap_or_else(|| ours.to_owned());
                environment
                    .add_template_owned(name, source)
                    .map_err(broken)?;
            }
        }
        let templates = Self(environment);
        let sample = Variables {
            site: "https://muster.example",
            name: "Ada",
            username: "ada",
            display_name: "Ada",
            email: "ada@example.org",
            link: "https://muster.example/link",
            expires: "24 hours",
        };
        for occasion in Occasion::ALL {
            templates.write(occasion, &sample)?;
        }
        Ok(templates)
    }

    /// Renders both parts.
    ///
    /// # Errors
    /// [`MailError::Template`] if one cannot be rendered with these variables,
    /// [`MailError::Injection`] if the subject would not be one line.
    pub fn write(
        &self,
        occasion: Occasion,
        variables: &Variables<'_>,
    ) -> Result<Written, MailError> {
        let render = |ending: &str| {
            let name = format!("{}.{ending}", occasion.name());
            let template = self.0.get_template(&name).map_err(broken)?;
            template.render(variables).map_err(broken)
        };
        // Only what the template says ends the subject, not a variable in it.
        if [variables.username, variables.name, variables.display_name]
            .iter()
            .any(|text| text.contains(char::is_control))
        {
            return Err(MailError::Injection("subject"));
        }
        let text = render("txt")?;
        let (subject, text) = text
            .strip_prefix(SUBJECT)
            .and_then(|text| text.split_once('\n'))
            .ok_or_else(|| MailError::Template {
                file: format!("{}.txt", occasion.name()),
                problem: format!("the first line is not `{SUBJECT}` and a subject"),
            })?;
        let subject = subject.trim();
        if subject.is_empty() || subject.contains(char::is_control) {
            return Err(MailError::Injection("subject"));
        }
        Ok(Written {
            subject: subject.to_owned(),
            text: format!("{}\n", text.trim()),
            html: render("html")?,
        })
    }
}

/// A file's text; none if there is no such file.
fn read(path: &Path) -> Result<Option<String>, MailError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.replace("\r\n", "\n"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(MailError::Template {
            file: path.display().to_string(),
            problem: error.to_string(),
        }),
    }
}

fn broken(error: minijinja::Error) -> MailError {
    let line = error.line().map(|line| format!("line {line}: "));
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    MailError::Template {
        file: error.name().unwrap_or("?").to_owned(),
        problem: format!("{}{what}", line.unwrap_or_default()),
    }
}

fn built_in(occasion: Occasion) -> (&'static str, &'static str) {
    match occasion {
        Occasion::VerifyEmail => (
            include_str!("templates/verify-email.txt"),
            include_str!("templates/verify-email.html"),
        ),
        Occasion::Activated => (
            include_str!("templates/activated.txt"),
            include_str!("templates/activated.html"),
        ),
        Occasion::Pending => (
            include_str!("templates/pending.txt"),
            include_str!("templates/pending.html"),
        ),
        Occasion::ResetPassword => (
            include_str!("templates/reset-password.txt"),
            include_str!("templates/reset-password.html"),
        ),
        Occasion::Invitation => (
            include_str!("templates/invitation.txt"),
            include_str!("templates/invitation.html"),
        ),
        Occasion::AddressTaken => (
            include_str!("templates/address-taken.txt"),
            include_str!("templates/address-taken.html"),
        ),
        Occasion::NameTaken => (
            include_str!("templates/name-taken.txt"),
            include_str!("templates/name-taken.html"),
        ),
        Occasion::Test => (
            include_str!("templates/test.txt"),
            include_str!("templates/test.html"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables<'static> {
        Variables {
            site: "https://muster.example",
            name: "<Ada & Co>",
            username: "ada",
            display_name: "<Ada & Co>",
            email: "ada@example.org",
            link: "https://muster.example/verify?a=1&b=2",
            expires: "24 hours",
        }
    }

    #[test]
    fn every_occasion_has_both_parts() {
        let templates = Templates::load(None).unwrap();
        for occasion in Occasion::ALL {
            let written = templates.write(occasion, &variables()).unwrap();
            assert!(!written.subject.contains("{{"), "{written:?}");
            assert!(written.text.contains("Hello <Ada & Co>,"), "{written:?}");
            assert!(written.text.contains("/verify?a=1&b=2"), "{written:?}");
            assert!(
                written.html.contains("Hello &lt;Ada &amp; Co&gt;,"),
                "{written:?}"
            );
            assert!(!written.html.contains("<Ada"), "{written:?}");
        }
    }

    #[test]
    fn a_folder_replaces_single_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activated.txt");
        fs::write(
            &path,
            "Subject: Servus {{ username }}\r\n\r\nGrüß Gott!\r\n",
        )
        .unwrap();
        let templates = Templates::load(folder.path().to_str()).unwrap();
        let written = templates.write(Occasion::Activated, &variables()).unwrap();
        assert_eq!(written.subject, "Servus ada");
        assert_eq!(written.text, "Grüß Gott!\n");
        assert!(written.html.contains("is active"), "{written:?}");
        let other = templates.write(Occasion::Invitation, &variables()).unwrap();
        assert_eq!(other.subject, "You are invited to Muster");
    }

    #[test]
    fn a_broken_template_is_named_with_its_line() {
        let told = |name: &str, text: &str| {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), text).unwrap();
            let error = Templates::load(folder.path().to_str()).unwrap_err();
            error.to_string()
        };
        let unknown = told("pending.html", "<p>\n{{ password }}");
        assert!(unknown.contains("pending.html: line 2"), "{unknown}");
        let syntax = told("pending.txt", "Subject: a\n\n{% if %}");
        assert!(syntax.contains("pending.txt: line 3"), "{syntax}");
        let subject = told("pending.txt", "Hello");
        assert!(subject.contains("first line"), "{subject}");
        let empty = told("pending.txt", "Subject: \n\nHello");
        assert!(empty.contains("subject"), "{empty}");
    }

    #[test]
    fn no_variable_ends_the_subject() {
        let templates = Templates::load(None).unwrap();
        for username in ["a\nBcc: eve@example.org", "a\rb", "a\0b", "a\u{85}b"] {
            let variables = Variables {
                username,
                ..variables()
            };
            let error = templates.write(Occasion::Pending, &variables).unwrap_err();
            assert_eq!(error, MailError::Injection("subject"));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let error = Templates::load(Some("/nonexistent")).unwrap_err();
        assert!(error.to_string().contains("template_directory"), "{error}");
    }
}
