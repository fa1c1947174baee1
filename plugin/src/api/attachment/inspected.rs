//! What inspectors found, as the host reports it: nobody asks for it, and nobody waits.

use super::finding::findings;
use crate::domain::time;
use crate::ports::{Level, Ports, Report};
use crate::store::{self, Taken};

/// Takes a report on an attachment's bytes. It may come more than once, and after the
/// attachment is gone.
///
/// # Errors
/// It could not be kept, and has to come again; the text says why.
pub fn inspected<P: Ports>(ports: &P, tag: &str, report: &Report) -> Result<(), String> {
    let Some(file) = store::attachment_of(tag) else {
        // It would be no better the next time.
        ports.log(Level::Error, "a report with a tag that is none of ours");
        return Ok(());
    };
    let findings = findings(&report.inspections);
    let now = time::whole_millis(ports.now());
    match store::take_findings(ports, now, (file, &report.blob), &findings) {
        Ok(Taken::Done | Taken::Before) => {}
        Ok(Taken::Lost) => return Err("the small picture is gone".to_owned()),
        Err(cause) => return Err(cause.to_string()),
    }
    Ok(())
}
