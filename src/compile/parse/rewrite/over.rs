//! Windows. Names of windows are replaced by what they stand for, and frames by the [`marker`] that the planner carries along: it does
//! not know EXCLUDE, GROUPS, or offsets of all types.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Location;

use super::super::exclude;
use super::super::grammar::folded_ident;
use super::{call, place, text};
use crate::compile::window::{Bound, Exclusion, Units, function, marker};
use crate::error::{Error, Result, code};

/// An error and where it is.
type Placed = Box<(Error, Option<Location>)>;

/// Rewrites the windows of a query whose inner queries are done.
pub(super) fn rewrite(query: &mut ast::Query) -> Result<(), Placed> {
    let order: Vec<&mut ast::Expr> = match query.order_by.as_mut().map(|order| &mut order.kind) {
        Some(ast::OrderByKind::Expressions(items)) => items.iter_mut().map(|item| &mut item.expr).collect(),
        _ => Vec::new(),
    };
    match query.body.as_mut() {
        ast::SetExpr::Select(select) => {
            let windows = of_select(select)?;
            order.into_iter().try_for_each(|expression| in_expression(expression, &windows))
        }
        body => {
            in_body(body)?;
            order.into_iter().try_for_each(|expression| in_expression(expression, &Vec::new()))
        }
    }
}

/// The SELECTs of set operations; queries in parentheses are done.
fn in_body(body: &mut ast::SetExpr) -> Result<(), Placed> {
    match body {
        ast::SetExpr::Select(select) => of_select(select).map(|_| ()),
        ast::SetExpr::SetOperation { left, right, .. } => {
            in_body(left)?;
            in_body(right)
        }
        _ => Ok(()),
    }
}

/// The windows that a SELECT names, by folded name.
type Windows = Vec<(String, Window)>;

#[derive(Clone)]
struct Window {
    partition_by: Vec<ast::Expr>,
    order_by: Vec<ast::OrderByExpr>,
    frame: Option<Framed>,
}

/// A frame and what it excludes.
#[derive(Clone)]
struct Framed {
    frame: ast::WindowFrame,
    exclusion: Exclusion,
}

fn of_select(select: &mut ast::Select) -> Result<Windows, Placed> {
    let mut windows: Windows = Vec::new();
    for ast::NamedWindowDefinition(name, definition) in std::mem::take(&mut select.named_window) {
        let location = Some(name.span.start);
        let misuse = |error| Box::new((error, location));
        let folded = folded_ident(&name);
        if windows.iter().any(|(known, _)| *known == folded) {
            let message = format!("window \"{folded}\" is already defined");
            return Err(misuse(Error::new(code::WINDOWING_ERROR, message)));
        }
        let window = match definition {
            ast::NamedWindowExpr::WindowSpec(mut window) => resolved(&mut window, &windows).map_err(misuse)?,
            ast::NamedWindowExpr::NamedWindow(_) => {
                return Err(misuse(Error::new(code::SYNTAX_ERROR, "a window is defined in parentheses")));
            }
        };
        windows.push((folded, window));
    }
    for item in &mut select.projection {
        if let ast::SelectItem::ExprWithAlias { expr, .. } | ast::SelectItem::UnnamedExpr(expr) = item {
            in_expression(expr, &windows)?;
        }
    }
    if let Some(ast::Distinct::On(expressions)) = &mut select.distinct {
        expressions.iter_mut().try_for_each(|expression| in_expression(expression, &windows))?;
    }
    let groups = match &select.group_by {
        ast::GroupByExpr::Expressions(groups, _) => groups.as_slice(),
        ast::GroupByExpr::All(_) => &[],
    };
    let clauses = select.selection.iter().map(|expression| ("WHERE", expression));
    let clauses = clauses.chain(select.having.iter().map(|expression| ("HAVING", expression)));
    for (clause, expression) in clauses.chain(groups.iter().map(|expression| ("GROUP BY", expression))) {
        refused_in(clause, expression)?;
    }
    select.qualify.iter_mut().try_for_each(|expression| in_expression(expression, &windows))?;
    Ok(windows)
}

/// Clauses that are done before windows are.
fn refused_in(clause: &str, expression: &ast::Expr) -> Result<(), Placed> {
    found(expression).map_or(Ok(()), |location| {
        let message = format!("window functions are not allowed in {clause}");
        Err(Box::new((Error::new(code::WINDOWING_ERROR, message), location)))
    })
}

