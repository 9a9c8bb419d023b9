//! Blocks in a bucket of an S3-compatible server.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use muster_api::blocks::Digest;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
    prefix::PrefixStore,
};

use crate::{
    blocks::{SET_ASIDE, location},
    digest,
    error::BlocksError,
    place::{Credentials, S3Place},
};

/// How long an answer to a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a request may take, with up to 4 MiB on its way.
const REQUEST: Duration = Duration::from_secs(30);
/// How long a request that fails is tried again.
const RETRIES: Duration = Duration::from_secs(6);
/// How long what the server's clock said is good for; it goes on with ours, which
/// counts intervals well, whatever it thinks of the date.
const CLOCK: Duration = Duration::from_secs(600);
/// A block that is older is made young when somebody asks for it. Less than the
/// age at which garbage collection takes blocks.
const REFRESHED: Duration = Duration::from_secs(6 * 3600);

/// What is written to learn the server's time.
const TIME: &str = "muster/time";
/// Where copies of blocks lie for as long as it takes to make them young.
pub(crate) const YOUNG: &str = "muster/young";
/// What says whose state decides what is garbage.
const OWNER: &str = "muster/owner";

/// A bucket, or a part of one.
#[derive(Debug)]
pub(crate) struct Remote {
    objects: PrefixStore<AmazonS3>,
    clock: Mutex<Option<(Instant, SystemTime)>>,
}

impl Remote {
    /// Prepares; asks the server nothing yet, so that a host starts without it.
    pub(crate) fn new(place: &S3Place, credentials: &Credentials) -> Result<Self, BlocksError> {
        Ok(Self {
            objects: Self::objects_of(place, credentials)?,
            clock: Mutex::default(),
        })
    }

    /// The bucket as such, or the part of it.
    pub(crate) fn objects_of(
        place: &S3Place,
        credentials: &Credentials,
    ) -> Result<PrefixStore<AmazonS3>, BlocksError> {
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(CONNECT)
            .with_timeout(REQUEST);
        let retry = RetryConfig {
            backoff: BackoffConfig {
                max_backoff: Duration::from_secs(2),
                ..BackoffConfig::default()
            },
            max_retries: 3,
            retry_timeout: RETRIES,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&place.bucket)
            .with_region(place.region.as_deref().unwrap_or("us-east-1"))
            .with_virtual_hosted_style_request(place.virtual_hosted)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &place.endpoint {
            builder = builder.with_endpoint(address(place, endpoint));
        }
        builder = if credentials.access_key.is_empty() {
            builder.with_skip_signature(true)
        } else {
            builder
                .with_access_key_id(&credentials.access_key)
                .with_secret_access_key(credentials.secret_key.expose())
        };
        if !credentials.session_token.is_empty() {
            builder = builder.with_token(credentials.session_token.expose());
        }
        let objects = builder.build().map_err(away)?;
        Ok(PrefixStore::new(objects, place.prefix.as_str()))
    }

