//! What e-mails there are.

use serde::Serialize;

/// The occasions on which Muster writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody is to confirm that an address is theirs.
    VerifyEmail,
    /// An account became active.
    Activated,
    /// An account waits for moderation.
    Pending,
    /// Somebody wants a new password.
    ResetPassword,
    /// An account was made for somebody.
    Invitation,
    /// Somebody signed up with an address that has an account.
    AddressTaken,
    /// Somebody signed up with a name that has an account.
    NameTaken,
    /// An admin wants to see whether mail arrives.
    Test,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::VerifyEmail,
        Self::Activated,
        Self::Pending,
        Self::ResetPassword,
        Self::Invitation,
        Self::AddressTaken,
        Self::NameTaken,
        Self::Test,
    ];

    /// What its templates are called, without the ending.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::Activated => "activated",
            Self::Pending => "pending",
            Self::ResetPassword => "reset-password",
            Self::Invitation => "invitation",
            Self::AddressTaken => "address-taken",
            Self::NameTaken => "name-taken",
            Self::Test => "test",
        }
    }
}

/// What a template can tell; `templates/README.md` has the same words for those
/// who write templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Variables<'a> {
    /// The address at which people reach this Muster.
    pub site: &'a str,
    /// How the recipient is greeted.
    pub name: &'a str,
    /// The user name of the account that it is about.
    pub username: &'a str,
    /// That account's name to show; empty if it has none.
    pub display_name: &'a str,
    /// That account's e-mail address.
    pub email: &'a str,
    /// Where to go.
    pub link: &'a str,
    /// For how long the link is good, such as `24 hours`; empty if for good.
    pub expires: &'a str,
}

/// An e-mail to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter<'a> {
    /// Why.
    pub occasion: Occasion,
    /// To which address.
    pub to: &'a str,
    /// What it tells.
    pub variables: Variables<'a>,
}
