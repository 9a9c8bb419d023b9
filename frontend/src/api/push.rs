//! A push from the browser: files become blocks, those that are missing are
//! uploaded, and the package is staged.

use js_sys::Uint8Array;
use muster_api::{
    blocks::{Digest, FileEntry, MAX_BLOCK, MissingQuery, MissingReply},
    jobs::Job,
    pushes::Push,
};
use sha2::{Digest as _, Sha256};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File};

use super::{
    Answer, act,
    fetch::{self, Body, away},
    get, refusal,
};

/// A file that is to be pushed, and where it goes in the package.
#[derive(Clone)]
pub struct Chosen {
    /// Its path there.
    pub path: String,
    /// The file.
    pub file: File,
}

/// How far a push is.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The files are read.
    Reading,
    /// So many blocks of so many are uploaded.
    Uploading(usize, usize),
    /// The host works.
    Staging(Box<Job>),
}

/// Where a block is: in which file, from which byte to which.
struct Piece {
    digest: Digest,
    file: usize,
    from: f64,
    to: f64,
}

/// Pushes files as an app and follows the job to its end.
pub async fn push(app: &str, chosen: &[Chosen], tell: impl Fn(Progress)) -> Answer<Job> {
    tell(Progress::Reading);
    let (files, pieces) = cut(chosen).await?;
    let blocks = pieces.iter().map(|piece| piece.digest.clone()).collect();
    let reply: MissingReply = act("POST", "/blocks/missing", &MissingQuery { blocks }).await?;
    let mut missing = reply.missing;
    let total = missing.len();
    for piece in &pieces {
        let Some(at) = missing.iter().position(|digest| *digest == piece.digest) else {
            continue;
        };
        missing.swap_remove(at);
        tell(Progress::Uploading(total - missing.len(), total));
        let bytes = read(&chosen[piece.file].file, piece.from, piece.to).await?;
        let path = format!("/api/v1/blocks/{}", piece.digest);
        let reply = fetch::signed("", "PUT", &path, Body::Bytes(bytes)).await?;
        if !(200..300).contains(&reply.status) {
            return Err(refusal(&reply));
        }
    }
    let wanted = Push {
        files,
        ..Push::default()
    };
    let app = fetch::escape(app);
    let job: Job = act("POST", &format!("/apps/{app}/pushes"), &wanted).await?;
    attend(job, |job| tell(Progress::Staging(Box::new(job.clone())))).await
}

/// Follows a job to its end; each answer comes as soon as there is more to tell.
pub async fn attend(mut job: Job, tell: impl Fn(&Job)) -> Answer<Job> {
    loop {
        tell(&job);
        if job.state.is_final() {
            return Ok(job);
        }
        job = get(&format!("/jobs/{}?after_lines={}", job.id, job.log.len())).await?;
    }
}

async fn cut(chosen: &[Chosen]) -> Answer<(Vec<FileEntry>, Vec<Piece>)> {
    let (mut files, mut pieces) = (Vec::new(), Vec::new());
    let step = f64::from(u32::try_from(MAX_BLOCK).unwrap_or(u32::MAX));
    for (number, Chosen { path, file }) in chosen.iter().enumerate() {
        let size = file.size();
        let mut blocks = Vec::new();
        let (mut from, mut bytes) = (0.0, 0_u64);
        while from < size {
            let to = size.min(from + step);
            let read = read(file, from, to).await?;
            bytes += read.len() as u64;
            let digest = Digest::from_bytes(&Sha256::digest(&read).into());
            blocks.push(digest.clone());
            pieces.push(Piece {
                digest,
                file: number,
                from,
                to,
            });
            from = to;
        }
        files.push(FileEntry {
            path: path.clone(),
            size: bytes,
            blocks,
        });
    }
    Ok((files, pieces))
}

async fn read(file: &Blob, from: f64, to: f64) -> Answer<Vec<u8>> {
    let part = file.slice_with_f64_and_f64(from, to).map_err(away)?;
    let buffer = JsFuture::from(part.array_buffer()).await.map_err(away)?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
