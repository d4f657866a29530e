//! Tokens to a tree, by precedence.

use super::functions::{self, Function, Over};
use super::lex::{self, Placed, Token};
use super::{ExpressionError, Value};

/// Brackets in brackets; more has no use and would only grow the stack.
const DEPTH_MAX: usize = 32;
/// Operators in a row make a tree as deep as they are many.
const TOKENS_MAX: usize = 250;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Value),
    Name(String),
    /// `#` inside of a predicate.
    Element,
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Field(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// `a ? b : c`
    Choice(Box<[Node; 3]>),
    Call(Function, Vec<Node>),
    /// A function that asks a predicate of each element.
    Each(Over, Box<Node>, Option<Box<Node>>),
    /// `let name = value; body`
    Let(String, Box<Node>, Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
    Power,
    Coalesce,
}

/// Every binary operator: its spellings, its precedence, itself. `Power` binds to the right.
const OPERATORS: [(&[&str], u8, Operator); 21] = [
    (&["||", "or"], 10, Operator::Or),
    (&["&&", "and"], 15, Operator::And),
    (&["=="], 20, Operator::Equal),
    (&["!="], 20, Operator::Unequal),
    (&["<"], 20, Operator::Less),
    (&["<="], 20, Operator::LessOrEqual),
    (&[">"], 20, Operator::Greater),
    (&[">="], 20, Operator::GreaterOrEqual),
    (&["in"], 20, Operator::In),
    (&["matches"], 20, Operator::Matches),
    (&["contains"], 20, Operator::Contains),
    (&["startsWith"], 20, Operator::StartsWith),
    (&["endsWith"], 20, Operator::EndsWith),
    (&[".."], 25, Operator::Range),
    (&["+"], 30, Operator::Plus),
    (&["-"], 30, Operator::Minus),
    (&["*"], 60, Operator::Times),
    (&["/"], 60, Operator::Divide),
    (&["%"], 60, Operator::Remainder),
    (&["**", "^"], 100, Operator::Power),
    (&["??"], 120, Operator::Coalesce),
];
/// `not x`
const NOT: u8 = 50;
/// `-x`
const SIGN: u8 = 90;

impl Operator {
    pub(super) fn spelling(self) -> &'static str {
        let row = OPERATORS.iter().find(|(_, _, operator)| *operator == self);
        row.map_or("", |(spellings, _, _)| spellings[0])
    }
}

pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    let tokens = lex::tokens(text)?;
    if tokens.len() > TOKENS_MAX {
        return Err(ExpressionError::TooManyTokens(TOKENS_MAX));
    }
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        end: text.chars().count() + 1,
    };
    let root = parser.expression()?;
    match parser.tokens.get(parser.at) {
        None => Ok(root),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
    /// The column behind the text.
    end: usize,
}

