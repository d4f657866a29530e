//! Text to tokens.

use super::ExpressionError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Int(i128),
    Float(f64),
    Text(String),
    /// A name or an operator that is a word.
    Word(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// A token and the column where it begins, from 1.
pub(super) type Placed = (usize, Token);

/// Longer ones first.
const SIGNS: [&str; 35] = [
    "?.", "??", "**", "&&", "||", "==", "!=", "<=", ">=", "..", "|", "=", ";", "+", "-", "*", "/",
    "%", "^", "<", ">", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}", "#", "$", "@",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ExpressionError> {
    let mut scanner = Scanner {
        letters: text.chars().collect(),
        at: 0,
    };
    let mut tokens = Vec::new();
    while let Some(letter) = scanner.peek(0) {
        let column = scanner.at + 1;
        let token = match letter {
            c if c.is_whitespace() => {
                scanner.at += 1;
                continue;
            }
            '"' | '\'' | '`' => scanner.text(letter)?,
            c if c.is_ascii_digit() => scanner.number()?,
            '.' if scanner.peek(1).is_some_and(|c| c.is_ascii_digit()) => scanner.number()?,
            c if is_word(c) => {
                Token::Word(scanner.take_while(|c| is_word(c) || c.is_ascii_digit()))
            }
            _ => scanner.sign()?,
        };
        tokens.push((column, token));
    }
    Ok(tokens)
}

fn is_word(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

struct Scanner {
    letters: Vec<char>,
    at: usize,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let taken: String = self.letters[self.at..]
            .iter()
            .take_while(|letter| wanted(**letter))
            .collect();
        self.at += taken.chars().count();
        taken
    }

    fn sign(&mut self) -> Result<Token, ExpressionError> {
        let matches = |sign: &&&str| {
            sign.chars()
                .enumerate()
                .all(|(i, c)| self.peek(i) == Some(c))
        };
        match SIGNS.iter().find(matches) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            None => Err(ExpressionError::Unexpected {
                column: self.at + 1,
                found: format!("{:?}", self.letters[self.at]),
            }),
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, ExpressionError> {
        let column = self.at + 1;
        self.at += 1;
        let mut text = String::new();
        while let Some(letter) = self.peek(0) {
            self.at += 1;
            match letter {
                c if c == quote => return Ok(Token::Text(text)),
                '\\' if quote != '`' => {
                    let escaped = self.peek(0);
                    self.at += 1;
                    match escaped {
                        Some('n') => text.push('\n'),
                        Some('t') => text.push('\t'),
                        Some('r') => text.push('\r'),
                        Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                        // A pattern such as "\d": the backslash stays.
                        Some(c) => text.extend(['\\', c]),
                        None => break,
                    }
                }
                c => text.push(c),
            }
        }
        Err(ExpressionError::Unclosed {
            column,
            what: "the text",
        })
    }

    /// `10`, `1_000`, `0x1f`, `0b1`, `0o7`, `1.5`, `1e6`; `1..3` is a range.
    fn number(&mut self) -> Result<Token, ExpressionError> {
        let column = self.at + 1;
        let mut text = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let prefixed = text.starts_with('0') && text.len() > 1 && !text[1..].starts_with(is_digit);
        let fraction = self.peek(0) == Some('.') && self.peek(1).is_some_and(is_digit);
        if !prefixed && fraction {
            self.at += 1;
            text.push('.');
            text += &self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        }
        if !prefixed && text.ends_with(['e', 'E']) && matches!(self.peek(0), Some('+' | '-')) {
            text.extend(self.peek(0));
            self.at += 1;
            text += &self.take_while(is_digit);
        }
        let digits = text.replace('_', "");
        let whole = match digits.get(..2) {
            Some("0x") => i128::from_str_radix(&digits[2..], 16).ok(),
            Some("0b") => i128::from_str_radix(&digits[2..], 2).ok(),
            Some("0o") => i128::from_str_radix(&digits[2..], 8).ok(),
            _ => digits.parse().ok(),
        };
        let broken = || digits.parse().ok().filter(|n: &f64| n.is_finite());
        whole
            .map(Token::Int)
            .or_else(|| broken().map(Token::Float))
            .ok_or(ExpressionError::Number { column, text })
    }
}

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit()
}
