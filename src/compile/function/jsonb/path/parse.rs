//! The path language → [trees](super::tree). Errors: 42601 for what is no path.

use super::tree::{Condition, Expression, Method, Path, Step};
use crate::error::{Error, Result, code};

/// Either, until it is known what is needed.
enum Node {
    Expression(Expression),
    Condition(Condition),
}

/// Reads a path.
pub(super) fn path(text: &str) -> Result<Path> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let strict = parser.word("strict");
    if !strict {
        parser.word("lax");
    }
    let node = parser.any()?;
    parser.blanks();
    if parser.at < text.len() {
        return Err(parser.unexpected());
    }
    let expression = match node {
        Node::Expression(expression) => expression,
        Node::Condition(condition) => Expression::Condition(Box::new(condition)),
    };
    Ok(Path { strict, expression })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn unexpected(&self) -> Error {
        let near: String = self.rest().chars().take_while(|letter| !letter.is_whitespace()).collect();
        let message = match near.is_empty() {
            true if self.text.trim().is_empty() => {
                return Error::new(code::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type jsonpath: \"\"");
            }
            true => "syntax error at end of jsonpath input".to_string(),
            false => format!("syntax error at or near \"{near}\" of jsonpath input"),
        };
        Error::new(code::SYNTAX_ERROR, message)
    }

    /// Consumes a symbol.
    fn symbol(&mut self, symbol: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(symbol);
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Consumes a word.
    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let follows = self.rest().strip_prefix(word).map(|after| after.chars().next());
        let found = follows.is_some_and(|next| !next.is_some_and(|letter| letter.is_alphanumeric() || letter == '_'));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn any(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > 100 {
            return Err(Error::new("54001", "jsonpath is nested too deep"));
        }
        let node = self.or();
        self.depth -= 1;
        node
    }

    fn condition(&mut self) -> Result<Condition> {
        match self.any()? {
            Node::Condition(condition) => Ok(condition),
            Node::Expression(_) => Err(self.unexpected()),
        }
    }

    fn or(&mut self) -> Result<Node> {
        let mut left = self.and()?;
        while self.symbol("||") {
            let (a, b) = (self.as_condition(left)?, self.and()?);
            left = Node::Condition(Condition::Or(Box::new(a), Box::new(self.as_condition(b)?)));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node> {
        let mut left = self.comparison()?;
        while self.symbol("&&") {
            let (a, b) = (self.as_condition(left)?, self.comparison()?);
            left = Node::Condition(Condition::And(Box::new(a), Box::new(self.as_condition(b)?)));
        }
        Ok(left)
    }

    fn as_condition(&self, node: Node) -> Result<Condition> {
        match node {
            Node::Condition(condition) => Ok(condition),
            Node::Expression(_) => Err(self.unexpected()),
        }
    }

    fn as_expression(&self, node: Node) -> Result<Expression> {
        match node {
            Node::Expression(expression) => Ok(expression),
            Node::Condition(_) => Err(self.unexpected()),
        }
    }

    fn comparison(&mut self) -> Result<Node> {
        if self.symbol("!") {
            self.expect("(")?;
            let inner = self.condition()?;
            self.expect(")")?;
            return Ok(Node::Condition(Condition::Not(Box::new(inner))));
        }
        if self.word("exists") {
            self.expect("(")?;
            let inner = self.any()?;
            let inner = self.as_expression(inner)?;
            self.expect(")")?;
            return Ok(Node::Condition(Condition::Exists(inner)));
        }
        let left = self.sum()?;
        let operators = [("==", "=="), ("!=", "!="), ("<>", "!="), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">")];
        for (symbol, name) in operators {
            if self.symbol(symbol) {
                let (left, right) = (self.as_expression(left)?, self.sum()?);
                return Ok(Node::Condition(Condition::Compare(left, name, self.as_expression(right)?)));
            }
        }
        if self.word("starts") {
            if !self.word("with") {
                return Err(self.unexpected());
            }
            let (left, right) = (self.as_expression(left)?, self.primary()?);
            return Ok(Node::Condition(Condition::StartsWith(left, self.as_expression(right)?)));
        }
        if self.word("like_regex") {
            let left = self.as_expression(left)?;
            return Ok(Node::Condition(self.like_regex(left)?));
        }
        if matches!(left, Node::Condition(_)) && self.word("is") {
            if !self.word("unknown") {
                return Err(self.unexpected());
            }
            return Ok(Node::Condition(Condition::IsUnknown(Box::new(self.as_condition(left)?))));
        }
        Ok(left)
    }

    fn like_regex(&mut self, left: Expression) -> Result<Condition> {
        self.blanks();
        let pattern = self.string()?;
        let flags = if self.word("flag") {
            self.blanks();
            self.string()?
        } else {
            String::new()
        };
        let mut builder = match flags.contains('q') {
            true => regex::RegexBuilder::new(&regex::escape(&pattern)),
            false => regex::RegexBuilder::new(&pattern),
        };
        for flag in flags.chars() {
            match flag {
                'i' => drop(builder.case_insensitive(true)),
                's' => drop(builder.dot_matches_new_line(true)),
                'm' => drop(builder.multi_line(true)),
                'x' => {
                    return Err(Error::unsupported(
                        "XQuery \"x\" flag (expanded regular expressions) is not implemented",
                    ));
                }
                'q' => {}
                other => {
                    let message = "invalid input syntax for type jsonpath";
                    let detail = format!("Unrecognized flag character \"{other}\" in LIKE_REGEX predicate.");
                    return Err(Error::new(code::SYNTAX_ERROR, message).detail(detail));
                }
            }
        }
        let regex = builder
            .build()
            .map_err(|error| Error::new("2201B", "invalid regular expression").detail(error.to_string()))?;
        Ok(Condition::LikeRegex(left, Box::new(regex)))
    }

    fn sum(&mut self) -> Result<Node> {
        let mut left = self.product()?;
        loop {
            let operator = if self.symbol("+") {
                '+'
            } else if self.symbol("-") {
                '-'
            } else {
                return Ok(left);
            };
            let (a, b) = (self.as_expression(left)?, self.product()?);
            let b = self.as_expression(b)?;
            left = Node::Expression(Expression::Arithmetic(Box::new(a), operator, Box::new(b)));
        }
    }

    fn product(&mut self) -> Result<Node> {
        let mut left = self.signed()?;
        loop {
            self.blanks();
            let operator = match self.rest().chars().next() {
                Some(letter @ ('*' | '/' | '%')) => letter,
                _ => return Ok(left),
            };
            self.at += 1;
            let (a, b) = (self.as_expression(left)?, self.signed()?);
            let b = self.as_expression(b)?;
            left = Node::Expression(Expression::Arithmetic(Box::new(a), operator, Box::new(b)));
        }
    }

    fn signed(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > 100 {
            return Err(Error::new("54001", "jsonpath is nested too deep"));
        }
        let negative = self.symbol("-");
        let node = if negative || self.symbol("+") {
            let inner = self.signed()?;
            let inner = Box::new(self.as_expression(inner)?);
            Ok(Node::Expression(if negative { Expression::Negative(inner) } else { Expression::Positive(inner) }))
        } else {
            self.primary()
        };
        self.depth -= 1;
        node
    }

    fn primary(&mut self) -> Result<Node> {
        self.blanks();
        let start = match self.rest().chars().next() {
            Some('(') => {
                self.at += 1;
                let inner = self.any()?;
                self.expect(")")?;
                match inner {
                    Node::Condition(condition) => {
                        let has_steps =
                            [".", "[", "?"].iter().any(|symbol| self.rest().trim_start().starts_with(symbol));
                        if !has_steps {
                            return Ok(Node::Condition(condition));
                        }
                        Expression::Condition(Box::new(condition))
                    }
                    Node::Expression(expression) => expression,
                }
            }
            Some('$') => {
                self.at += 1;
                match self.rest().chars().next() {
                    Some('"') => Expression::Variable(self.string()?),
                    Some(letter) if letter.is_alphabetic() || letter == '_' => Expression::Variable(self.name()),
                    _ => Expression::Root,
                }
            }
            Some('@') => {
                self.at += 1;
                Expression::Current
            }
            Some('"') => Expression::Constant(super::Json::String(self.string()?)),
            Some('0'..='9' | '.') => Expression::Constant(super::Json::Number(self.number()?)),
            _ if self.word("true") => Expression::Constant(super::Json::Boolean(true)),
            _ if self.word("false") => Expression::Constant(super::Json::Boolean(false)),
            _ if self.word("null") => Expression::Constant(super::Json::Null),
            _ if self.word("last") => Expression::Last,
            _ => return Err(self.unexpected()),
        };
        let steps = self.steps()?;
        Ok(Node::Expression(if steps.is_empty() { start } else { Expression::Steps(Box::new(start), steps) }))
    }

    fn steps(&mut self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            if self.symbol("[") {
                steps.push(self.subscript()?);
            } else if self.symbol("?") {
                self.expect("(")?;
                steps.push(Step::Filter(self.condition()?));
                self.expect(")")?;
            } else if self.symbol(".") {
                steps.push(self.accessor()?);
            } else {
                return Ok(steps);
            }
        }
    }

    fn accessor(&mut self) -> Result<Step> {
        self.blanks();
        if self.symbol("**") {
            return self.any_depth();
        }
        if self.symbol("*") {
            return Ok(Step::AnyMember);
        }
        if self.rest().starts_with('"') {
            return Ok(Step::Member(self.string()?));
        }
        let name = self.name();
        if name.is_empty() {
            return Err(self.unexpected());
        }
        if !self.symbol("(") {
            return Ok(Step::Member(name));
        }
        let method = match name.as_str() {
            "type" => Method::Type,
            "size" => Method::Size,
            "double" => Method::Double,
            "ceiling" => Method::Ceiling,
            "floor" => Method::Floor,
            "abs" => Method::Abs,
            "keyvalue" => Method::KeyValue,
            "datetime" => return Err(Error::unsupported("jsonpath item method .datetime() is not supported")),
            _ => return Err(self.unexpected()),
        };
        self.expect(")")?;
        Ok(Step::Method(method))
    }

    fn any_depth(&mut self) -> Result<Step> {
        if !self.symbol("{") {
            return Ok(Step::AnyDepth(Some(0), None));
        }
        let from = self.level()?;
        let to = if self.word("to") { self.level()? } else { from };
        self.expect("}")?;
        Ok(Step::AnyDepth(from, to))
    }

    /// A level, or `None` for `last`.
    fn level(&mut self) -> Result<Option<u32>> {
        if self.word("last") {
            return Ok(None);
        }
        self.blanks();
        self.number()?.parse().map(Some).map_err(|_| self.unexpected())
    }

    fn subscript(&mut self) -> Result<Step> {
        if self.symbol("*") {
            self.expect("]")?;
            return Ok(Step::AnyElement);
        }
        let mut ranges = Vec::new();
        loop {
            let from = self.sum()?;
            let from = self.as_expression(from)?;
            let to = if self.word("to") {
                let to = self.sum()?;
                Some(self.as_expression(to)?)
            } else {
                None
            };
            ranges.push((from, to));
            if !self.symbol(",") {
                self.expect("]")?;
                return Ok(Step::Elements(ranges));
            }
        }
    }

    fn name(&mut self) -> String {
        let end =
            self.rest().find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(self.rest().len());
        let name = self.rest()[..end].to_string();
        self.at += end;
        name
    }

    fn number(&mut self) -> Result<String> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(sign).is_some_and(u8::is_ascii_digit) {
                end = digits(sign);
            }
        }
        if end == 0 || bytes.get(end).is_some_and(u8::is_ascii_alphabetic) {
            return Err(self.unexpected());
        }
        let written = &self.rest()[..end];
        let written = if written.starts_with('.') { format!("0{written}") } else { written.to_string() };
        self.at += end;
        crate::format::text::canonical_jsonb(&written)
    }

    /// A string in double quotes, with JSON's escapes.
    fn string(&mut self) -> Result<String> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find_map(|(at, letter)| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends.then_some(at)
        });
        let Some(end) = end.filter(|_| rest.starts_with('"')) else { return Err(self.unexpected()) };
        let content = serde_json::from_str::<String>(&rest[..=end]).map_err(|_| self.unexpected())?;
        self.at += end + 1;
        Ok(content)
    }
}
