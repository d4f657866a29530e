//! `-H Name:Value`.

use super::ParseError;

/// Splits a header argument at its first colon; blanks around name and value do not count.
pub fn header(text: &str) -> Result<(&str, &str), ParseError> {
    let invalid = || ParseError::Header(text.to_owned());
    let (name, value) = text.split_once(':').ok_or_else(invalid)?;
    let name = name.trim();
    if name.is_empty()
        || name.bytes().any(|b| b <= b' ' || b == 0x7f)
        || value.contains(['\r', '\n'])
    {
        return Err(invalid());
    }
    Ok((name, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colon_divides_name_and_value() {
        assert_eq!(header("A: b:c "), Ok(("A", "b:c")));
        assert_eq!(header("Empty:"), Ok(("Empty", "")));
    }

    #[test]
    fn a_header_that_could_not_travel_is_refused() {
        for text in ["NoColon", ":value", "Two Words:x", "A:b\r\nInjected: yes"] {
            assert_eq!(header(text), Err(ParseError::Header(text.into())));
        }
    }
}
