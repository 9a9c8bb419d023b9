//! What a host keeps: through kills and full disks, and moved elsewhere.

mod backups;
mod block_storage;
mod configuration;
mod data;
mod full_disk;
mod kill;
mod state_move;
mod survival;
