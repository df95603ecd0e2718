//! The docker backend: a worker's init is the first process of a container, whose root is the runtime's image.
//!
//! The container is the worker's outer wall: read-only root, no network, no capabilities, a system call profile of its
//! own, limits on memory and processes. Inside it lives what lives in a worker on the host: the same init, zygotes and
//! cells, made by a process that is not root, and spoken to through a Unix socket in a folder that only this container
//! sees. The engine makes and removes containers and is never asked for anything while a job waits.
//!
//! An OCI runtime must share the host's kernel for this (runc, crun, youki): descriptors cross the socket. One that has a
//! kernel of its own (runsc, Kata) can be named, and is refused by what it cannot do.

mod absence;
mod containers;
mod doctor;
mod engine;
mod error;
mod image;
mod meeting;
mod owner;

pub use containers::Containers;
pub use doctor::EngineFacts;
pub use engine::Engine;
pub use error::DockerError;
pub use image::{ContainerImage, StoredImage, container_image_name};