/// Where a window function stands that is not in an inner query.
fn found(expression: &ast::Expr) -> Option<Option<Location>> {
    struct Finder(usize);
    impl ast::Visitor for Finder {
        type Break = Option<Location>;

        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<Self::Break> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &ast::Query) -> ControlFlow<Self::Break> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expression: &ast::Expr) -> ControlFlow<Self::Break> {
            match expression {
                ast::Expr::Function(function) if self.0 == 0 && function.over.is_some() => {
                    ControlFlow::Break(place::of_expression(expression))
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match ast::Visit::visit(expression, &mut Finder(0)) {
        ControlFlow::Break(location) => Some(location),
        ControlFlow::Continue(()) => None,
    }
}

fn in_expression(expression: &mut ast::Expr, windows: &Windows) -> Result<(), Placed> {
    let visited = ast::visit_expressions_mut(expression, |part| {
        let location = place::of_expression(part);
        let ast::Expr::Function(function) = part else { return ControlFlow::Continue(()) };
        match in_function(function, windows) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new((error, location))),
        }
    });
    match visited {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn in_function(function: &mut ast::Function, windows: &Windows) -> Result<()> {
    if function.over.is_some() && is_nested(function) {
        return Err(Error::new(code::WINDOWING_ERROR, "window function calls cannot be nested"));
    }
    let window = match &mut function.over {
        None => return needs_over(function),
        Some(ast::WindowType::NamedWindow(name)) => named(&folded_ident(name), windows)?.clone(),
        Some(ast::WindowType::WindowSpec(window)) if is_done(window) => return Ok(()),
        Some(ast::WindowType::WindowSpec(window)) => resolved(window, windows)?,
    };
    suits(function)?;
    if let ast::FunctionArguments::List(arguments) = &function.args {
        if arguments.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct) {
            return Err(Error::unsupported("DISTINCT is not implemented for window functions"));
        }
        if arguments.clauses.iter().any(|clause| matches!(clause, ast::FunctionArgumentClause::OrderBy(_))) {
            return Err(Error::unsupported("aggregate ORDER BY is not implemented for window functions"));
        }
    }
    let mut partition_by = window.partition_by;
    partition_by.push(marked(window.frame)?);
    // The planner's own frame never matters; this one it accepts over any types.
    let frame = ast::WindowFrame {
        units: ast::WindowFrameUnits::Rows,
        start_bound: ast::WindowFrameBound::Preceding(None),
        end_bound: Some(ast::WindowFrameBound::CurrentRow),
    };
    function.over = Some(ast::WindowType::WindowSpec(ast::WindowSpec {
        window_name: None,
        partition_by,
        order_by: window.order_by,
        window_frame: Some(frame),
    }));
    Ok(())
}

/// Whether an argument is another call with a window.
fn is_nested(function: &ast::Function) -> bool {
    let ast::FunctionArguments::List(arguments) = &function.args else { return false };
    arguments.args.iter().any(|argument| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument)) => found(argument).is_some(),
        _ => false,
    })
}

/// Whether a function is one for windows.
fn suits(function: &ast::Function) -> Result<()> {
    let name = match function.name.0.as_slice() {
        [ast::ObjectNamePart::Identifier(name)] => folded_ident(name),
        _ => function.name.to_string(),
    };
    if !function.within_group.is_empty() {
        let message = format!("OVER is not supported for ordered-set aggregate {name}");
        return Err(Error::unsupported(message));
    }
    if !function::takes_window(&name) {
        let message = format!("OVER specified, but {name} is not a window function nor an aggregate function");
        return Err(Error::new(code::WRONG_OBJECT_TYPE, message));
    }
    if function.filter.is_some() && function::needs_window(&name) {
        return Err(Error::unsupported("FILTER is not implemented for non-aggregate window functions"));
    }
    Ok(())
}

/// Functions that are nothing without a window.
fn needs_over(function: &ast::Function) -> Result<()> {
    let [ast::ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return Ok(()) };
    let name = folded_ident(name);
    if function::takes_window(&name) && is_nested(function) {
        let message = "aggregate function calls cannot contain window function calls";
        return Err(Error::new(code::GROUPING_ERROR, message));
    }
    if !function::needs_window(&name) {
        return Ok(());
    }
    let message = format!("window function {name} requires an OVER clause");
    Err(Error::new(code::WRONG_OBJECT_TYPE, message))
}

