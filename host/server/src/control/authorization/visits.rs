//! Visits: a browser's way through the sign-in pages, kept in a ticket whose
//! secret is the browser's cookie. Passwords are never kept.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use http::HeaderMap;
use muster_api::{
    factors::{FactorKind, PasskeyAnswer, PasskeyChallenge},
    id::UserId,
    tokens::OAuthError,
};
use muster_identity::{
    secret::{self, Kind},
    sign_in::{Attempt as Proof, Kept, Profile},
};
use muster_store::{TicketRecord, UserRecord};
use serde::{Deserialize, Serialize};

use super::{Authorization, CodeRequest, codes::read};
use crate::control::{
    error::ControlError,
    factors::Shown,
    record::value,
    sessions::Origin,
    sign_in::{Attempt, SignIn, SignInError},
};

const PURPOSE: &str = "sign-in";
const LIFE: Duration = Duration::from_secs(900);
/// How many wrong codes of a second factor end a visit.
const MAX_TRIES: u32 = 5;

/// What a browser has come for, and how far it has got.
#[derive(Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) goal: Goal,
    /// The method that the client asks for.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// What ties the way back from another site to the way there.
    #[serde(default)]
    kept: Option<Kept>,
    /// Who it is, once they have shown it.
    #[serde(default)]
    pub(crate) person: Option<Person>,
}

/// What comes of a visit.
#[derive(Serialize, Deserialize)]
pub(crate) enum Goal {
    /// A code for a client.
    Code(CodeRequest),
    /// A device is let in.
    Device {
        /// The hash of the user code.
        code: String,
    },
    /// A method is tied to an account.
    Link {
        user: UserId,
        method: String,
        /// As whom the method knows them, once they have shown it.
        profile: Option<Profile>,
    },
}

/// Who has shown who they are.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) method: String,
    /// What they have entered since.
    accept_terms: Option<u64>,
    /// Whether the second factor was right, or none is needed.
    factor: bool,
    tries: u32,
    /// Whether nothing stands in the way any more.
    admitted: bool,
    /// What is missing otherwise.
    pub(crate) missing: Option<OAuthError>,
}

/// What comes next on a visit.
pub(crate) enum Step {
    /// They show who they are.
    Prove,
    /// They enter what is missing.
    Complete(Box<OAuthError>),
    /// They say whether they agree.
    Agree,
    /// The browser goes back to the client.
    Leave(String),
}

/// What somebody has entered on the way.
#[derive(Default)]
pub(crate) struct Entered {
    pub(crate) otp: Option<String>,
    pub(crate) passkey: Option<PasskeyAnswer>,
    pub(crate) accept_terms: Option<u64>,
}

impl Visit {
    pub(crate) fn to(goal: Goal) -> Self {
        Self {
            goal,
            method: None,
            kept: None,
            person: None,
        }
    }

    /// Where the browser may be sent at the end.
    pub(crate) fn leaves_to(&self) -> Option<&str> {
        match &self.goal {
            Goal::Code(request) => Some(&request.redirect_uri),
            Goal::Device { .. } | Goal::Link { .. } => None,
        }
    }

    /// What comes next, without doing it.
    pub(crate) fn step(&self) -> Step {
        match (&self.goal, &self.person) {
            (Goal::Link { profile, .. }, _) if profile.is_some() => Step::Agree,
            (_, Some(person)) if person.admitted => Step::Agree,
            (_, Some(person)) => match &person.missing {
                Some(missing) => Step::Complete(Box::new(missing.clone())),
                None => Step::Prove,
            },
            (_, None) => Step::Prove,
        }
    }

    /// The method that they have to show who they are by, if there is no
    /// choice.
    pub(crate) fn only_method(&self) -> Option<&str> {
        match &self.goal {
            Goal::Link { method, .. } => Some(method),
            _ => self.method.as_deref(),
        }
    }

    fn origin(&self, method: &str, from: Origin) -> Origin {
        let (client, scopes) = match &self.goal {
            Goal::Code(request) => (request.client.clone(), request.scopes.clone()),
            Goal::Device { .. } | Goal::Link { .. } => (String::new(), None),
        };
        Origin {
            client,
            scopes,
            method: method.to_owned(),
            ..from
        }
    }
}

impl Authorization {
    /// Begins a visit: the secret for the browser's cookie.
    pub(crate) async fn visit_begin(&self, visit: &Visit) -> Result<String, ControlError> {
        let (secret, ticket) = ticket(visit);
        self.store
            .write(move |tx| Box::pin(async move { tx.ticket_insert(&ticket).await }))
            .await?;
        Ok(secret)
    }

