//! EXPLAIN: one line per operator, what it does in SQL's words, and what it keeps. States that can grow without bound say with
//! what they grow.

use super::expr::Expression;
use super::literal::literal;
use super::parse::shown_name;
use super::plan::{AggregateCall, AggregateFunction, GroupingSet, JoinKind, Plan, Ranking, SetOperator, SortColumn};
use super::window::{Argument, WindowCall};

/// The operators, the last one first, each indented below the one that it feeds.
pub fn explain(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    describe(plan, 0, &mut Vec::new(), &mut lines);
    lines
}

fn describe(plan: &Plan, depth: usize, shared: &mut Vec<usize>, lines: &mut Vec<String>) {
    if let Plan::Shared { number, .. } = plan {
        if shared.contains(number) {
            lines.push(format!("{}Shared {number}, as above", "  ".repeat(depth)));
            return;
        }
        shared.push(*number);
    }
    let state = state(plan).map_or_else(String::new, |state| format!("   state: {state}"));
    lines.push(format!("{}{}{state}", "  ".repeat(depth), operator(plan)));
    for input in plan.inputs() {
        describe(input, depth + 1, shared, lines);
    }
}

/// What an operator keeps from tick to tick.
fn state(plan: &Plan) -> Option<String> {
    match plan {
        Plan::Recursive { all, .. } => Some(match all {
            true => "rows of its joins (grows with rows)".to_string(),
            false => "rows (grows with different rows), rows of its joins".to_string(),
        }),
        Plan::WorkTable { .. } | Plan::Shared { .. } => None,
        Plan::Source { .. } | Plan::Values { .. } | Plan::Map { .. } | Plan::Unnest { .. } | Plan::Union { .. } => None,
        Plan::Expand { .. } => None,
        Plan::Distinct { .. } | Plan::SetOperation { .. } => Some("rows (grows with different rows)".to_string()),
        Plan::Aggregate { keys, calls, .. } => {
            let mut states = vec![if keys.is_empty() { "one row" } else { "groups (grows with different keys)" }];
            states.extend(calls.iter().filter_map(call_state));
            states.dedup();
            Some(states.join(", "))
        }
        Plan::Join { kind: JoinKind::Semi | JoinKind::Anti | JoinKind::Mark, residual: None, .. } => {
            Some("left rows, right keys (grows with rows and with different keys)".to_string())
        }
        Plan::Join { .. } => Some("rows of both inputs (grows with rows)".to_string()),
        Plan::TopK { .. } | Plan::Window { .. } => Some("rows (grows with rows)".to_string()),
    }
}

/// What a call keeps besides numbers.
fn call_state(call: &AggregateCall) -> Option<&'static str> {
    use AggregateFunction::{AnyValue, Max, Min};
    match call.function {
        function if function.needs_rows() => Some("rows of the ordered aggregates (grows with rows)"),
        Min | Max => Some("values of min and max (grows with different values)"),
        AnyValue => Some("values of any_value (grows with different values)"),
        function if call.distinct && !function.ignores_copies() => {
            Some("different values (grows with different values)")
        }
        _ => None,
    }
}

fn operator(plan: &Plan) -> String {
    match plan {
        Plan::Source { name, schema, .. } => {
            let columns: Vec<&str> = schema.fields().iter().map(|field| shown_name(field.name())).collect();
            format!("Source {name}: {}", columns.join(", "))
        }
        Plan::Values { rows } => match rows.num_rows() {
            1 => "Values: 1 row".to_string(),
            rows => format!("Values: {rows} rows"),
        },
        Plan::Map { filter, columns, .. } => map(filter.as_ref(), columns.as_deref()),
        Plan::Union { inputs, .. } => format!("Union all of {} inputs", inputs.len()),
        Plan::Distinct { .. } => "Distinct".to_string(),
        Plan::Recursive { name, all, .. } => format!("Recursive {name}, union{}", if *all { " all" } else { "" }),
        Plan::WorkTable { name, .. } => format!("Rows of {name}"),
        Plan::Shared { number, .. } => format!("Shared {number}"),
        Plan::Unnest { input, columns, outer, .. } => {
            let columns: Vec<String> = columns.iter().map(|column| column_text(input, *column)).collect();
            format!("Unnest {}{}", columns.join(", "), if *outer { ", keeping rows without elements" } else { "" })
        }
        Plan::SetOperation { operator, all, .. } => {
            let name = match operator {
                SetOperator::Except => "Except",
                SetOperator::Intersect => "Intersect",
            };
            if *all { format!("{name} all") } else { name.to_string() }
        }
        Plan::Aggregate { input, keys, calls, .. } => aggregate(input, keys, calls),
        Plan::Expand { input, keys, sets, .. } => grouping_sets(input, keys, sets),
        Plan::Join { kind, left, right, left_keys, right_keys, null_equal, residual, .. } => {
            let equals = if *null_equal { "IS NOT DISTINCT FROM" } else { "=" };
            let mut conditions: Vec<String> = left_keys
                .iter()
                .zip(right_keys)
                .map(|(left_key, right_key)| {
                    format!("{} {equals} {}", qualified(left, *left_key), qualified(right, *right_key))
                })
                .collect();
            conditions.extend(residual.as_ref().map(|residual| residual.text.clone()));
            match (join_name(*kind), conditions.is_empty()) {
                ("Join", true) => "Cross join".to_string(),
                (name, true) => format!("{name} with all rows"),
                (name, false) => format!("{name} on {}", conditions.join(" AND ")),
            }
        }
        Plan::TopK { input, partition, order, limit, offset, ranking, row_number, .. } => {
            top_k(input, partition, order, (*limit, *offset), *ranking, *row_number)
        }
        Plan::Window { calls, .. } => {
            let calls: Vec<&str> = calls.iter().map(|call| call.text.as_str()).collect();
            format!("Window {}", calls.join(", "))
        }
    }
}

