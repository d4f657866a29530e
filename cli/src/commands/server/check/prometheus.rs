//! The text form of Prometheus metrics: gauges only.
//!
//! Source: "Exposition formats" of the Prometheus documentation, version 0.0.4.

/// One gauge with one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    pub name: String,
    pub help: String,
    /// In alphabetical order.
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

/// The parts that are not empty, joined by `_`.
pub fn name(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    parts.join("_")
}

/// The gauges in the order of their names.
pub fn text(mut gauges: Vec<Gauge>) -> String {
    gauges.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = String::new();
    for Gauge {
        name,
        help,
        labels,
        value,
    } in gauges
    {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        text.push_str(&format!(
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{{{}}} {value}\n",
            labels.join(",")
        ));
    }
    text
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_sorted_and_their_texts_escaped() {
        let gauge = |name: &str, item: &str| Gauge {
            name: name.into(),
            help: "two\nlines".into(),
            labels: vec![("item", item.into())],
            value: 0.5,
        };
        assert_eq!(
            text(vec![gauge("b", "x"), gauge("a", "say \"hi\" \\ bye")]),
            "# HELP a two\\nlines\n# TYPE a gauge\na{item=\"say \\\"hi\\\" \\\\ bye\"} 0.5\n\
             # HELP b two\\nlines\n# TYPE b gauge\nb{item=\"x\"} 0.5\n"
        );
    }

    #[test]
    fn empty_parts_of_a_name_are_left_out() {
        assert_eq!(name(&["", "connections", "rtt"]), "connections_rtt");
    }
}
