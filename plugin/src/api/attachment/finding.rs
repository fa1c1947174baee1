//! From what inspectors reported to what it means for an attachment.

use crate::domain::attachment::{Findings, Thumbnail, is_inline};
use crate::ports::{Finding, Inspection};

/// The longest list of names that is kept, in bytes.
const MAX_NAMES: usize = 512;
/// The longest side of a picture that is believed, in pixels.
const MAX_SIDE: u32 = 1_000_000;
/// What an inspector calls the small picture.
const THUMBNAIL: &str = "thumbnail";
/// The longest type that is kept, in bytes.
const MAX_TYPE: usize = 127;

/// Reads what was reported. Of several that measured, the first counts.
pub(super) fn findings(inspections: &[Inspection]) -> Findings {
    let mut findings = Findings::default();
    for inspection in inspections {
        let name = &inspection.inspector;
        match &inspection.finding {
            Finding::Clean => add_name(&mut findings.clean_by, name),
            Finding::Suspicious(reason) => {
                let suspicion = (name.clone(), reason.clone());
                findings.suspicion.get_or_insert(suspicion);
            }
            Finding::Unknown(_) | Finding::Failed(_) => findings.silent.push(name.clone()),
        }
        findings.sides = findings.sides.or_else(|| sides(inspection));
        if findings.thumbnail.is_none() {
            findings.thumbnail = thumbnail(inspection);
        }
    }
    findings
}

fn add_name(names: &mut String, name: &str) {
    if names.len() + 1 + name.len() > MAX_NAMES {
        return;
    }
    if !names.is_empty() {
        names.push(' ');
    }
    names.push_str(name);
}

fn sides(inspection: &Inspection) -> Option<(u32, u32)> {
    let side = |name: &str| {
        let fact = inspection.facts.iter().find(|(it, _)| it == name);
        let side = fact.and_then(|(_, value)| value.parse().ok());
        side.filter(|side| (1..=MAX_SIDE).contains(side))
    };
    Some((side("width")?, side("height")?))
}

/// A picture that browsers may show, and nothing else.
fn thumbnail(inspection: &Inspection) -> Option<Thumbnail> {
    let is_picture = |media_type: &str| {
        media_type.starts_with("image/") && is_inline(media_type) && media_type.len() <= MAX_TYPE
    };
    let found = inspection.derived.iter();
    let mut found = found.filter(|it| it.name == THUMBNAIL && is_picture(&it.media_type));
    found.next().map(|it| Thumbnail {
        blob: it.blob.clone(),
        media_type: it.media_type.clone(),
        size: it.size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Derived;

    fn by(inspector: &str, finding: Finding) -> Inspection {
        Inspection {
            inspector: inspector.to_owned(),
            finding,
            facts: Vec::new(),
            derived: Vec::new(),
        }
    }

    fn measured(width: &str, height: &str) -> Inspection {
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Inspection {
            facts: vec![fact("width", width), fact("height", height)],
            ..by("p", Finding::Clean)
        }
    }

    fn made(name: &str, media_type: &str) -> Inspection {
        let derived = Derived {
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            blob: "b".to_owned(),
            size: 1,
        };
        Inspection {
            derived: vec![derived],
            ..by("p", Finding::Clean)
        }
    }

    #[test]
    fn each_verdict_has_its_place() {
        let of = |text: &str| text.to_owned();
        let found = findings(&[
            by("a", Finding::Clean),
            by("b", Finding::Failed(of("trap"))),
            by("c", Finding::Suspicious(of("first"))),
            by("d", Finding::Unknown(of("no picture"))),
            by("e", Finding::Suspicious(of("second"))),
            by("f", Finding::Clean),
        ]);
        assert_eq!(found.clean_by, "a f");
        assert_eq!(found.suspicion, Some((of("c"), of("first"))));
        assert_eq!(found.silent, ["b", "d"]);
        assert_eq!(findings(&[]), Findings::default());
    }

    #[test]
    fn the_list_of_names_has_an_end() {
        let many: Vec<_> = (0..100)
            .map(|it| by(&format!("inspector-{it}"), Finding::Clean))
            .collect();
        let names = findings(&many).clean_by;
        assert!(names.len() <= MAX_NAMES, "{}", names.len());
        assert!(names.split(' ').all(|it| it.starts_with("inspector-")));
    }

    #[test]
    fn sides_are_believed_within_reason() {
        let sides = |width, height| findings(&[measured(width, height)]).sides;
        assert_eq!(sides("640", "480"), Some((640, 480)));
        for (width, height) in [
            ("0", "1"),
            ("1", "1000001"),
            ("-1", "1"),
            ("", "1"),
            ("1", "99999999999"),
        ] {
            assert_eq!(sides(width, height), None, "{width} {height}");
        }
        let two = [measured("1", "2"), measured("3", "4")];
        assert_eq!(findings(&two).sides, Some((1, 2)));
    }

    #[test]
    fn a_small_picture_is_a_picture() {
        let found = |name, media_type| findings(&[made(name, media_type)]).thumbnail;
        assert_eq!(found("thumbnail", "image/png").unwrap().blob, "b");
        for (name, media_type) in [
            ("copy", "image/png"),
            ("thumbnail", "text/html"),
            ("thumbnail", "image/svg+xml"),
            ("thumbnail", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(found(name, media_type), None, "{name} {media_type}");
        }
    }
}