fn is_done(window: &ast::WindowSpec) -> bool {
    let is_marker = |expression: &ast::Expr| {
        let ast::Expr::Function(function) = expression else { return false };
        matches!(function.name.0.as_slice(), [ast::ObjectNamePart::Identifier(name)] if name.value == marker::NAME)
    };
    window.partition_by.last().is_some_and(is_marker)
}

fn named<'a>(name: &str, windows: &'a Windows) -> Result<&'a Window> {
    let found = windows.iter().find(|(known, _)| known == name).map(|(_, window)| window);
    found.ok_or_else(|| Error::new(code::UNDEFINED_OBJECT, format!("window \"{name}\" does not exist")))
}

/// A window with what it takes from the one that it names.
fn resolved(window: &mut ast::WindowSpec, windows: &Windows) -> Result<Window> {
    let exclusion = exclude::taken(window);
    let mut found = Window {
        partition_by: std::mem::take(&mut window.partition_by),
        order_by: std::mem::take(&mut window.order_by),
        frame: window.window_frame.take().map(|frame| Framed { frame, exclusion }),
    };
    let Some(name) = &window.window_name else { return Ok(found) };
    let name = folded_ident(name);
    let below = named(&name, windows)?.clone();
    let misuse = |what: &str| {
        let message = format!("cannot override {what} clause of window \"{name}\"");
        Err(Error::new(code::WINDOWING_ERROR, message))
    };
    if !found.partition_by.is_empty() {
        return misuse("PARTITION BY");
    }
    if !found.order_by.is_empty() && !below.order_by.is_empty() {
        return misuse("ORDER BY");
    }
    if below.frame.is_some() {
        let message = format!("cannot copy window \"{name}\" because it has a frame clause");
        return Err(Error::new(code::WINDOWING_ERROR, message));
    }
    found.partition_by = below.partition_by;
    if found.order_by.is_empty() {
        found.order_by = below.order_by;
    }
    Ok(found)
}

/// The marker of a frame.
fn marked(frame: Option<Framed>) -> Result<ast::Expr> {
    let Some(Framed { frame, exclusion }) = frame else {
        let letters =
            marker::letters(Units::Range, &Bound::<()>::UnboundedPreceding, &Bound::CurrentRow, Exclusion::NoOthers);
        return Ok(call(marker::NAME, [text(letters)]));
    };
    let units = match frame.units {
        ast::WindowFrameUnits::Rows => Units::Rows,
        ast::WindowFrameUnits::Range => Units::Range,
        ast::WindowFrameUnits::Groups => Units::Groups,
    };
    let start = bound(frame.start_bound);
    let explicit = frame.end_bound.is_some();
    let end = frame.end_bound.map_or(Bound::CurrentRow, bound);
    in_order(&start, &end, explicit)?;
    let letters = marker::letters(units, &start, &end, exclusion);
    let offsets = [start, end].into_iter().filter_map(|bound| match bound {
        Bound::Preceding(offset) | Bound::Following(offset) => Some(offset),
        _ => None,
    });
    Ok(call(marker::NAME, std::iter::once(text(letters)).chain(offsets)))
}

fn bound(bound: ast::WindowFrameBound) -> Bound<ast::Expr> {
    match bound {
        ast::WindowFrameBound::CurrentRow => Bound::CurrentRow,
        ast::WindowFrameBound::Preceding(None) => Bound::UnboundedPreceding,
        ast::WindowFrameBound::Preceding(Some(offset)) => Bound::Preceding(*offset),
        ast::WindowFrameBound::Following(None) => Bound::UnboundedFollowing,
        ast::WindowFrameBound::Following(Some(offset)) => Bound::Following(*offset),
    }
}

/// What no frame can be, in the words of PostgreSQL's grammar.
fn in_order<T>(start: &Bound<T>, end: &Bound<T>, explicit: bool) -> Result<()> {
    let message = match (start, end) {
        (Bound::UnboundedFollowing, _) => "frame start cannot be UNBOUNDED FOLLOWING",
        (_, Bound::UnboundedPreceding) => "frame end cannot be UNBOUNDED PRECEDING",
        (Bound::CurrentRow, Bound::Preceding(_)) => "frame starting from current row cannot have preceding rows",
        (Bound::Following(_), Bound::CurrentRow) if !explicit => {
            "frame starting from following row cannot end with current row"
        }
        (Bound::Following(_), Bound::Preceding(_) | Bound::CurrentRow) => {
            "frame starting from following row cannot have preceding rows"
        }
        _ => return Ok(()),
    };
    Err(Error::new(code::WINDOWING_ERROR, message))
}
