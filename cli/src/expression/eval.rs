//! A tree and a scope to a value.

use std::collections::BTreeMap;

use regex::Regex;

use super::functions::Over;
use super::parse::{Node, Operator};
use super::{ExpressionError, Scope, Value};

/// Longest list that a range makes.
const RANGE_MAX: usize = 10_000;

/// One walk over a tree.
pub(super) struct Walk<'a> {
    scope: &'a Scope,
    /// Names from `let`, the innermost last.
    named: Vec<(&'a str, Value)>,
    /// What `#` means, the innermost last.
    elements: Vec<Value>,
}

type Evaluated = Result<Value, ExpressionError>;

impl<'a> Walk<'a> {
    pub(super) fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            named: Vec::new(),
            elements: Vec::new(),
        }
    }

    pub(super) fn value(&mut self, node: &'a Node) -> Evaluated {
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Name(name) => self.name(name),
            Node::Element => match self.elements.last() {
                Some(element) => Ok(element.clone()),
                None => Err(self.unknown("#")),
            },
            Node::List(nodes) => Ok(Value::List(self.values(nodes)?)),
            Node::Map(entries) => self.map(entries),
            Node::Field(of, name) => Ok(self.field(of, name)?),
            Node::Index(of, at) => {
                let of = self.value(of)?;
                let at = self.value(at)?;
                index(&of, &at)
            }
            Node::Slice(of, from, to) => self.slice(of, from.as_deref(), to.as_deref()),
            Node::Not(inner) => Ok(Value::Bool(!self.truth("not", inner)?)),
            Node::Minus(inner) => match self.value(inner)? {
                Value::Float(n) => Ok(Value::Float(-n)),
                Value::Span(span) => Ok(Value::Span(-span)),
                other => arithmetic(Operator::Minus, &Value::Int(0), &other),
            },
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                let chosen = if self.truth("?", condition)? { yes } else { no };
                self.value(chosen)
            }
            Node::Call(function, arguments) => function.call(self.values(arguments)?),
            Node::Each(over, list, predicate) => self.each(*over, list, predicate.as_deref()),
            Node::Let(name, value, body) => {
                let value = self.value(value)?;
                self.named.push((name, value));
                let result = self.value(body);
                self.named.pop();
                result
            }
        }
    }

    fn values(&mut self, nodes: &'a [Node]) -> Result<Vec<Value>, ExpressionError> {
        nodes.iter().map(|node| self.value(node)).collect()
    }

    fn name(&self, name: &str) -> Evaluated {
        let local = self.named.iter().rev().find(|(known, _)| *known == name);
        let value = local.map(|(_, value)| value).or_else(|| {
            let row = self.scope.0.iter().find(|(known, _)| known == name);
            row.map(|(_, value)| value)
        });
        value.cloned().ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> ExpressionError {
        ExpressionError::UnknownName(name.to_owned(), self.scope.names())
    }

    /// Walks to the document by reference: only the field is copied, not all that is around it.
    fn field(&mut self, of: &'a Node, name: &str) -> Evaluated {
        if let Node::Name(document) = of
            && !self.named.iter().any(|(known, _)| known == document)
            && let Some((_, value)) = self.scope.0.iter().find(|(known, _)| known == document)
        {
            return Ok(value.field(name));
        }
        Ok(self.value(of)?.field(name))
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Evaluated {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let key = match self.value(key)? {
                Value::Text(text) => text,
                Value::Int(n) => n.to_string(),
                other => return Err(operands("{}", &other, &Value::Absent)),
            };
            map.insert(key, self.value(value)?);
        }
        Ok(Value::Map(map))
    }

    fn truth(&mut self, operator: &'static str, node: &'a Node) -> Result<bool, ExpressionError> {
        match self.value(node)? {
            Value::Bool(truth) => Ok(truth),
            Value::Absent => Ok(false),
            other => Err(ExpressionError::Operands {
                operator,
                left: other.shown(),
                right: "true or false".to_owned(),
            }),
        }
    }

    fn slice(&mut self, of: &'a Node, from: Option<&'a Node>, to: Option<&'a Node>) -> Evaluated {
        let of = self.value(of)?;
        let length = match &of {
            Value::List(list) => list.len(),
            Value::Text(text) => text.chars().count(),
            Value::Absent => 0,
            other => return Err(operands("[:]", other, &Value::Absent)),
        };
        let mut bound = |node: Option<&'a Node>, otherwise| match node {
            None => Ok(otherwise),
            Some(node) => {
                position(&self.value(node)?, length).map(|at| at.clamp(0, length as i128) as usize)
            }
        };
        let from = bound(from, 0)?;
        let taken = bound(to, length)?.saturating_sub(from);
        Ok(match of {
            Value::List(list) => Value::List(list.into_iter().skip(from).take(taken).collect()),
            Value::Text(text) => Value::Text(text.chars().skip(from).take(taken).collect()),
            _ => Value::List(Vec::new()),
        })
    }

    fn binary(&mut self, operator: Operator, left: &'a Node, right: &'a Node) -> Evaluated {
        let spelling = operator.spelling();
        match operator {
            Operator::Or => {
                let truth = self.truth(spelling, left)? || self.truth(spelling, right)?;
                return Ok(Value::Bool(truth));
            }
            Operator::And => {
                let truth = self.truth(spelling, left)? && self.truth(spelling, right)?;
                return Ok(Value::Bool(truth));
            }
            Operator::Coalesce => {
                let left = self.value(left)?;
                return match left {
                    Value::Absent => self.value(right),
                    there => Ok(there),
                };
            }
            _ => {}
        }
        let (left, right) = (self.value(left)?, self.value(right)?);
        let ordered = |wanted: fn(std::cmp::Ordering) -> bool| {
            let order = left.order(&right);
            order
                .map(|order| Value::Bool(wanted(order)))
                .ok_or_else(|| operands(spelling, &left, &right))
        };
        match operator {
            Operator::Equal => Ok(Value::Bool(left.is(&right))),
            Operator::Unequal => Ok(Value::Bool(!left.is(&right))),
            Operator::Less => ordered(std::cmp::Ordering::is_lt),
            Operator::LessOrEqual => ordered(std::cmp::Ordering::is_le),
            Operator::Greater => ordered(std::cmp::Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge),
            Operator::In => contains(&right, &left, spelling),
            Operator::Contains if matches!(left, Value::List(_)) => {
                contains(&left, &right, spelling)
            }
            Operator::Matches | Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                on_texts(operator, &left, &right)
            }
            Operator::Range => range(&left, &right),
            _ => arithmetic(operator, &left, &right),
        }
    }

    fn each(&mut self, over: Over, list: &'a Node, predicate: Option<&'a Node>) -> Evaluated {
        let list = match self.value(list)? {
            Value::List(list) => list,
            Value::Absent => Vec::new(),
            Value::Map(map) => map.into_values().collect(),
            _ => return Err(over.wants()),
        };
        let mut answers = Vec::with_capacity(list.len());
        for element in &list {
            let answer = match predicate {
                None => element.clone(),
                Some(predicate) => {
                    self.elements.push(element.clone());
                    let answer = self.value(predicate);
                    self.elements.pop();
                    answer?
                }
            };
            answers.push(answer);
        }
        over.gather(list, answers)
    }
}

