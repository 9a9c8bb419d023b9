//! Clusters of several control-plane hosts: what they keep when parts of them fail.

mod asking;
mod bus;
mod bus_and_database;
mod certificates;
mod clock;
mod database_cut;
mod disk_full;
mod faults;
mod life;
mod load_balancer;
mod several;
mod storm;
mod tls;
mod upgrades;
