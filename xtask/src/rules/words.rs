//! The host knows no chat: none of the words of that trade stands in its sources.

use super::source::Source;

/// Whole words, in lower case. The singular `channel` is not among them: tasks talk
/// through channels.
const CHAT: [&str; 15] = [
    "attachment_files",
    "attachments",
    "channel_id",
    "channel_type",
    "channelid",
    "channels",
    "channeltype",
    "chat",
    "chats",
    "createmessage",
    "message_id",
    "message_recipients",
    "messageid",
    "recipients",
    "viewmessage",
];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.path.starts_with("host/src/"))
    {
        for line in &source.lines {
            for word in words(&line.text) {
                if CHAT.contains(&word.as_str()) {
                    violations.push(format!("{}:{}: `{word}`", source.path, line.number));
                }
            }
        }
    }
    violations
}

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::source::Source;

    #[test]
    fn words_of_the_trade_are_found_in_code_and_comments() {
        let text = "let (a, b) = mpsc::channel(1);\nfn f(channel_id: u8) {}\n// for the Chat\n";
        let found = check(&[Source::new("host/src/server/mod.rs", text)]);
        assert_eq!(
            found,
            [
                "host/src/server/mod.rs:2: `channel_id`",
                "host/src/server/mod.rs:3: `chat`"
            ]
        );
    }

    #[test]
    fn other_crates_may_use_them() {
        assert!(check(&[Source::new("plugin/src/lib.rs", "channels")]).is_empty());
    }
}