fn join_name(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "Join",
        JoinKind::Left => "Left join",
        JoinKind::Full => "Full join",
        JoinKind::Semi => "Semi join",
        JoinKind::Anti => "Anti join",
        JoinKind::Mark => "Mark join",
    }
}

fn map(filter: Option<&Expression>, columns: Option<&[Expression]>) -> String {
    let columns = columns.map(|columns| columns.iter().map(output_column).collect::<Vec<_>>().join(", "));
    match (filter, columns) {
        (None, None) => "Pass".to_string(),
        (Some(filter), None) => format!("Filter {}", filter.text),
        (None, Some(columns)) => format!("Project {columns}"),
        (Some(filter), Some(columns)) => format!("Project {columns} where {}", filter.text),
    }
}

fn output_column(column: &Expression) -> String {
    let name = shown_name(column.field.name());
    if is_hidden(name) || name == column.text { column.text.clone() } else { format!("{} AS {name}", column.text) }
}

/// Names that no query wrote.
fn is_hidden(name: &str) -> bool {
    name.starts_with("__") || name.contains(['(', ' '])
}

fn aggregate(input: &Plan, keys: &[usize], calls: &[AggregateCall]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| column_text(input, *key)).collect();
    let calls: Vec<String> = calls.iter().map(|call| aggregate_call(input, call)).collect();
    let separator = if calls.is_empty() { "" } else { ": " };
    match keys.is_empty() {
        true => format!("Aggregate all rows{separator}{}", calls.join(", ")),
        false => format!("Aggregate group by {}{separator}{}", keys.join(", "), calls.join(", ")),
    }
}

fn aggregate_call(input: &Plan, call: &AggregateCall) -> String {
    let mut arguments: Vec<String> = call.arguments.iter().map(|argument| column_text(input, *argument)).collect();
    if call.function == AggregateFunction::Count && arguments.is_empty() {
        arguments.push("*".to_string());
    }
    let within = if call.function.is_ordered_set() { std::mem::take(&mut arguments) } else { Vec::new() };
    arguments.extend(call.constant.as_ref().map(|constant| literal(constant, None)));
    let order: Vec<String> = call.order.iter().map(|sort| sort_column(input, sort)).collect();
    let order = if order.is_empty() { within.join(", ") } else { order.join(", ") };
    let order = match (order.is_empty(), call.function.is_ordered_set()) {
        (true, _) => String::new(),
        (_, true) => format!(") within group (order by {order}"),
        (_, false) => format!(" order by {order}"),
    };
    let distinct = if call.distinct { "distinct " } else { "" };
    let filter =
        call.filter.map_or_else(String::new, |filter| format!(" filter (where {})", column_text(input, filter)));
    format!("{}({distinct}{}{order}){filter}", call.function.name(), arguments.join(", "))
}

fn grouping_sets(input: &Plan, keys: &[usize], sets: &[GroupingSet]) -> String {
    let set = |set: &GroupingSet| {
        let kept = keys.iter().zip(&set.kept).filter(|(_, kept)| **kept);
        format!("({})", kept.map(|(key, _)| column_text(input, *key)).collect::<Vec<_>>().join(", "))
    };
    format!("Grouping sets {}", sets.iter().map(set).collect::<Vec<_>>().join(", "))
}

fn top_k(
    input: &Plan,
    partition: &[usize],
    order: &[SortColumn],
    (limit, offset): (Option<u64>, u64),
    ranking: Ranking,
    numbered: bool,
) -> String {
    let (one, more) = match ranking {
        Ranking::RowNumber => ("row", "rows"),
        Ranking::Rank => ("rank", "ranks"),
        Ranking::DenseRank => ("dense rank", "dense ranks"),
    };
    let mut line = match limit {
        Some(1) => format!("Top 1 {one}"),
        Some(limit) => format!("Top {limit} {more}"),
        None => "All rows".to_string(),
    };
    if offset > 0 {
        line.push_str(&format!(" after {offset}"));
    }
    if !partition.is_empty() {
        let partition: Vec<String> = partition.iter().map(|column| column_text(input, *column)).collect();
        line.push_str(&format!(" per {}", partition.join(", ")));
    }
    if !order.is_empty() {
        let order: Vec<String> = order.iter().map(|sort| sort_column(input, sort)).collect();
        line.push_str(&format!(" by {}", order.join(", ")));
    }
    if numbered {
        line.push_str(match ranking {
            Ranking::RowNumber => " with row number",
            Ranking::Rank => " with rank",
            Ranking::DenseRank => " with dense rank",
        });
    }
    line
}

