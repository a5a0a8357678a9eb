//! Recognising a Python traceback line by line, to keep it together.
//!
//! As lines of their own its parts would be torn from each other by every log collector.

const HEAD: &str = "Traceback (most recent call last):";
const GROUP_HEAD: &str = "  + Exception Group Traceback (most recent call last):";
const LINKS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

/// The lines so far.
#[derive(Debug)]
pub(super) struct Traceback {
    text: String,
    step: Step,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Indented lines, then the exception's own line.
    Frames,
    /// Indented lines only: the exceptions of a group are indented too.
    Group,
    /// The exception's line was seen; another traceback may be linked to it.
    Named,
}

impl Traceback {
    /// `line` is the first of a traceback.
    pub(super) fn starts(line: &str) -> Option<Self> {
        let step = if line == HEAD {
            Step::Frames
        } else if line == GROUP_HEAD {
            Step::Group
        } else {
            return None;
        };
        Some(Self { text: line.to_owned(), step })
    }

    /// Takes `line` if it belongs to the lines so far.
    pub(super) fn takes(&mut self, line: &str) -> bool {
        let indented = line.starts_with([' ', '\t']);
        let belongs = match self.step {
            Step::Group => indented,
            Step::Frames => true,
            Step::Named => line.is_empty() || line == HEAD || LINKS.contains(&line),
        };
        if belongs {
            self.text.push('\n');
            self.text.push_str(line);
            if self.step == Step::Frames && !indented && !line.is_empty() {
                self.step = Step::Named;
            } else if line == HEAD {
                self.step = Step::Frames;
            }
        }
        belongs
    }

    /// Its length so far.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// All its lines.
    pub(super) fn into_text(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}
