//! Window calls whose values are determined: what tells peers apart is ordered by all columns, and there is one such call only, since
//! two would tell equal rows apart in an order that nobody knows.

use super::expression::{Column, Expression, Part, Scope};
use super::kind::Kind;
use super::source::Random;
use super::window_function::{WINDOW_FUNCTIONS, WindowFunction};

/// The calls of a SELECT list, and the windows that it names.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows {
    pub(super) calls: Vec<Expression>,
    /// ` WINDOW …`, or nothing.
    pub(super) clause: String,
}

impl Windows {
    pub(super) fn any(scope: &Scope<'_>, random: &mut Random) -> Windows {
        let mut windows = Windows::default();
        let mut distinguished = false;
        for _ in 0..=random.below(2) {
            let function = random.pick(WINDOW_FUNCTIONS);
            let frame = if function.framed && random.one_in(2) { frame_of(random) } else { Frame::None };
            let distinguishes = !function.same_for_peers || matches!(frame, Frame::Rows(_));
            if distinguishes && distinguished {
                continue;
            }
            distinguished |= distinguishes;
            windows.add(function, &frame, distinguishes, scope, random);
        }
        if windows.calls.is_empty() {
            windows.add(&WINDOW_FUNCTIONS[2], &Frame::None, false, scope, random);
        }
        windows
    }

    fn add(&mut self, function: &WindowFunction, frame: &Frame, total: bool, scope: &Scope<'_>, random: &mut Random) {
        let partition = match random.below(3) {
            0 => String::new(),
            _ => format!("PARTITION BY {} ", random.pick(scope.columns).sql),
        };
        let (order, frame) = match frame {
            Frame::None => (Some(order(scope.columns, total, random)), String::new()),
            Frame::Rows(text) => (Some(order(scope.columns, true, random)), format!(" {text}")),
            Frame::Peers(text) => (Some(order(scope.columns, total, random)), format!(" {text}")),
            Frame::Offset(text) => match random.pick(scope.columns) {
                Column { sql, kind } if kind.range_offset().is_some() && !total => {
                    let direction = *random.pick(&["", " DESC", " NULLS FIRST"]);
                    let text = text.replace('#', kind.range_offset().unwrap_or_default());
                    (Some(format!("{sql}{direction}")), format!(" {text}"))
                }
                _ => (Some(order(scope.columns, total, random)), String::new()),
            },
        };
        // A frame that ends with the current row and no order: the whole partition.
        let order = match order {
            Some(_) if function.same_for_peers && function.framed && frame.is_empty() && random.one_in(4) => {
                String::new()
            }
            Some(order) => format!("ORDER BY {order}"),
            None => String::new(),
        };
        let filter = if random.one_in(6) { " FILTER (WHERE b)" } else { "" };
        let template = function.template.replace('^', filter);
        let mut call = scope.filled(function.kind, &template, 0, random);
        let over = if self.clause.is_empty() && random.one_in(4) {
            self.clause = format!(" WINDOW w AS ({partition}{order})");
            if frame.is_empty() { " OVER w".to_string() } else { format!(" OVER (w{frame})") }
        } else {
            format!(" OVER ({partition}{order}{frame})")
        };
        call.parts.push(Part::Text(over));
        self.calls.push(call);
    }

    /// Ranks and sums over the result of GROUP BY, whose columns are `items`.
    pub(super) fn over_groups(items: &[Expression], random: &mut Random) -> Expression {
        let item = random.pick(items).sql();
        let other = random.pick(items).sql();
        let direction = *random.pick(&["", " DESC"]);
        match random.below(4) {
            0 => Expression::text(Kind::Big, format!("rank() OVER (ORDER BY {item}{direction})")),
            1 => Expression::text(
                Kind::Big,
                format!("dense_rank() OVER (PARTITION BY {other} ORDER BY {item}{direction})"),
            ),
            2 => Expression::text(Kind::Numeric, format!("sum(count(*)) OVER (ORDER BY {item}{direction})")),
            _ => Expression::text(Kind::Big, format!("count(*) OVER (PARTITION BY {other})")),
        }
    }
}

enum Frame {
    None,
    Rows(String),
    /// Peers are in it together.
    Peers(String),
    /// RANGE with an offset in place of `#`.
    Offset(String),
}

fn frame_of(random: &mut Random) -> Frame {
    let exclude =
        *random.pick(&["", "", "", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES", " EXCLUDE NO OTHERS"]);
    let bounds = |offset: &str, random: &mut Random| {
        let one = *random.pick(&[
            "BETWEEN # PRECEDING AND # FOLLOWING",
            "BETWEEN # PRECEDING AND CURRENT ROW",
            "BETWEEN CURRENT ROW AND # FOLLOWING",
            "BETWEEN # FOLLOWING AND UNBOUNDED FOLLOWING",
            "BETWEEN UNBOUNDED PRECEDING AND # PRECEDING",
            "# PRECEDING",
        ]);
        one.replace('#', offset)
    };
    let open = |random: &mut Random| {
        *random.pick(&[
            "UNBOUNDED PRECEDING",
            "BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
            "BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
            "CURRENT ROW",
        ])
    };
    match random.below(8) {
        0..=2 => Frame::Rows(format!("ROWS {}{exclude}", {
            let offset = random.pick::<&str>(&["1", "2", "0"]);
            bounds(offset, random)
        })),
        3 => Frame::Rows(format!("ROWS {}{exclude}", open(random))),
        4 => Frame::Peers(format!("GROUPS {}{exclude}", bounds("1", random))),
        5 => Frame::Peers(format!("{} {}{exclude}", *random.pick(&["RANGE", "GROUPS"]), open(random))),
        _ => Frame::Offset(format!("RANGE {}{exclude}", bounds("#", random))),
    }
}

/// A column to order by, and all others if the order must tell all rows apart.
fn order(columns: &[Column], total: bool, random: &mut Random) -> String {
    let direction = *random.pick(&["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
    let mut order = format!("{}{direction}", random.pick(columns).sql);
    if total {
        for column in columns {
            order += &format!(", {}", column.sql);
        }
    }
    order
}
