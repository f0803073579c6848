//! The path language as a tree.

use super::super::value::Json;

/// A path.
#[derive(Debug)]
pub(super) struct Path {
    /// Whether what is not there is an error.
    pub(super) strict: bool,
    pub(super) expression: Expression,
}

/// What a path computes.
#[derive(Debug)]
pub(super) enum Expression {
    /// `$`
    Root,
    /// `@`
    Current,
    /// `last`, within a subscript.
    Last,
    /// `$name`
    Variable(String),
    /// A constant as JSON's text.
    Constant(Json),
    /// Steps from where an expression leads.
    Steps(Box<Expression>, Vec<Step>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    /// `+ - * / %`
    Arithmetic(Box<Expression>, char, Box<Expression>),
    /// A condition as a value.
    Condition(Box<Condition>),
}

/// A step to what is inside.
#[derive(Debug)]
pub(super) enum Step {
    Member(String),
    AnyMember,
    /// `.**{from to end}`; no end is all levels below.
    AnyDepth(Option<u32>, Option<u32>),
    /// `[*]`
    AnyElement,
    /// `[1, 3 to last]`
    Elements(Vec<(Expression, Option<Expression>)>),
    Filter(Condition),
    /// `.type()` and its like.
    Method(Method),
}

/// A computation on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Type,
    Size,
    Double,
    Ceiling,
    Floor,
    Abs,
    KeyValue,
}

/// What is true, false or unknown.
#[derive(Debug)]
pub(super) enum Condition {
    Compare(Expression, &'static str, Expression),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    IsUnknown(Box<Condition>),
    Exists(Expression),
    StartsWith(Expression, Expression),
    LikeRegex(Expression, Box<regex::Regex>),
}
