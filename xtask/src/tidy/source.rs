//! A Rust file as lines, with what is test and what is not.
//!
//! Reads formatted code by its indentation; it is no parser.

/// One line of a Rust file.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// As written.
    pub(super) text: &'a str,
    /// Inside a `#[cfg(test)]` item, or in a file that is one.
    pub(super) is_test: bool,
}

impl<'a> Line<'a> {
    /// The line without its comment and without what stands in string literals.
    pub(super) fn code(self) -> String {
        let mut code = String::new();
        let mut rest = self.text.chars().peekable();
        let mut is_quoted = false;
        while let Some(letter) = rest.next() {
            match letter {
                '\\' if is_quoted => {
                    rest.next();
                }
                '"' => {
                    is_quoted = !is_quoted;
                    code.push('"');
                }
                '/' if !is_quoted && rest.peek() == Some(&'/') => break,
                _ if is_quoted => {}
                plain => code.push(plain),
            }
        }
        code
    }

    /// The line without the spaces around it.
    pub(super) fn trimmed(self) -> &'a str {
        self.text.trim()
    }

    fn indent(self) -> usize {
        self.text.len() - self.text.trim_start().len()
    }
}

/// A function of a Rust file.
pub(super) struct Function<'a> {
    /// Its first line.
    pub(super) head: Line<'a>,
    /// From its first line to its closing brace, both counted.
    pub(super) lines: usize,
}

/// A Rust file.
pub(super) struct Source<'a> {
    /// Its lines in order.
    pub(super) lines: Vec<Line<'a>>,
}

impl<'a> Source<'a> {
    /// Splits a file that holds nothing but tests into lines.
    pub(super) fn read_tests(text: &'a str) -> Self {
        let lines = text.lines().enumerate();
        let lines = lines.map(|(index, text)| Line { number: index + 1, text, is_test: true });
        Self { lines: lines.collect() }
    }

    /// The names of the test modules that are files of their own: `#[cfg(test)] mod name;`.
    pub(super) fn test_modules(&self) -> Vec<&'a str> {
        let declared = self.lines.windows(2).filter_map(|pair| {
            let [attribute, module] = pair else { return None };
            let name = module.trimmed().strip_prefix("mod ")?.strip_suffix(';')?;
            (attribute.trimmed() == "#[cfg(test)]").then_some(name)
        });
        declared.collect()
    }

    /// Splits a file into lines and marks the test items.
    pub(super) fn read(text: &'a str) -> Self {
        let mut lines: Vec<Line<'a>> = text
            .lines()
            .enumerate()
            .map(|(index, text)| Line { number: index + 1, text, is_test: false })
            .collect();
        let mut test_indent = None;
        for line in &mut lines {
            if test_indent.is_none() && line.trimmed().starts_with("#[cfg(test)]") {
                test_indent = Some(line.indent());
            }
            let Some(indent) = test_indent else { continue };
            line.is_test = true;
            if line.indent() == indent && ends_item(line.trimmed()) {
                test_indent = None;
            }
        }
        Self { lines }
    }

    /// The functions, in the order in which they begin.
    pub(super) fn functions(&self) -> Vec<Function<'a>> {
        let mut functions = Vec::new();
        for (index, head) in self.lines.iter().enumerate() {
            if !begins_function(head.trimmed()) {
                continue;
            }
            let rest = self.lines.iter().skip(index);
            let ends = |line: &&Line<'_>| {
                line.indent() == head.indent() && matches!(line.trimmed(), "}" | "},")
                    || line.number == head.number && line.trimmed().ends_with(['}', ';'])
            };
            let Some(last) = rest.clone().find(ends) else {
                continue;
            };
            functions.push(Function { head: *head, lines: last.number - head.number + 1 });
        }
        functions
    }
}

fn ends_item(line: &str) -> bool {
    let is_attribute = line.starts_with("#[");
    !is_attribute && (line == "}" || line.ends_with(';') || line.ends_with('}'))
}

fn begins_function(line: &str) -> bool {
    let Some((before, _)) = line.split_once("fn ") else {
        return false;
    };
    before.split_whitespace().all(|word| {
        matches!(word, "pub" | "async" | "const" | "unsafe") || word.starts_with("pub(")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tests_module_is_test_up_to_its_closing_brace() {
        let source = Source::read("a\n#[cfg(test)]\nmod tests {\n    b\n}\nc\n");
        let marks: Vec<bool> = source.lines.iter().map(|line| line.is_test).collect();
        assert_eq!(marks, [false, true, true, true, true, false]);
    }

    #[test]
    fn a_tests_module_elsewhere_is_one_line() {
        let source = Source::read("#[cfg(test)]\nmod tests;\nmod other;\n");
        assert_eq!(source.test_modules(), ["tests"]);
        let marks: Vec<bool> = source.lines.iter().map(|line| line.is_test).collect();
        assert_eq!(marks, [true, true, false]);
    }

    #[test]
    fn functions_end_at_the_brace_under_their_head() {
        let source = Source::read("pub fn a() {\n    {\n    }\n}\nfn b() {}\n");
        let lines: Vec<usize> = source.functions().iter().map(|found| found.lines).collect();
        assert_eq!(lines, [4, 1]);
    }

    #[test]
    fn code_is_free_of_strings_and_comments() {
        let source = Source::read("let a = \"x // y\"; // z");
        assert_eq!(source.lines[0].code(), "let a = \"\"; ");
    }
}