    /// Keeps a block, in place of what is there. The server has it when this
    /// returns; it checks the bytes against the signature of the request.
    pub(crate) async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), BlocksError> {
        let put = self.objects.put(&location(digest), bytes.into()).await;
        put.map(drop).map_err(away)
    }

    /// What is kept under a block's name, whatever it is.
    pub(crate) async fn get(&self, digest: &Digest) -> Result<Option<Bytes>, BlocksError> {
        self.get_at(&location(digest)).await
    }

    async fn get_at(&self, path: &Path) -> Result<Option<Bytes>, BlocksError> {
        let object = match self.objects.get(path).await {
            Ok(object) => object,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(away(error)),
        };
        object.bytes().await.map(Some).map_err(away)
    }

    /// What is known of a block.
    pub(crate) async fn head(&self, digest: &Digest) -> Result<Option<ObjectMeta>, BlocksError> {
        match self.objects.head(&location(digest)).await {
            Ok(known) => Ok(Some(known)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(away(error)),
        }
    }

    /// Makes a block young if it is not, and says how long it is. The server does
    /// it: it copies the block there and back, since it takes no copy of a thing
    /// onto itself.
    pub(crate) async fn touch(&self, digest: &Digest) -> Result<Option<u64>, BlocksError> {
        let Some(known) = self.head(digest).await? else {
            return Ok(None);
        };
        let age = self.now().await?.duration_since(known.last_modified.into());
        if age.is_ok_and(|age| age >= REFRESHED) {
            let (at, beside) = (location(digest), Path::from(YOUNG).join(digest.as_str()));
            self.objects.copy(&at, &beside).await.map_err(away)?;
            self.objects.copy(&beside, &at).await.map_err(away)?;
            self.delete_at(&beside).await?;
        }
        Ok(Some(known.size))
    }

    /// Moves a damaged block out of the way. False if it turned out to be whole.
    pub(crate) async fn set_aside(&self, digest: &Digest) -> Result<bool, BlocksError> {
        let aside = Path::from_iter([SET_ASIDE, digest.as_str()]);
        match self.objects.copy(&location(digest), &aside).await {
            Err(error) if is_not_found(&error) => return Ok(true),
            other => other.map_err(away)?,
        }
        // What lies aside tells whether somebody has put it right just before.
        let copy = self.get_at(&aside).await?;
        if let Some(bytes) = copy
            && digest::of_block(bytes).await? == *digest
        {
            self.delete_at(&aside).await?;
            return Ok(false);
        }
        self.delete_at(&location(digest)).await?;
        Ok(true)
    }

    /// Everything that is kept.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<ObjectMeta, BlocksError>> {
        self.objects.list(None).map_err(away).boxed()
    }

    pub(crate) async fn delete_at(&self, path: &Path) -> Result<(), BlocksError> {
        match self.objects.delete(path).await {
            Err(error) if is_not_found(&error) => Ok(()),
            other => other.map_err(away),
        }
    }

    /// What time it is for the server: its clock says how old blocks are, and
    /// ours may have jumped.
    pub(crate) async fn now(&self) -> Result<SystemTime, BlocksError> {
        if let Some((at, time)) = *self.clock()
            && at.elapsed() < CLOCK
        {
            return Ok(time + at.elapsed());
        }
        let path = Path::from(TIME);
        let put = self.objects.put(&path, Bytes::new().into()).await;
        put.map_err(away)?;
        let known = self.objects.head(&path).await.map_err(away)?;
        let time = known.last_modified.into();
        *self.clock() = Some((Instant::now(), time));
        Ok(time)
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, SystemTime)>> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose state decides what is garbage; `owner` from now on if nobody's did.
    pub(crate) async fn claim(&self, owner: &str) -> Result<String, BlocksError> {
        let path = Path::from(OWNER);
        loop {
            if let Some(bytes) = self.get_at(&path).await? {
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            let mode = PutOptions::from(PutMode::Create);
            let bytes = Bytes::from(owner.to_owned());
            match self.objects.put_opts(&path, bytes.into(), mode).await {
                Ok(_) => return Ok(owner.to_owned()),
                // Somebody else was first.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
                Err(error) => return Err(away(error)),
            }
        }
    }

    /// Whose state decides what is garbage, if anybody's.
    pub(crate) async fn owner(&self) -> Result<Option<String>, BlocksError> {
        let kept = self.get_at(&Path::from(OWNER)).await?;
        Ok(kept.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Has `owner`'s state decide from now on, whoever's did before.
    pub(crate) async fn set_owner(&self, owner: &str) -> Result<(), BlocksError> {
        let bytes = Bytes::from(owner.to_owned());
        let put = self.objects.put(&Path::from(OWNER), bytes.into()).await;
        put.map(drop).map_err(away)
    }
}

/// Where requests go: with the bucket's name before the host, if it belongs there.
fn address(place: &S3Place, endpoint: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) if place.virtual_hosted => {
            format!("{scheme}://{}.{host}", place.bucket)
        }
        _ => endpoint.to_owned(),
    }
}

pub(crate) fn is_not_found(error: &Error) -> bool {
    // Without its bucket, nothing can be told of a block.
    matches!(error, Error::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}

/// The server did not do it. What it said may be long and is for machines; the
/// innermost reason is for people.
pub(crate) fn away(error: Error) -> BlocksError {
    let reason = match &error {
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
            "the server refuses these credentials".to_owned()
        }
        Error::NotFound { .. } => "there is no such bucket".to_owned(),
        _ => {
            let mut innermost: &dyn std::error::Error = &error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            let text = innermost.to_string();
            let line = text.split(['\n', '\r', '<']).next().unwrap_or_default();
            line.chars().take(200).collect()
        }
    };
    BlocksError::Away { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn the_buckets_name_goes_where_it_is_told() {
        for (text, expected) in [
            (
                "s3://b?endpoint=http://s3.example:9000",
                "http://s3.example:9000",
            ),
            (
                "s3://b?endpoint=https://s3.example&style=virtual",
                "https://b.s3.example",
            ),
        ] {
            let Ok(Place::S3(place)) = text.parse() else {
                panic!("{text}");
            };
            let endpoint = place.endpoint.clone().unwrap();
            assert_eq!(address(&place, &endpoint), expected);
        }
    }
}
