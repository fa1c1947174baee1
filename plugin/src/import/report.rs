//! What an import says at its end, and whether its numbers add up.

use serde_json::json;

use super::source::Table;
use super::state::{Counts, State};
use super::{Failure, Import};
use crate::ports::{Database, Kind, Transaction, Value, ValueRef};

/// Compares the counts with the source and with what is there, and puts them into lines.
pub(super) fn check<P: Database>(
    import: &Import<'_, P>,
    transaction: &mut P::Transaction,
    state: &mut State,
    source: &[(Table, u64, u64)],
) -> Result<Vec<String>, Failure> {
    let mut lines = vec![format!(
        "{:<20}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "table", "source", "imported", "skipped", "merged", "rejected"
    )];
    let mut wrong = Vec::new();
    for (table, all, shared) in source.iter().copied() {
        let counts = *state.counts(table);
        let Counts {
            read,
            imported,
            skipped,
            merged,
            rejected,
        } = counts;
        lines.push(format!(
            "{:<20}{all:>10}{imported:>10}{skipped:>10}{merged:>10}{:>10}",
            table.name(),
            rejected + shared
        ));
        if shared > 0 {
            lines.push(format!(
                "{}: {shared} rejected rows have no id, or that of another row",
                table.name()
            ));
        }
        if read + shared != all || imported + skipped + merged + rejected != read {
            wrong.push(format!(
                "{}: the source has {all} rows, {read} were read, and {imported} + {skipped} + \
                 {merged} + {rejected} of them are accounted for",
                table.name()
            ));
        }
        if !import.dry_run {
            let ours = table.ours();
            let there = count(transaction, ours, &import.parameters.tenant)?;
            if there < imported {
                wrong.push(format!(
                    "{ours}: {there} rows are there, {imported} were written"
                ));
            }
        }
    }
    match import.dry_run {
        true => lines.push(
            "a dry run: nothing was written; rows that say the same are found within a page only"
                .to_owned(),
        ),
        false => lines.push(format!(
            "channels: {} made; members: {} added",
            state.channels_made, state.members
        )),
    }
    if state.parents_cut > 0 {
        lines.push(format!(
            "{} messages answer one that is not there, or in another channel: they answer none now",
            state.parents_cut
        ));
    }
    if state.channels_corrected > 0 {
        lines.push(format!(
            "{} rows named another channel than their message: they have the message's now",
            state.channels_corrected
        ));
    }
    for (table, rejected) in &state.rejected {
        lines.push(format!(
            "rejected: {} {}: {}",
            table.name(),
            rejected.id,
            rejected.reason
        ));
    }
    let total = state.messages.rejected + state.recipients.rejected + state.files.rejected;
    let unnamed = total.saturating_sub(state.rejected.len() as u64);
    if unnamed > 0 {
        lines.push(format!("rejected: and {unnamed} more"));
    }
    if wrong.is_empty() {
        lines.push("the numbers add up".to_owned());
        return Ok(lines);
    }
    lines.push("the numbers do not add up; was the source written to meanwhile?".to_owned());
    lines.extend(wrong);
    lines.push("begin anew with --set restart=yes: what is there is skipped".to_owned());
    Err(Failure::Told(lines.join("\n")))
}

fn count(
    transaction: &mut impl Transaction,
    table: &'static str,
    tenant: &str,
) -> Result<u64, Failure> {
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = ?");
    let rows = transaction
        .query(&sql, &[Value::Text(tenant.to_owned())], &[Kind::Integer])
        .map_err(Failure::Target)?;
    match rows.first().map(|row| row.get(0)) {
        Some(ValueRef::Integer(count)) => Ok(count.unsigned_abs()),
        _ => Err(Failure::Told(format!("{table} can't be counted"))),
    }
}

/// What a step changed, as JSON for the audit record; none when it wrote no rows.
pub(super) fn difference(before: &State, after: &State, tenant: &str) -> Option<String> {
    let of = |state: &State, what: fn(&Counts) -> u64| {
        what(&state.messages) + what(&state.recipients) + what(&state.files)
    };
    let grown = |what: fn(&Counts) -> u64| of(after, what) - of(before, what);
    let imported = grown(|counts| counts.imported);
    let merged = grown(|counts| counts.merged);
    let members = after.members - before.members;
    (imported + merged + members > 0).then(|| {
        json!({
            "tenant": tenant,
            "imported": imported,
            "merged": merged,
            "channels": after.channels_made - before.channels_made,
            "members": members,
        })
        .to_string()
    })
}
