//! What several commands of `nats auth` show alike: the limits and permissions of users and of roles.

use nats_jwt::claims::{UserPermissionLimits, UserScope};

use crate::globals::Globals;
use crate::output::{Columns, format};

/// Locale, bearer token, limits and permissions, in the reference tool's words and order.
pub fn limits(columns: &mut Columns, limits: &UserPermissionLimits) {
    columns.row_unless_empty("Locale", &limits.times_location);
    columns.row("Bearer Token", limits.bearer_token);
    columns.section("Limits");
    limit(columns, "Max Payload", limits.limits.payload);
    limit(columns, "Max Data", limits.limits.data);
    limit(columns, "Max Subscriptions", limits.limits.subs);
    let kinds = limits.allowed_connection_types.join(", ");
    columns.row_unless_empty("Connection Types", &kinds);
    columns.row_unless_empty("Connection Sources", &limits.src.join(", "));
    let times = limits.times.iter();
    let times: Vec<String> = times
        .map(|range| format!("{} to {}", range.start, range.end))
        .collect();
    columns.rows("Connection Times", times.iter().map(String::as_str));
    columns.section("Permissions");
    columns.indent(2);
    let permissions = &limits.permissions;
    for (title, permission) in [
        ("Publish", &permissions.publish),
        ("Subscribe", &permissions.subscribe),
    ] {
        columns.section(title);
        if permission.allow.is_empty() && permission.deny.is_empty() {
            columns.text("No permissions defined");
        }
        columns.rows("Allow", permission.allow.iter().map(String::as_str));
        columns.rows("Deny", permission.deny.iter().map(String::as_str));
    }
    if let Some(response) = &permissions.response {
        columns.section("Responses");
        limit(columns, "Messages", response.max_messages);
        let ttl =
            std::time::Duration::from_nanos(u64::try_from(response.expires_ns).unwrap_or_default());
        columns.row("Expire", format::duration(ttl).as_str());
    }
    columns.indent(0);
}

/// A number with commas; negative is no limit.
pub fn limit(columns: &mut Columns, label: &str, value: i64) {
    match u64::try_from(value) {
        Ok(value) => columns.row(label, format::count(value).as_str()),
        Err(_) => columns.row(label, "unlimited"),
    }
}

/// A signing key with a role.
pub fn role(globals: &Globals, scope: &UserScope) -> String {
    let heading = format!("Scoped Signing Key {}", scope.key);
    let mut columns = Columns::new(heading, globals.scheme());
    columns.section("Config");
    columns.row_unless_empty("Description", &scope.description);
    columns.row("Key", scope.key.as_str());
    columns.row("Role", scope.role.as_str());
    limits(&mut columns, &scope.template);
    columns.render()
}
