//! The parameters behind the `?`, and the texts that refuse them.

use std::borrow::Cow;

use nats_api::monitor::ConnState;

/// Longest piece of a wrong value that is repeated to the user.
const SHOWN_BYTES_MAX: usize = 128;

/// The decoded parameters of a request. The first of several with one name counts.
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            pairs: form_urlencoded::parse(text.as_bytes()).collect(),
        }
    }

    /// The value of a parameter; empty when it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    pub fn owned(&self, name: &str) -> String {
        self.text(name).to_owned()
    }

    pub fn bool(&self, name: &str) -> Result<bool, String> {
        match self.text(name) {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            text => Err(refused(
                "boolean",
                name,
                "ParseBool",
                text,
                "invalid syntax",
            )),
        }
    }

    pub fn int(&self, name: &str) -> Result<i64, String> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(0);
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let number = text.parse();
        number.map_err(|_| refused("int", name, "Atoi", text, number_fault(digits)))
    }

    pub fn uint(&self, name: &str) -> Result<u64, String> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(0);
        }
        let fault = number_fault(text);
        match text.parse() {
            Ok(number) if !text.starts_with('+') => Ok(number),
            _ => Err(refused("uint64", name, "ParseUint", text, fault)),
        }
    }

    pub fn state(&self) -> Result<ConnState, String> {
        let text = self.text("state");
        ConnState::from_query(text)
            .ok_or_else(|| format!("Error decoding state for {}", shown(text)))
    }

    /// Whether subscriptions are wanted, and whether with details.
    pub fn subs(&self) -> Result<(bool, bool), String> {
        if self.text("subs").eq_ignore_ascii_case("detail") {
            return Ok((false, true));
        }
        Ok((self.bool("subs")?, false))
    }
}

fn number_fault(digits: &str) -> &'static str {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if is_number {
        "value out of range"
    } else {
        "invalid syntax"
    }
}

/// The words of the reference server, which scripts may look for.
fn refused(kind: &str, name: &str, function: &str, text: &str, fault: &str) -> String {
    let text = shown(text);
    format!("Error decoding {kind} for '{name}': strconv.{function}: parsing {text:?}: {fault}")
}

fn shown(text: &str) -> &str {
    let end = (0..=SHOWN_BYTES_MAX.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_refused_in_the_words_of_the_reference() {
        let query = Query::new("b=yes&i=x&big=99999999999999999999&u=-1&state=x&subs=2&space=+5");
        let table = [
            (
                query.bool("b").unwrap_err(),
                r#"Error decoding boolean for 'b': strconv.ParseBool: parsing "yes": invalid syntax"#,
            ),
            (
                query.int("i").unwrap_err(),
                r#"Error decoding int for 'i': strconv.Atoi: parsing "x": invalid syntax"#,
            ),
            (
                query.int("big").unwrap_err(),
                r#"Error decoding int for 'big': strconv.Atoi: parsing "99999999999999999999": value out of range"#,
            ),
            (
                query.uint("u").unwrap_err(),
                r#"Error decoding uint64 for 'u': strconv.ParseUint: parsing "-1": invalid syntax"#,
            ),
            (
                query.int("space").unwrap_err(),
                r#"Error decoding int for 'space': strconv.Atoi: parsing " 5": invalid syntax"#,
            ),
            (query.state().unwrap_err(), "Error decoding state for x"),
            (
                query.subs().unwrap_err(),
                r#"Error decoding boolean for 'subs': strconv.ParseBool: parsing "2": invalid syntax"#,
            ),
        ];
        for (got, expected) in table {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn values_are_decoded_and_the_first_counts() {
        let query = Query::new("a=%24G&a=second&n=-5&p=%2B7&u=7&t=T&subs=Detail&state=ANY");
        assert_eq!(query.text("a"), "$G");
        assert_eq!(query.text("none"), "");
        assert_eq!(query.int("n"), Ok(-5));
        assert_eq!(query.int("p"), Ok(7));
        assert_eq!(query.int("none"), Ok(0));
        assert_eq!(query.uint("u"), Ok(7));
        assert_eq!(query.bool("t"), Ok(true));
        assert_eq!(query.subs(), Ok((false, true)));
        assert_eq!(query.state(), Ok(ConnState::All));
    }

    #[test]
    fn a_long_wrong_value_is_cut() {
        let text = format!("i={}", "ä".repeat(10_000));
        assert!(Query::new(&text).int("i").unwrap_err().len() < 400);
    }
}