/// A call with its window, as the query writes it.
pub(in crate::compile) fn window_call(
    input: &Plan,
    partition: &[usize],
    order: &[SortColumn],
    call: &WindowCall,
) -> String {
    let argument = |argument: &Argument| match argument {
        Argument::Column(column) => column_text(input, *column),
        Argument::Constant(value) => literal(value, None),
    };
    let arguments: Vec<String> = call.arguments.iter().map(argument).collect();
    let arguments = match (call.name(), call.arguments.as_slice()) {
        ("count", [Argument::Constant(_)] | []) => "*".to_string(),
        _ => arguments.join(", "),
    };
    let filter =
        call.filter.map_or_else(String::new, |filter| format!(" filter (where {})", column_text(input, filter)));
    let mut window = Vec::new();
    if !partition.is_empty() {
        let partition: Vec<String> = partition.iter().map(|column| column_text(input, *column)).collect();
        window.push(format!("partition by {}", partition.join(", ")));
    }
    if !order.is_empty() {
        let order: Vec<String> = order.iter().map(|sort| sort_column(input, sort)).collect();
        window.push(format!("order by {}", order.join(", ")));
    }
    window.extend(call.frame.shown());
    format!("{}({arguments}){filter} over ({})", call.name(), window.join(" "))
}

fn sort_column(input: &Plan, sort: &SortColumn) -> String {
    // PostgreSQL's default: NULL counts as greatest.
    let nulls = match (sort.descending, sort.nulls_first) {
        (false, true) => " nulls first",
        (true, false) => " nulls last",
        _ => "",
    };
    format!("{}{}{nulls}", column_text(input, sort.column), if sort.descending { " desc" } else { "" })
}

/// A column as the query writes it.
pub(in crate::compile) fn column_text(plan: &Plan, column: usize) -> String {
    trace(plan, column).1
}

/// A column with the relation that it comes from, where there is one.
fn qualified(plan: &Plan, column: usize) -> String {
    match trace(plan, column) {
        (Some(relation), column) => format!("{relation}.{column}"),
        (None, column) => column,
    }
}

/// Follows a column down to where it is made: the relation, if it is one's own column, and its text.
fn trace(plan: &Plan, column: usize) -> (Option<&str>, String) {
    match plan {
        Plan::Source { name, schema, .. } => (Some(name), shown_name(schema.field(column).name()).to_string()),
        Plan::Map { input, columns: Some(columns), .. } => match columns[column].column() {
            Some(position) => trace(input, position),
            None => (None, columns[column].text.clone()),
        },
        Plan::Unnest { input, columns, .. } if columns.contains(&column) => {
            (None, format!("unnest({})", column_text(input, column)))
        }
        Plan::Unnest { input, .. } => trace(input, column),
        Plan::Map { input, columns: None, .. } | Plan::Distinct { input } => trace(input, column),
        Plan::TopK { input, .. } | Plan::Window { input, .. } if column < input.schema().fields().len() => {
            trace(input, column)
        }
        Plan::Window { input, calls, .. } => (None, calls[column - input.schema().fields().len()].text.clone()),
        Plan::Aggregate { input, keys, calls, .. } => match keys.get(column) {
            Some(key) => trace(input, *key),
            None => (None, aggregate_call(input, &calls[column - keys.len()])),
        },
        Plan::Join { kind, left, right, .. } => {
            let width = left.schema().fields().len();
            if column < width {
                return trace(left, column);
            }
            match kind {
                JoinKind::Mark => (None, "exists".to_string()),
                _ => trace(right, column - width),
            }
        }
        Plan::Expand { input, keys, .. } => {
            let width = input.schema().fields().len();
            match keys.get(column.wrapping_sub(width)) {
                _ if column < width => trace(input, column),
                Some(key) => trace(input, *key),
                None => (None, "grouping set".to_string()),
            }
        }
        Plan::TopK { ranking: Ranking::RowNumber, .. } => (None, "row_number()".to_string()),
        Plan::TopK { ranking: Ranking::Rank, .. } => (None, "rank()".to_string()),
        Plan::TopK { ranking: Ranking::DenseRank, .. } => (None, "dense_rank()".to_string()),
        Plan::Shared { input, .. } => trace(input, column),
        Plan::WorkTable { name, schema } => (Some(name), shown_name(schema.field(column).name()).to_string()),
        Plan::Union { schema, .. } | Plan::SetOperation { schema, .. } | Plan::Recursive { schema, .. } => {
            (None, shown_name(schema.field(column).name()).to_string())
        }
        Plan::Values { rows } => (None, shown_name(rows.schema().field(column).name()).to_string()),
    }
}
