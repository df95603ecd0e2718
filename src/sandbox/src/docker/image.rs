//! The engine's copy of a runtime's image: the same files under the same address.

use std::io::{self, Read, Write};
use std::thread;

use bollard::body_try_stream;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateImageOptions;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use glasshouse_images::{Image, VerifyReport, pack, verify_archive};
use glasshouse_model::Digest;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::owner::Owner;
use super::{DockerError, Engine};

/// The label that tells the digest of the definition that an image was built from.
const DIGEST: &str = "glasshouse.image";
/// So many digits of it are in the image's name.
const DIGITS: usize = 12;
/// Bytes that are sent at a time, and how many of them may wait.
const CHUNK: usize = 1 << 20;
const CHUNKS: usize = 4;

/// A runtime's image as the engine has it, or will have it when it is needed.
#[derive(Clone, Debug)]
pub struct ContainerImage(Image);

/// An image that the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// Its name, as `docker image ls` shows it.
    pub name: String,
    /// The engine's own address of it.
    pub id: String,
}

impl ContainerImage {
    /// The one that is made from `image`.
    pub fn of(image: &Image) -> Self {
        Self(image.clone())
    }

    /// `glasshouse/NAME:DIGEST`, the digest cut to 12 digits.
    pub fn name(&self) -> String {
        container_image_name(&self.0.name, &self.0.digest)
    }

    /// The engine's image, if it has it and it says that it was built from this definition.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn find(&self, engine: &Engine) -> Result<Option<StoredImage>, DockerError> {
        let found = engine.image(&self.name())?;
        let labelled = |found: &bollard::models::ImageInspect| {
            let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
            let digest = labels.and_then(|labels| labels.get(DIGEST));
            // One that was built by hand tells as many digits as its name does.
            digest.is_some_and(|digest| digest.len() >= DIGITS && self.0.digest.hex().starts_with(digest))
        };
        let id = found.filter(labelled).and_then(|found| found.id);
        Ok(id.map(|id| StoredImage { name: self.name(), id }))
    }

    /// The engine's image, made of the root in the cache if it is not there. `say` gets a line if it is made.
    ///
    /// # Errors
    /// The engine does not answer, or does not take it.
    pub fn ensure(&self, engine: &Engine, say: &mut dyn FnMut(&str)) -> Result<StoredImage, DockerError> {
        if let Some(found) = self.find(engine)? {
            return Ok(found);
        }
        say(&format!("handing the image {} to the container engine", self.name()));
        let begun = std::time::Instant::now();
        self.import(engine)?;
        let made = self.find(engine)?.ok_or_else(|| DockerError::Absent {
            what: format!("image {}", self.name()),
            message: "it took it, and does not have it".to_owned(),
        })?;
        say(&format!("image {} made, {:.1} s", self.name(), begun.elapsed().as_secs_f64()));
        Ok(made)
    }

    fn import(&self, engine: &Engine) -> Result<(), DockerError> {
        let (sender, receiver) = channel(CHUNKS);
        let image = self.0.clone();
        // Not waited for: it ends with its last byte, or when the engine hears no more.
        thread::spawn(move || {
            let mut out = io::BufWriter::with_capacity(CHUNK, Chunks(sender.clone()));
            let packed = pack(&image, &mut out).map_err(|error| io::Error::other(error.to_string()));
            if let Err(error) = packed.and_then(|()| out.flush()) {
                // The engine must not take half an image for a whole one. An error: it has stopped listening.
                let _ = sender.blocking_send(Err(error));
            }
        });
        let name = self.name();
        let (repository, tag) = name.split_once(':').unwrap_or((&name, "latest"));
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
            message: Some(format!("glasshouse images build {}", self.0.name)),
            changes: vec![format!("LABEL {DIGEST}={}", self.0.digest.hex())],
            ..CreateImageOptions::default()
        };
        let body = body_try_stream(received(receiver).map_ok(Into::into));
        let lines = engine.client().create_image(Some(options), Some(body), None).try_collect::<Vec<_>>();
        let problem = engine.ask("take an image", lines)?.into_iter().find_map(|line| line.error_detail?.message);
        match problem {
            Some(message) => Err(DockerError::Refused { doing: "take an image".to_owned(), message, passing: false }),
            None => Ok(()),
        }
    }

    /// Reads all files of the engine's image and compares them with what was built.
    ///
    /// # Errors
    /// The engine does not answer or has no such image, or the cache's own list of files is damaged.
    pub fn verify(&self, engine: &Engine, stored: &StoredImage) -> Result<VerifyReport, DockerError> {
        // Never started: engines give the files of a container, and those of an image only by layers.
        let body = ContainerCreateBody {
            image: Some(stored.id.clone()),
            entrypoint: Some(vec!["/none".to_owned()]),
            labels: Some(Owner::own()?.labels("verify")),
            ..ContainerCreateBody::default()
        };
        let container = engine.create(body)?;
        let report = self.verify_container(engine, &container);
        engine.remove(&container)?;
        report
    }

    fn verify_container(&self, engine: &Engine, container: &str) -> Result<VerifyReport, DockerError> {
        let (sender, receiver) = channel::<io::Result<Vec<u8>>>(CHUNKS);
        thread::scope(|scope| {
            let reader = scope.spawn(|| verify_archive(&self.0, Taken { receiver, rest: io::Cursor::default() }));
            let mut bytes = Box::pin(engine.client().export_container(container));
            let sent = engine.ask("export a container", async {
                while let Some(chunk) = bytes.next().await {
                    if sender.send(Ok(chunk?.to_vec())).await.is_err() {
                        // The reader has met something that it cannot read, and says so.
                        break;
                    }
                }
                Ok(())
            });
            if let Err(error) = &sent {
                let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
            }
            drop(sender);
            let report = reader.join().map_err(|_| io::Error::other("the reader of an archive panicked"))?;
            sent?;
            Ok(report?)
        })
    }
}

/// The name of the container image of a runtime's definition: `glasshouse/NAME:DIGEST`, the digest cut to 12 digits.
pub fn container_image_name(runtime: &str, digest: &Digest) -> String {
    format!("glasshouse/{runtime}:{}", &digest.hex()[..DIGITS])
}

/// What has been sent, as a stream.
fn received(receiver: Receiver<io::Result<Vec<u8>>>) -> impl Stream<Item = io::Result<Vec<u8>>> {
    futures_util::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) })
}

/// Sends what is written to it.
struct Chunks(Sender<io::Result<Vec<u8>>>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Ok(bytes.to_vec())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what is sent.
struct Taken {
    receiver: Receiver<io::Result<Vec<u8>>>,
    rest: io::Cursor<Vec<u8>>,
}

impl Read for Taken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.rest.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.receiver.blocking_recv() {
                Some(chunk) => self.rest = io::Cursor::new(chunk?),
                None => return Ok(0),
            }
        }
    }
}
