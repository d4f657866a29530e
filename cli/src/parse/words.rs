//! Commands that users give as one argument (`--command`, `--translate`, `$EDITOR`) are split into words as a POSIX shell
//! splits them, but never given to a shell: a message body cannot become code.

use super::ParseError;

/// Splits `text` at blanks; single quotes keep everything, double quotes keep everything but `\"`, `\\`, `\$` and `` \` ``.
pub fn shell_words(text: &str) -> Result<Vec<String>, ParseError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    let unbalanced = || ParseError::UnbalancedQuote(text.to_owned());
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or_else(unbalanced)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                double_quoted(&mut chars, word.get_or_insert_default()).ok_or_else(unbalanced)?
            }
            '\\' => word
                .get_or_insert_default()
                .push(chars.next().ok_or_else(unbalanced)?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if words.is_empty() {
        return Err(ParseError::EmptyCommand);
    }
    Ok(words)
}

/// Reads up to the closing quote; `None` when there is none.
fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '\\' => {
                let escaped = chars.next()?;
                if !matches!(escaped, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let words = |text| shell_words(text).unwrap();
        assert_eq!(words("jq .a  -r"), ["jq", ".a", "-r"]);
        assert_eq!(
            words("echo 'a b' \"c \\\" d\" e\\ f ''"),
            ["echo", "a b", "c \" d", "e f", ""]
        );
        assert_eq!(words("a'b'c"), ["abc"]);
        assert_eq!(words(r#"x "\n""#), ["x", r"\n"]);
    }

    #[test]
    fn an_open_quote_or_nothing_is_refused() {
        for text in ["'a", "\"a", "a\\"] {
            assert_eq!(
                shell_words(text),
                Err(ParseError::UnbalancedQuote(text.into()))
            );
        }
        assert_eq!(shell_words("  "), Err(ParseError::EmptyCommand));
    }
}
