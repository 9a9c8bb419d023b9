//! What the console works out without a browser: its texts, how times and sizes
//! read, the drawing of a group, the reading of streams. Plain functions, tested
//! natively.

pub mod answer;
pub mod catalogue;
pub mod chart;
pub mod drawing;
pub mod reading;
pub mod schema;
pub mod search;
pub mod stream;
pub mod table;
pub mod window;
