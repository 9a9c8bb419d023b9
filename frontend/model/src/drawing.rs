//! The drawing of a group: where hosts, the lines between them and the instances
//! on them go. Sizes are units of the drawing, which is scaled to fit.

/// How wide a host is drawn.
pub const HOST_WIDTH: f64 = 208.0;
/// How high.
pub const HOST_HEIGHT: f64 = 116.0;
const GAP_X: f64 = 28.0;
const GAP_Y: f64 = 56.0;
const MARGIN: f64 = 14.0;
/// How far apart the middles of instances are.
const DOT: f64 = 15.0;
/// Where a host's instances begin.
const DOTS_X: f64 = 18.0;
const DOTS_Y: f64 = 74.0;
const DOTS_A_ROW: usize = 12;
/// How many instances of a host are drawn at most; the others are a number.
pub const MOST_DOTS: usize = 24;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// Where everything goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// How wide it is.
    pub width: f64,
    /// How high.
    pub height: f64,
    /// The upper left corner of each host, in the order in which they came.
    pub hosts: Vec<Point>,
    /// The lines from the leader to each other host, by that one's index.
    pub lines: Vec<(usize, Point, Point)>,
}

/// Lays hosts out: the leader on top, the others in rows of `columns` below.
/// `leader` is an index.
#[must_use]
pub fn lay_out(hosts: usize, leader: Option<usize>, columns: usize) -> Drawing {
    let columns = columns.max(1);
    let others = hosts - usize::from(leader.is_some());
    let wide = columns.min(others.max(1));
    let across = |count: usize| {
        let count = number(count);
        count * HOST_WIDTH + (count - 1.0).max(0.0) * GAP_X
    };
    let width = across(wide) + 2.0 * MARGIN;
    let first_row = usize::from(leader.is_some());
    let rows = first_row + others.div_ceil(columns);
    let top = |row: usize| MARGIN + number(row) * (HOST_HEIGHT + GAP_Y);
    let mut place = 0;
    let places: Vec<Point> = (0..hosts)
        .map(|index| {
            if leader == Some(index) {
                return Point {
                    x: (width - HOST_WIDTH) / 2.0,
                    y: top(0),
                };
            }
            let (row, column) = (place / columns, place % columns);
            place += 1;
            let in_row = columns.min(others - row * columns);
            let left = (width - across(in_row)) / 2.0;
            Point {
                x: left + number(column) * (HOST_WIDTH + GAP_X),
                y: top(first_row + row),
            }
        })
        .collect();
    let lines = leader.map_or_else(Vec::new, |leader| {
        let from = Point {
            x: places[leader].x + HOST_WIDTH / 2.0,
            y: places[leader].y + HOST_HEIGHT,
        };
        let to = |at: &Point| Point {
            x: at.x + HOST_WIDTH / 2.0,
            y: at.y,
        };
        let others = places
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != leader);
        others.map(|(index, at)| (index, from, to(at))).collect()
    });
    Drawing {
        width,
        height: 2.0 * MARGIN + number(rows) * HOST_HEIGHT + (number(rows) - 1.0).max(0.0) * GAP_Y,
        hosts: places,
        lines,
    }
}

/// Where a host's instance goes, by its place among them, from the host's corner.
#[must_use]
pub fn dot(place: usize) -> Point {
    Point {
        x: DOTS_X + number(place % DOTS_A_ROW) * DOT,
        y: DOTS_Y + number(place / DOTS_A_ROW) * DOT,
    }
}

/// Which of the colours for apps an app has, so that it keeps it.
#[must_use]
pub fn colour(app: &str, colours: usize) -> usize {
    let sum = app.bytes().fold(7_usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    sum % colours.max(1)
}

/// A count for a drawing, in which there are never many.
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_leader_stands_above_the_middle() {
        let drawing = lay_out(3, Some(1), 4);
        assert!(drawing.hosts[1].y < drawing.hosts[0].y);
        assert_eq!(drawing.hosts[0].y, drawing.hosts[2].y);
        let middle = (drawing.hosts[0].x + drawing.hosts[2].x) / 2.0;
        assert!((drawing.hosts[1].x - middle).abs() < 0.1);
        assert_eq!(drawing.lines.len(), 2);
    }

    #[test]
    fn one_host_needs_no_lines() {
        let drawing = lay_out(1, Some(0), 3);
        assert!(drawing.lines.is_empty());
        assert!(drawing.height < 2.0 * HOST_HEIGHT);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_drawing(hosts in 1usize..60, leads in any::<bool>(), columns in 0usize..9) {
            let drawing = lay_out(hosts, leads.then_some(hosts / 2), columns);
            for (index, at) in drawing.hosts.iter().enumerate() {
                prop_assert!(at.x >= 0.0 && at.x + HOST_WIDTH <= drawing.width);
                prop_assert!(at.y >= 0.0 && at.y + HOST_HEIGHT <= drawing.height);
                for other in &drawing.hosts[index + 1..] {
                    let apart = (at.x - other.x).abs() >= HOST_WIDTH || (at.y - other.y).abs() >= HOST_HEIGHT;
                    prop_assert!(apart);
                }
            }
        }

        #[test]
        fn instances_stay_on_their_host(place in 0..MOST_DOTS) {
            let at = dot(place);
            prop_assert!(at.x < HOST_WIDTH - 6.0 && at.y < HOST_HEIGHT - 6.0);
        }
    }
}