type Parsed = Result<Node, ExpressionError>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn column(&self) -> usize {
        self.tokens
            .get(self.at)
            .map_or(self.end, |(column, _)| *column)
    }

    fn unexpected(&self) -> ExpressionError {
        let found = match self.peek() {
            None => "end".to_owned(),
            Some(Token::Sign(sign)) => format!("{sign:?}"),
            Some(Token::Word(word)) => format!("{word:?}"),
            Some(Token::Text(text)) => format!("the text {text:?}"),
            Some(Token::Int(_) | Token::Float(_)) => "number".to_owned(),
        };
        ExpressionError::Unexpected {
            column: self.column(),
            found,
        }
    }

    fn is(&self, spelling: &str) -> bool {
        match self.peek() {
            Some(Token::Sign(sign)) => *sign == spelling,
            Some(Token::Word(word)) => word == spelling,
            _ => false,
        }
    }

    fn take(&mut self, spelling: &str) -> bool {
        let there = self.is(spelling);
        self.at += usize::from(there);
        there
    }

    fn want(&mut self, spelling: &str) -> Result<(), ExpressionError> {
        match self.take(spelling) {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    fn word(&mut self) -> Result<String, ExpressionError> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// One level deeper, as long as there are levels.
    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth == DEPTH_MAX {
            return Err(ExpressionError::Depth(DEPTH_MAX));
        }
        self.depth += 1;
        let node = inner(self);
        self.depth -= 1;
        node
    }

    fn expression(&mut self) -> Parsed {
        self.deeper(|parser| {
            if parser.take("let") {
                let name = parser.word()?;
                parser.want("=")?;
                let value = parser.expression()?;
                parser.want(";")?;
                let body = parser.expression()?;
                return Ok(Node::Let(name, value.into(), body.into()));
            }
            parser.choice()
        })
    }

    fn choice(&mut self) -> Parsed {
        let condition = self.binary(0)?;
        if !self.take("?") {
            return Ok(condition);
        }
        // `a ?: b` is `a ? a : b`.
        let yes = match self.is(":") {
            true => condition.clone(),
            false => self.expression()?,
        };
        self.want(":")?;
        let no = self.expression()?;
        Ok(Node::Choice(Box::new([condition, yes, no])))
    }

    fn binary(&mut self, least: u8) -> Parsed {
        let mut left = self.unary()?;
        loop {
            if least == 0 && self.take("|") {
                let name = self.word()?;
                left = self.call(&name, Some(left))?;
                continue;
            }
            let start = self.at;
            // `x not in y`
            let negated = self.take("not");
            let row = OPERATORS
                .iter()
                .find(|(spellings, _, _)| spellings.iter().any(|spelling| self.is(spelling)));
            let Some((_, precedence, operator)) = row.filter(|(_, level, _)| *level >= least)
            else {
                self.at = start;
                return Ok(left);
            };
            self.at += 1;
            let above = match operator {
                Operator::Power => *precedence,
                _ => precedence + 1,
            };
            let right = self.deeper(|parser| parser.binary(above))?;
            left = Node::Binary(*operator, left.into(), right.into());
            if negated {
                left = Node::Not(left.into());
            }
        }
    }

    fn unary(&mut self) -> Parsed {
        if self.take("not") {
            let inner = self.deeper(|parser| parser.binary(NOT))?;
            return Ok(Node::Not(inner.into()));
        }
        if self.take("!") {
            let inner = self.deeper(Self::unary)?;
            return Ok(Node::Not(inner.into()));
        }
        if self.take("-") {
            let inner = self.deeper(|parser| parser.binary(SIGN))?;
            return Ok(Node::Minus(inner.into()));
        }
        if self.take("+") {
            return self.deeper(|parser| parser.binary(SIGN));
        }
        let node = self.primary()?;
        self.postfix(node)
    }

    fn primary(&mut self) -> Parsed {
        let token = self.peek().cloned().ok_or_else(|| self.unexpected())?;
        self.at += 1;
        match token {
            Token::Int(n) => Ok(Node::Literal(Value::Int(n))),
            Token::Float(n) => Ok(Node::Literal(Value::Float(n))),
            Token::Text(text) => Ok(Node::Literal(Value::Text(text))),
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.want(")")?;
                Ok(inner)
            }
            Token::Sign("[") => Ok(Node::List(self.listed("]", Self::expression)?)),
            Token::Sign("{") => Ok(Node::Map(self.listed("}", Self::entry)?)),
            Token::Sign("#") => Ok(Node::Element),
            // `.name` inside of a predicate is a field of the element.
            Token::Sign(".") => {
                let name = self.word()?;
                Ok(Node::Field(Node::Element.into(), name))
            }
            Token::Word(word) => match word.as_str() {
                "true" => Ok(Node::Literal(Value::Bool(true))),
                "false" => Ok(Node::Literal(Value::Bool(false))),
                "nil" => Ok(Node::Literal(Value::Absent)),
                name if self.is("(") => self.call(name, None),
                _ => Ok(Node::Name(word)),
            },
            Token::Sign(_) => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn entry(&mut self) -> Result<(Node, Node), ExpressionError> {
        let key = match self.peek() {
            Some(Token::Sign("(")) => self.primary()?,
            Some(Token::Text(_) | Token::Int(_)) => self.primary()?,
            _ => Node::Literal(Value::Text(self.word()?)),
        };
        self.want(":")?;
        Ok((key, self.expression()?))
    }

    /// What stands between brackets, divided by commas.
    fn listed<T>(
        &mut self,
        close: &str,
        mut one: impl FnMut(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<Vec<T>, ExpressionError> {
        let mut list = Vec::new();
        while !self.take(close) {
            if !list.is_empty() {
                self.want(",")?;
                if self.take(close) {
                    break;
                }
            }
            list.push(one(self)?);
        }
        Ok(list)
    }

    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            if self.take(".") || self.take("?.") {
                node = Node::Field(node.into(), self.word()?);
            } else if self.take("[") {
                node = self.index(node)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn index(&mut self, node: Node) -> Parsed {
        let from = match self.is(":") {
            true => None,
            false => Some(Box::new(self.expression()?)),
        };
        if !self.take(":") {
            self.want("]")?;
            let at = from.ok_or_else(|| self.unexpected())?;
            return Ok(Node::Index(node.into(), at));
        }
        let to = match self.is("]") {
            true => None,
            false => Some(Box::new(self.expression()?)),
        };
        self.want("]")?;
        Ok(Node::Slice(node.into(), from, to))
    }

    /// The arguments of a function whose name has been read; a pipe brings the first.
    fn call(&mut self, name: &str, piped: Option<Node>) -> Parsed {
        self.want("(")?;
        if let Some(over) = Over::named(name) {
            return self.each(over, piped);
        }
        let function = functions::named(name)
            .ok_or_else(|| ExpressionError::UnknownFunction(name.to_owned()))?;
        let mut arguments: Vec<Node> = piped.into_iter().collect();
        arguments.extend(self.listed(")", Self::expression)?);
        function.check(arguments.len())?;
        Ok(Node::Call(function, arguments))
    }

    /// `any(list, {# > 3})`, or without the braces.
    fn each(&mut self, over: Over, piped: Option<Node>) -> Parsed {
        let list = match piped {
            Some(list) => list,
            None => {
                let list = self.expression()?;
                if !self.is(")") {
                    self.want(",")?;
                }
                list
            }
        };
        if self.take(")") {
            return match over.needs_predicate() {
                true => Err(over.wants()),
                false => Ok(Node::Each(over, list.into(), None)),
            };
        }
        let braces = self.take("{");
        let predicate = self.expression()?;
        if braces {
            self.want("}")?;
        }
        self.want(")")?;
        Ok(Node::Each(over, list.into(), Some(predicate.into())))
    }
}