    /// The visit that a cookie belongs to, unless it has ended.
    pub(crate) async fn visit(&self, cookie: &str) -> Result<Option<Visit>, ControlError> {
        let now = muster_store::now();
        let ticket = self
            .store
            .ticket_get(PURPOSE, &secret::digest(cookie))
            .await?;
        let ticket = ticket.filter(|ticket| ticket.used_at.is_none() && ticket.expires_at > now);
        ticket.map(|ticket| read(ticket.data)).transpose()
    }

    /// Keeps how far a visit has got.
    async fn save(&self, cookie: &str, visit: &Visit) -> Result<(), ControlError> {
        let (hash, data) = (secret::digest(cookie), value(visit).unwrap_or_default());
        let kept = self
            .store
            .write(move |tx| Box::pin(async move { tx.ticket_change(&hash, None, data).await }))
            .await?;
        if kept { Ok(()) } else { Err(ended()) }
    }

    /// Goes on under another secret: whoever knew the cookie before does not
    /// know the one that counts from now on.
    async fn renew(&self, cookie: &str, visit: &Visit) -> Result<String, ControlError> {
        let before = secret::digest(cookie);
        let (secret, ticket) = ticket(visit);
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    if !tx.ticket_use(&before, muster_store::now()).await? {
                        return Err(ended());
                    }
                    tx.ticket_insert(&ticket).await?;
                    Ok::<_, ControlError>(())
                })
            })
            .await?;
        Ok(secret)
    }

    /// Ends a visit. False if it had ended.
    pub(crate) async fn visit_end(&self, cookie: &str) -> Result<bool, ControlError> {
        let hash = secret::digest(cookie);
        let now = muster_store::now();
        Ok(self
            .store
            .write(move |tx| Box::pin(async move { tx.ticket_use(&hash, now).await }))
            .await?)
    }

    /// Begins the trip to a method's own site: its address.
    pub(crate) async fn depart(
        &self,
        cookie: &str,
        mut visit: Visit,
        method: &str,
    ) -> Result<String, SignInError> {
        let back = format!("{}/sign-in/{method}/callback", self.public_url());
        let begun = self.sign_in.methods.get(method)?.begin(&back).await?;
        visit.kept = Some(begun.kept);
        visit.person = None;
        self.save(cookie, &visit).await?;
        Ok(begun.url)
    }

    /// Takes somebody back from a method's own site. What was kept serves once.
    pub(crate) async fn arrive(
        &self,
        cookie: &str,
        mut visit: Visit,
        method: &str,
        parameters: &BTreeMap<String, String>,
        from: Origin,
    ) -> Result<String, SignInError> {
        let Some(kept) = visit.kept.take() else {
            let why = "nobody was on the way to sign in; begin anew";
            return Err(SignInError::refused("access_denied", why));
        };
        self.save(cookie, &visit).await?;
        let proof = Proof::Callback {
            parameters,
            kept: &kept,
        };
        let profile = self.sign_in.methods.get(method)?.sign_in(proof).await?;
        self.vouched(cookie, visit, profile, from).await
    }

    /// Takes a proxy's word for who somebody is.
    pub(crate) async fn introduced(
        &self,
        cookie: &str,
        visit: Visit,
        method: &str,
        headers: &HeaderMap,
        peer: IpAddr,
        from: Origin,
    ) -> Result<String, SignInError> {
        let proof = Proof::Headers { peer, headers };
        let profile = self.sign_in.methods.get(method)?.sign_in(proof).await?;
        self.vouched(cookie, visit, profile, from).await
    }

    /// Goes on with somebody whom a method vouches for.
    async fn vouched(
        &self,
        cookie: &str,
        mut visit: Visit,
        vouched: Profile,
        from: Origin,
    ) -> Result<String, SignInError> {
        if let Goal::Link {
            method, profile, ..
        } = &mut visit.goal
        {
            if *method != vouched.method {
                let why = "this is not the method that is to be tied to the account";
                return Err(SignInError::refused("access_denied", why));
            }
            *profile = Some(vouched);
            return Ok(self.renew(cookie, &visit).await?);
        }
        let origin = visit.origin(&vouched.method, from);
        let user = self.sign_in.account_of(vouched, &origin).await?;
        self.proven(cookie, visit, user, origin).await
    }

    /// Checks name and password; the secret that the visit goes on under.
    pub(crate) async fn prove(
        &self,
        cookie: &str,
        visit: Visit,
        method: &str,
        attempt: Attempt,
        from: Origin,
    ) -> Result<String, SignInError> {
        if let Goal::Link { .. } = visit.goal {
            let why = "tie this method to your account with `muster self link`";
            return Err(SignInError::refused("access_denied", why));
        }
        let origin = visit.origin(method, from);
        let user = self.sign_in.check_password(&attempt, &origin).await?;
        self.proven(cookie, visit, user, origin).await
    }

    async fn proven(
        &self,
        cookie: &str,
        mut visit: Visit,
        user: UserRecord,
        origin: Origin,
    ) -> Result<String, SignInError> {
        let mut person = Person {
            user: user.id,
            method: origin.method.clone(),
            accept_terms: None,
            factor: false,
            tries: 0,
            admitted: false,
            missing: None,
        };
        let nothing = Shown::default();
        self.admit(&mut person, &user, &nothing, &origin).await?;
        visit.kept = None;
        visit.person = Some(person);
        Ok(self.renew(cookie, &visit).await?)
    }

    /// Goes on with what somebody has entered.
    pub(crate) async fn complete(
        &self,
        cookie: &str,
        mut visit: Visit,
        entered: Entered,
        from: Origin,
    ) -> Result<(), SignInError> {
        let Some(mut person) = visit.person.take().filter(|person| !person.admitted) else {
            return Err(ended().into());
        };
        let shown = Shown {
            otp: entered.otp,
            passkey: entered.passkey,
        };
        if !person.factor {
            person.tries += 1;
        }
        // Nobody accepts what they were not shown.
        let terms = person.missing.as_ref().and_then(|missing| missing.terms);
        if terms.is_some() {
            person.accept_terms = entered.accept_terms;
        }
        if person.tries > MAX_TRIES {
            self.visit_end(cookie).await?;
            let why = "too many wrong codes; begin anew";
            return Err(SignInError::refused("access_denied", why));
        }
        let user = self.store.user_by_id(person.user).await?;
        let user = user.ok_or_else(ended)?;
        let origin = visit.origin(&person.method, from);
        self.admit(&mut person, &user, &shown, &origin).await?;
        visit.person = Some(person);
        Ok(self.save(cookie, &visit).await?)
    }

    /// Notes whether somebody is admitted, or what is missing for it.
    async fn admit(
        &self,
        person: &mut Person,
        user: &UserRecord,
        shown: &Shown,
        origin: &Origin,
    ) -> Result<(), SignInError> {
        SignIn::check_state(user)?;
        if !person.factor {
            match self.sign_in.check_factor(user, shown, origin).await {
                Ok(()) => person.factor = true,
                // Wrong or not there, with the kinds that would do.
                Err(SignInError::Refused(mut missing)) if !missing.factors.is_empty() => {
                    if missing.passkey.is_none() && missing.factors.contains(&FactorKind::Passkey) {
                        missing.passkey = self.ask_passkey(user, origin).await?;
                    }
                    person.missing = Some(*missing);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        match self.sign_in.check_terms(user, person.accept_terms).await {
            Ok(version) => self.sign_in.accept_terms(user, version, origin).await?,
            Err(SignInError::Refused(missing)) if missing.terms.is_some() => {
                person.missing = Some(*missing);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        person.admitted = true;
        person.missing = None;
        Ok(())
    }

    /// Another challenge, after a passkey has answered the one before.
    async fn ask_passkey(
        &self,
        user: &UserRecord,
        origin: &Origin,
    ) -> Result<Option<PasskeyChallenge>, SignInError> {
        let nothing = Shown::default();
        match self.sign_in.check_factor(user, &nothing, origin).await {
            Ok(()) => Ok(None),
            Err(SignInError::Refused(asked)) => Ok(asked.passkey),
            Err(error) => Err(error),
        }
    }

    /// Where a visit is now. One that is for a code ends with it.
    pub(crate) async fn step(&self, cookie: &str, visit: &Visit) -> Result<Step, ControlError> {
        match (visit.step(), &visit.goal, &visit.person) {
            (Step::Agree, Goal::Code(request), Some(person)) => {
                let address = self.issue_code(cookie, request, person).await?;
                Ok(Step::Leave(address))
            }
            (step, _, _) => Ok(step),
        }
    }
}

fn ticket(visit: &Visit) -> (String, TicketRecord) {
    let issued = secret::issue(Kind::Session);
    let now = muster_store::now();
    let ticket = TicketRecord {
        hash: issued.digest,
        purpose: PURPOSE.to_owned(),
        user: None,
        data: value(visit).unwrap_or_default(),
        created_at: now,
        expires_at: now + LIFE,
        used_at: None,
    };
    (issued.text.expose().to_owned(), ticket)
}

fn ended() -> ControlError {
    ControlError::Unauthorized("this sign-in has ended; begin anew")
}
