//! Parts that pages are made of.

pub mod address;
pub mod badge;
pub mod chart;
pub mod cli_line;
pub mod confirm;
pub mod copy;
pub mod dialog;
pub mod field;
pub mod form;
pub mod icon;
pub mod job;
pub mod log;
pub mod once;
pub mod outward;
pub mod palette;
pub mod places;
pub mod plan;
pub mod qr;
pub mod rest;
pub mod scroll;
pub mod shell;
pub mod table;
pub mod theme;
pub mod tour;
pub mod trouble;