fn operands(operator: &'static str, left: &Value, right: &Value) -> ExpressionError {
    ExpressionError::Operands {
        operator,
        left: left.shown(),
        right: right.shown(),
    }
}

/// A position in a list; negative ones count from the end.
fn position(at: &Value, length: usize) -> Result<i128, ExpressionError> {
    match at {
        Value::Int(at) if *at < 0 => Ok(at.saturating_add(length as i128)),
        Value::Int(at) => Ok(*at),
        other => Err(operands("[]", other, &Value::Int(length as i128))),
    }
}

fn index(of: &Value, at: &Value) -> Evaluated {
    match (of, at) {
        (Value::Map(map), Value::Text(key)) => Ok(map.get(key).cloned().unwrap_or(Value::Absent)),
        (Value::List(list), at) => {
            let at = usize::try_from(position(at, list.len())?).ok();
            let element = at.and_then(|at| list.get(at)).cloned();
            Ok(element.unwrap_or(Value::Absent))
        }
        (Value::Absent, _) => Ok(Value::Absent),
        _ => Err(operands("[]", of, at)),
    }
}

fn contains(all: &Value, wanted: &Value, operator: &'static str) -> Evaluated {
    let found = match (all, wanted) {
        (Value::List(list), wanted) => list.iter().any(|element| element.is(wanted)),
        (Value::Map(map), Value::Text(key)) => map.contains_key(key),
        (Value::Absent, _) => false,
        _ => return Err(operands(operator, wanted, all)),
    };
    Ok(Value::Bool(found))
}

