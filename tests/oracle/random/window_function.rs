//! Window functions, as templates like those of [`template`](super::template).

use super::kind::Kind;

/// A window function: its result, template, whether peers get the same value, and whether it has a frame.
pub(super) struct WindowFunction {
    pub(super) kind: Kind,
    pub(super) template: &'static str,
    pub(super) same_for_peers: bool,
    pub(super) framed: bool,
}

const fn window(kind: Kind, template: &'static str, same_for_peers: bool, framed: bool) -> WindowFunction {
    WindowFunction { kind, template, same_for_peers, framed }
}

pub(super) const WINDOW_FUNCTIONS: &[WindowFunction] = &[
    window(Kind::Big, "row_number()", false, false),
    window(Kind::Big, "row_number()", false, false),
    window(Kind::Big, "rank()", true, false),
    window(Kind::Big, "dense_rank()", true, false),
    window(Kind::Double, "percent_rank()", true, false),
    window(Kind::Double, "cume_dist()", true, false),
    window(Kind::Int, "ntile(3)", false, false),
    window(Kind::Int, "lag(i)", false, false),
    window(Kind::Text, "lag((t)::text, 1, 'none')", false, false),
    window(Kind::Text, "lead((t)::text, 2)", false, false),
    window(Kind::Int, "first_value(i)", false, true),
    window(Kind::Date, "last_value(y)", false, true),
    window(Kind::Int, "nth_value(i, 2)", false, true),
    window(Kind::Big, "sum(i)^", true, true),
    window(Kind::Numeric, "sum(n)^", true, true),
    window(Kind::Double, "sum(d)^", true, true),
    window(Kind::Any, "avg(i)^", true, true),
    window(Kind::Any, "sum(q)^", true, true),
    window(Kind::Any, "lag(n, 1, 0)", false, false),
    window(Kind::Big, "count(*)^", true, true),
    window(Kind::Big, "count(t)^", true, true),
    window(Kind::Text, "max(t)^", true, true),
    window(Kind::Timestamp, "min(s)^", true, true),
    window(Kind::Bool, "bool_or(b)^", true, true),
    window(Kind::Text, "string_agg(t, ',')", false, true),
    window(Kind::Big, "sum(h)^", true, true),
    window(Kind::Real, "sum(r)^", true, true),
    window(Kind::Mood, "max(o)^", true, true),
    window(Kind::Char, "min(c)^", true, true),
    window(Kind::Timestamptz, "max(p)^", true, true),
    window(Kind::Uuid, "lag(u)", false, false),
    window(Kind::Pair, "first_value(k)", false, true),
    window(Kind::Bytea, "last_value(x)", false, true),
];
