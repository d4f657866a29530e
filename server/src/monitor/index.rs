//! The front page: what pages there are.

use std::fmt::Write as _;

use super::view::ServerFacts;

const PAGES: [(&str, &str); 11] = [
    ("/varz", "General"),
    ("/jsz", "JetStream"),
    ("/connz", "Connections"),
    ("/accountz", "Accounts"),
    ("/accstatz", "Account statistics"),
    ("/subsz", "Subscriptions"),
    ("/routez", "Routes"),
    ("/leafz", "Leaf nodes"),
    ("/gatewayz", "Gateways"),
    ("/raftz", "Raft groups"),
    ("/healthz", "Health"),
];

pub(super) fn page(base: &str, facts: &ServerFacts) -> String {
    let base = base.trim_end_matches('/');
    let mut links = String::new();
    for (path, title) in PAGES {
        let _ = writeln!(
            links,
            "<li><a href=\".{}{path}\">{title}</a> <code>{path}</code></li>",
            escaped(base)
        );
    }
    let (name, version) = (escaped(&facts.name), escaped(&facts.version));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>NATS {name}</title>\n\
         <style>body{{font:16px/1.7 system-ui,sans-serif;margin:2.5em;color:#1c2333}}a{{color:#375c93}}\
         code{{color:#8a8f9c;font-size:.8em}}ul{{list-style:none;padding:0}}</style>\n</head>\n<body>\n\
         <h1>NATS</h1>\n<p>{name}, version {version}</p>\n<ul>\n{links}</ul>\n\
         <p><a href=\"https://docs.nats.io/running-a-nats-service/nats_admin/monitoring\">Help</a></p>\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_smuggle_markup_into_the_front_page() {
        let facts = ServerFacts {
            name: "<script>".into(),
            ..ServerFacts::default()
        };
        let page = page("/base/", &facts);
        assert!(!page.contains("<script>"));
        assert!(page.contains("href=\"./base/varz\""));
    }
}