fn on_texts(operator: Operator, left: &Value, right: &Value) -> Evaluated {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Absent => Some(String::new()),
        _ => None,
    };
    let (Some(left), Some(right)) = (text(left), text(right)) else {
        return Err(operands(operator.spelling(), left, right));
    };
    let answer = match operator {
        Operator::StartsWith => left.starts_with(&right),
        Operator::EndsWith => left.ends_with(&right),
        Operator::Contains => left.contains(&right),
        _ => Regex::new(&right)
            .map_err(|why| ExpressionError::Pattern {
                why: why.to_string(),
                pattern: right,
            })?
            .is_match(&left),
    };
    Ok(Value::Bool(answer))
}

fn range(from: &Value, to: &Value) -> Evaluated {
    let (Value::Int(from), Value::Int(to)) = (from, to) else {
        return Err(operands("..", from, to));
    };
    let length = to.saturating_sub(*from).saturating_add(1);
    if length > RANGE_MAX as i128 {
        return Err(ExpressionError::TooLong(RANGE_MAX));
    }
    Ok(Value::List((*from..=*to).map(Value::Int).collect()))
}

fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Evaluated {
    use Operator::{Divide, Minus, Plus, Power, Remainder, Times};
    let wrong = || operands(operator.spelling(), left, right);
    let value = match (operator, left, right) {
        (Plus, Value::Text(a), Value::Text(b)) => Some(Value::Text(format!("{a}{b}"))),
        (Plus, Value::Moment(at), Value::Span(span))
        | (Plus, Value::Span(span), Value::Moment(at)) => {
            at.checked_add(*span).ok().map(Value::Moment)
        }
        (Minus, Value::Moment(at), Value::Span(span)) => {
            at.checked_sub(*span).ok().map(Value::Moment)
        }
        (Minus, Value::Moment(a), Value::Moment(b)) => Some(Value::Span(a.duration_since(*b))),
        (Plus, Value::Span(a), Value::Span(b)) => a.checked_add(*b).map(Value::Span),
        (Minus, Value::Span(a), Value::Span(b)) => a.checked_sub(*b).map(Value::Span),
        (Times, Value::Span(span), Value::Int(n)) | (Times, Value::Int(n), Value::Span(span)) => {
            let n = i32::try_from(*n).ok();
            n.and_then(|n| span.checked_mul(n)).map(Value::Span)
        }
        (_, Value::Int(a), Value::Int(b)) => match operator {
            Plus => a.checked_add(*b).map(Value::Int),
            Minus => a.checked_sub(*b).map(Value::Int),
            Times => a.checked_mul(*b).map(Value::Int),
            Remainder => a.checked_rem(*b).map(Value::Int),
            Divide => Some(Value::Float(*a as f64 / *b as f64)),
            _ => Some(Value::Float((*a as f64).powf(*b as f64))),
        },
        _ => {
            let (Some(a), Some(b)) = (left.number(), right.number()) else {
                return Err(wrong());
            };
            Some(Value::Float(match operator {
                Plus => a + b,
                Minus => a - b,
                Times => a * b,
                Divide => a / b,
                Power => a.powf(b),
                _ => return Err(wrong()),
            }))
        }
    };
    value.ok_or_else(wrong)
}
